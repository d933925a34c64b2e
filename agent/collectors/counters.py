"""Counters that only go up, as what was added since the previous look."""

from collections.abc import Mapping

Counters = tuple[int, ...]


class Deltas:
    """Remembers each device's counters; gives the sum over the devices of what each counter grew by.

    A device that was not there before, or one of whose counters went back (a reset, a wrap), is left out once.
    """

    def __init__(self) -> None:
        self._before: Mapping[str, Counters] = {}

    def since(self, now: Mapping[str, Counters]) -> Counters | None:
        """Growth by counter, summed over devices; None when no device can be compared."""
        before, self._before = self._before, now
        grown = [
            [new - old for new, old in zip(counters, before[device], strict=True)]
            for device, counters in now.items()
            if device in before
        ]
        grown = [growth for growth in grown if min(growth) >= 0]
        return tuple(map(sum, zip(*grown, strict=True))) if grown else None
