"""Moves a virtual clock along with wall time: at its pace (speed 1), or faster."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from local.clock import Clock

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
"""How often the clock is moved; work due between two ticks runs at its own virtual instant all the same."""


class Pace:
    """A thread that moves a clock by `speed` virtual seconds a wall second, from `start` to `stop`.

    What due work raises is logged and the clock goes on; `failed`, when given, is told of it too. When due work takes
    longer than a tick the clock catches up afterwards. Moves that others make come on top.
    """

    def __init__(self, clock: Clock, *, speed: float = 1.0, failed: Callable[[Exception], None] | None = None) -> None:
        if speed <= 0:
            raise ValueError(f"speed: {speed} is not above 0")
        self._clock = clock
        self._speed = speed
        self._failed = failed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clock-pace", daemon=True)

    def start(self) -> None:
        """Let time pass."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the clock where it is, once the work that is running has ended."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        last = time.monotonic()
        while not self._stopping.wait(TICK_SECONDS):
            now = time.monotonic()
            passed, last = now - last, now
            try:
                self._clock.advance(timedelta(seconds=passed * self._speed))
            except Exception as error:
                log.exception("due work failed")
                if self._failed is not None:
                    self._failed(error)
