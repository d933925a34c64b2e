"""Time as the agent sees it: the machine's, or (agent/embedded_clock.py) one whose minutes may pass faster."""

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Bell(threading.Event):
    """Ends a rest: `set` for now, `end` for good."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = False

    def end(self) -> None:
        """Let whoever rests stop altogether."""
        self.ended = True
        self.set()


class Clock(Protocol):
    """`now` stamps windows; `monotonic` (seconds) measures; `sleep` waits. All three may be called from any thread."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def sleep(self, seconds: float, wake: threading.Event) -> None:
        """Return after `seconds`, or as soon as `wake` is set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float, wake: threading.Event) -> None:
        """Return after `seconds`, or as soon as `wake` is set."""
        wake.wait(seconds)


class ClockError(Exception):
    """The clock that the configuration names does not answer."""
