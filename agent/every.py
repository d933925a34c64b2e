"""What need not be looked at each round."""

from collections.abc import Callable


class Every:
    """True at the first asking, or as many as `first` says, then once each `seconds`."""

    def __init__(self, seconds: float, monotonic: Callable[[], float], *, first: int = 1) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._next = float("-inf")
        self._first = first

    def due(self) -> bool:
        """Whether it is time; asking takes the turn."""
        now = self._monotonic()
        if now < self._next:
            return False
        self._first -= 1
        if self._first <= 0:
            self._next = now + self._seconds
        return True
