"""Counters that only go up, as what was added since the previous look."""

from collections.abc import Mapping
from operator import sub

Counters = tuple[int, ...]


class Deltas:
    """Remembers each device's counters; gives what each counter grew by.

    A device that was not there before, or one of whose counters went back (a reset, a wrap), is left out once.
    """

    def __init__(self) -> None:
        self._before: Mapping[str, Counters] = {}

    @property
    def seen(self) -> bool:
        """Whether there was any device at the previous look."""
        return bool(self._before)

    def by_device(self, now: Mapping[str, Counters]) -> dict[str, Counters]:
        """Growth by device and counter, of the devices that can be compared."""
        before, self._before = self._before, now
        grown = {}
        for device, counters in now.items():
            old = before.get(device)
            if old is not None:
                growth = tuple(map(sub, counters, old))
                if min(growth) >= 0:
                    grown[device] = growth
        return grown

    def since(self, now: Mapping[str, Counters]) -> Counters | None:
        """Growth by counter, summed over devices; None when no device can be compared."""
        return total(self.by_device(now))


def total(grown: Mapping[str, Counters]) -> Counters | None:
    """The sum over the devices; None without any."""
    if len(grown) == 1:
        return next(iter(grown.values()))
    return tuple(map(sum, zip(*grown.values(), strict=True))) if grown else None
