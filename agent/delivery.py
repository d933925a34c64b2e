"""Windows on their way to the sink: a bounded queue in memory and a thread that sends, backs off and tries again.

What waits here is lost when the process ends: it is a buffer against minutes of trouble, not a spool.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from agent.clock import Clock
from agent.sample import Window
from agent.sinks import Outcome, Sink

log = logging.getLogger(__name__)

MAX_WINDOWS = 120
"""Two hours of one-minute windows: about 10 KiB each for a host, 30 KiB with eight GPUs."""
SENT = "window sent"
"""Logged with the `start` of each window that the sink took whole."""
SEND_SECONDS = 10.0
FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 300.0
REPEAT_LOG_SECONDS = 300.0


def backoff_seconds(failures: int, chance: float) -> float:
    """How long to wait after so many failures in a row: full jitter, `chance` being in [0, 1)."""
    return chance * min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures, 16))


class Delivery:
    """Oldest window first. `offer` from the sampling thread; one thread of its own calls the sink."""

    def __init__(self, sink: Sink, *, clock: Clock, chance: Callable[[], float], capacity: int = MAX_WINDOWS) -> None:
        """`chance` gives numbers in [0, 1) for the jitter."""
        self._sink = sink
        self._clock = clock
        self._chance = chance
        self._capacity = capacity
        self._windows: deque[Window] = deque()
        self._ready = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)
        self._logged_at = float("-inf")
        self.lost = 0
        """Windows dropped because the queue was full."""
        self.rejected = 0
        """Datums that the sink will never take."""

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def offer(self, window: Window) -> None:
        """Queue a window; where the queue is full the oldest is dropped."""
        with self._ready:
            self._windows.append(window)
            if len(self._windows) > self._capacity:
                dropped = self._windows.popleft()
                self.lost += 1
                log.warning("window dropped: queue full", extra={"start": dropped.start, "lost": self.lost})
            self._ready.notify()

    def finish(self, *, within_seconds: float) -> int:
        """Try once to send what waits, give up after `within_seconds`; returns how many windows are left."""
        self._stopping.set()
        with self._ready:
            self._ready.notify()
        self._thread.join(within_seconds)
        with self._ready:
            return len(self._windows)

    def _run(self) -> None:
        failures = 0
        while (window := self._next()) is not None:
            # Once told to stop there is one attempt, and a short one.
            last = self._stopping.is_set()
            outcome = self._sink.send(window, timeout_seconds=SEND_SECONDS / 4 if last else SEND_SECONDS)
            self._settle(window, outcome)
            if not outcome.rest:
                failures = 0
                continue
            if last:
                return
            self._complain(window, outcome)
            self._clock.sleep(backoff_seconds(failures, self._chance()), self._stopping)
            failures += 1

    def _next(self) -> Window | None:
        with self._ready:
            while not self._windows and not self._stopping.is_set():
                self._ready.wait()
            return self._windows[0] if self._windows else None

    def _settle(self, window: Window, outcome: Outcome) -> None:
        self.rejected += outcome.rejected
        if outcome.rejected:
            log.error("datums rejected", extra={"datums": outcome.rejected, "reason": outcome.reason})
        with self._ready:
            if not self._windows or self._windows[0] is not window:
                return  # dropped as the oldest while it was being sent
            if outcome.rest:
                self._windows[0] = replace(window, datums=outcome.rest)
            else:
                self._windows.popleft()
        if not outcome.rest:
            self._logged_at = float("-inf")
            start = window.start.isoformat()
            facts = {"start": start, "datums": len(window.datums), "dropped_samples": window.dropped}
            log.info(SENT, extra=facts)

    def _complain(self, window: Window, outcome: Outcome) -> None:
        now = self._clock.monotonic()
        if now - self._logged_at >= REPEAT_LOG_SECONDS:
            self._logged_at = now
            facts = {"start": window.start, "waiting": len(self._windows), "reason": outcome.reason}
            log.warning("window not sent", extra=facts)
