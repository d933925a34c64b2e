"""What flows through the agent: a collector's samples, and the windows that aggregation makes of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from core.catalogue.metric import Metric

Dimensions = tuple[tuple[str, str], ...]
"""(name, value) pairs."""


class NoData(Exception):
    """A collector has nothing to say this time (no GPU, no swap, the first of two reads)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series, in the metric's own unit.

    `dimensions` are those beyond the host's own: `(("path", "/"),)`. For counters the value is what was added since
    the collector's previous look.
    """

    metric: Metric
    value: float
    dimensions: Dimensions = ()


class Collector(Protocol):
    """Looks at one thing. Called from one thread; what it raises is the loop's to handle."""

    def collect(self) -> Iterable[Sample]:
        """The present values; raises NoData when there is nothing to look at."""
        ...


@dataclass(frozen=True, slots=True)
class Datum:
    """One series over one window, as a statistic set, with all its dimensions.

    `values` and `counts`, where present, are the window's distinct values and how often each was seen; they describe
    the same samples as the statistic set.
    """

    metric: Metric
    dimensions: Dimensions
    minimum: float
    maximum: float
    total: float
    count: int
    values: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """Everything seen from `start` (UTC, a whole multiple of `length` since the epoch) until `start + length`.

    `dropped` counts samples that were no number CloudWatch takes.
    """

    start: datetime
    length: timedelta
    datums: tuple[Datum, ...]
    dropped: int = 0
