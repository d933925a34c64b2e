"""Counters that an application only ever raises, as what they grew by."""

from collections.abc import Callable, Hashable

Totals = tuple[float, ...]

MOST_COUNTERS = 20_000
FORGOTTEN_SECONDS = 3600.0


class Growth:
    """Remembers the totals of each counter, told by any key."""

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._before: dict[Hashable, tuple[Totals, int, float]] = {}

    def since(self, key: Hashable, totals: Totals, *, start: int = 0, born: bool = False) -> Totals | None:
        """What each total grew by since the last look; None at the first.

        `start` is when the counter began, where the application tells: another start, or a total that fell, is a
        counter that began anew, at 0. One that is `born` began at 0 since the look before. Raises ValueError where
        there are too many to remember.
        """
        now = self._monotonic()
        known = self._before.get(key)
        if known is None:
            self._make_room(now)
        self._before[key] = (totals, start, now)
        if known is None:
            return totals if born else None
        before, started, _ = known
        if start != started or len(before) != len(totals):
            return totals
        grown = tuple(new - old for new, old in zip(totals, before, strict=True))
        return totals if min(grown) < 0 else grown

    def _make_room(self, now: float) -> None:
        if len(self._before) < MOST_COUNTERS:
            return
        self._before = {key: held for key, held in self._before.items() if now - held[2] < FORGOTTEN_SECONDS}
        if len(self._before) >= MOST_COUNTERS:
            raise ValueError(f"more than {MOST_COUNTERS} counters")
