"""History that was fetched as finished statistics, where the readings expect a store."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.cloudwatch.datums import Dimensions
from local.cloudwatch.store import Key, Series, Store


@dataclass(frozen=True, slots=True)
class Fetched:
    """One statistic's values by the epoch second at which their periods start."""

    statistic: str
    period: int
    unit: str | None
    values: Mapping[int, float]


class FetchedSeries(Series):
    """A series of which some statistics are known, each at its own period."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[tuple[str, int, str | None], Mapping[int, float]] = {}

    def put(self, fetched: Fetched) -> None:
        """Add a statistic."""
        self._known[(fetched.statistic, fetched.period, fetched.unit)] = fetched.values

    def values(
        self, statistic: str, *, start: int, period: int, count: int, unit: str | None = None
    ) -> list[float | None]:
        """The statistic of `count` periods from `start`; nothing where it was not fetched like this."""
        known = self._known.get((statistic, period, unit), {})
        return [known.get(at) for at in range(start, start + period * count, period)]


class Archive(Store):
    """A store of fetched statistics."""

    def __init__(self) -> None:
        super().__init__()
        self._fetched: dict[Key, FetchedSeries] = {}

    def put(self, key: Key, fetched: Fetched) -> None:
        """Add a statistic of a series."""
        self._fetched.setdefault(key, FetchedSeries()).put(fetched)

    def find(self, namespace: str, name: str, dimensions: Dimensions) -> Series | None:
        """The series with exactly these dimensions."""
        return self._fetched.get(Key(namespace, name, dimensions))

    def items(self) -> Iterator[tuple[Key, Series]]:
        """Every series with its identity."""
        yield from self._fetched.items()
