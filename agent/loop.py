"""The loop: collectors on time, their failures kept apart and counted, a window closed each minute."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from agent.aggregate import Aggregate, window_start
from agent.clock import Clock
from agent.sample import Collector, NoData, Sample, Window
from core.catalogue import host

log = logging.getLogger(__name__)

FIRST_ROUND = "first samples taken"
"""Logged with the `start` of the first window once there is something in it."""
REPEAT_LOG_SECONDS = 300.0
"""A collector that goes on failing is logged again this often."""


class Loop:
    """Takes rounds of samples and hands on windows.

    `timer` (seconds) measures what a collector costs in the machine's own time, whatever clock the windows follow.
    """

    def __init__(
        self,
        collectors: Mapping[str, Collector],
        *,
        aggregate: Aggregate,
        clock: Clock,
        timer: Callable[[], float],
        sample_every: timedelta,
        window_length: timedelta,
        hand_on: Callable[[Window], None],
    ) -> None:
        self._collectors = collectors
        self._aggregate = aggregate
        self._clock = clock
        self._timer = timer
        self._sample_every = sample_every
        self._length = window_length
        self._hand_on = hand_on
        self._start: datetime | None = None
        self._failures: dict[str, int] = {}
        self._logged_at: dict[str, float] = {}

    def run(self, stop: threading.Event) -> None:
        """Take a round at each whole multiple of the sampling interval until `stop` is set; close what is open."""
        now = self._clock.now()
        while not stop.is_set():
            first = self._start is None
            self.round(now)
            if first:
                log.info(FIRST_ROUND, extra={"start": window_start(now, self._length).isoformat()})
            due = window_start(now, self._sample_every) + self._sample_every
            self._clock.sleep((due - self._clock.now()).total_seconds(), stop)
            now = self._clock.now()
            if timedelta() < due - now < self._sample_every / 10:
                now = due  # woken a moment early: the same instant, not one more round
        self._roll(self._clock.now())
        self.close()

    def round(self, now: datetime) -> None:
        """Every collector once, into the window of `now`, and the heartbeat, whatever becomes of them."""
        self._roll(now)
        self._aggregate.add(Sample(host.AGENT_HEARTBEAT, 1))
        for name, collector in self._collectors.items():
            self._collect(name, collector)

    def close(self) -> None:
        """Hand on the open window, however short it is."""
        if self._start is not None:
            window = self._aggregate.close(self._start, self._length)
            self._start = None
            if window.datums:
                self._hand_on(window)

    def _roll(self, now: datetime) -> None:
        start = window_start(now, self._length)
        if start != self._start:
            self.close()
            self._start = start

    def _collect(self, name: str, collector: Collector) -> None:
        started = self._timer()
        try:
            for sample in collector.collect():
                self._aggregate.add(sample)
        except NoData:
            return
        except Exception as error:  # noqa: BLE001  whatever one collector does, the others go on
            self._failed(name, error)
            success = 0
        else:
            self._recovered(name)
            success = 1
        dimensions = (("collector", name),)
        milliseconds = (self._timer() - started) * 1000
        self._aggregate.add(Sample(host.AGENT_COLLECTOR_SUCCESS, success, dimensions))
        self._aggregate.add(Sample(host.AGENT_COLLECTOR_DURATION, milliseconds, dimensions))

    def _failed(self, name: str, error: Exception) -> None:
        count = self._failures[name] = self._failures.get(name, 0) + 1
        now = self._clock.monotonic()
        if count == 1 or now - self._logged_at[name] >= REPEAT_LOG_SECONDS:
            self._logged_at[name] = now
            facts = {"collector": name, "failures": count, "error": f"{type(error).__name__}: {error}"}
            log.warning("collector failed", extra=facts)

    def _recovered(self, name: str) -> None:
        count = self._failures.pop(name, 0)
        if count:
            log.info("collector recovered", extra={"collector": name, "failures": count})
