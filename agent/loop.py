"""The loop: collectors on time, their failures kept apart and counted, a window closed each minute."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from agent.aggregate import Aggregate, window_start
from agent.clock import Clock
from agent.sample import Collector, NoData, Pressing, Sample, Window
from core.catalogue import host

log = logging.getLogger(__name__)

FIRST_ROUND = "first samples taken"
"""Logged with the `start` of the first window once there is something in it."""
PRESSING_SECONDS = 1.5
"""Between questions whether a collector has what cannot wait for the next round: it has to be on disk within 2 s."""
REPEAT_LOG_SECONDS = 300.0
"""A collector that goes on failing is logged again this often."""

_HEARTBEAT = Sample(host.AGENT_HEARTBEAT, 1)


class _Turn:
    """When a collector looks: at the first two rounds, as what is counted needs two looks, then at its own pace."""

    __slots__ = ("_again", "_between", "_next", "collector", "name")

    def __init__(self, name: str, collector: Collector, seconds: float, sample_seconds: float) -> None:
        self.name = name
        self.collector = collector
        self._between = seconds - sample_seconds / 2 if seconds > sample_seconds else 0.0  # rounds are never quite even
        self._next = float("-inf")
        self._again = False

    def due(self, now: float) -> bool:
        if now < self._next:
            return False
        if self._again and self._between:
            self._next = now + self._between
        self._again = True
        return True


class Loop:
    """Takes rounds of samples and hands on windows.

    `timer` (seconds) measures what a collector costs in the machine's own time, whatever clock the windows follow.
    `every` has the seconds between looks of those collectors that need not look at each round. `admits` says of each
    sample whether it is sent; `observers` are shown every one at once (how looks went: with the window); `round_taken`
    is told of each round. A round that saw a fault hands on the series that tell of it right away, as a window with
    the same start. `pressing` are those of the collectors that may have what cannot wait for the next round.
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
        observers: Sequence[Callable[[Sample], None]] = (),
        admits: Callable[[Sample], bool] = lambda sample: True,  # noqa: ARG005
        round_taken: Callable[[], None] = lambda: None,
        pressing: Mapping[str, Pressing] = MappingProxyType({}),
        every: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        between = sample_every.total_seconds()
        self._turns = [_Turn(name, one, every.get(name, 0.0), between) for name, one in collectors.items()]
        self._aggregate = aggregate
        self._clock = clock
        self._timer = timer
        self._sample_every = sample_every
        self._length = window_length
        self._hand_on = hand_on
        self._observers = observers
        self._admits = admits
        self._round_taken = round_taken
        self._pressing = pressing
        self._start: datetime | None = None
        self._failures: dict[str, int] = {}
        self._logged_at: dict[str, float] = {}
        self._looks: defaultdict[str, list[float]] = defaultdict(list)

    def run(self, stop: threading.Event) -> None:
        """Take a round at each whole multiple of the sampling interval until `stop` is set; close what is open."""
        now = self._clock.now()
        while not stop.is_set():
            first = self._start is None
            self.round(now)
            if first:
                log.info(FIRST_ROUND, extra={"start": window_start(now, self._length).isoformat()})
            due = window_start(now, self._sample_every) + self._sample_every
            # Never longer than an interval, even when the clock was set back meanwhile.
            self._rest(min(due - self._clock.now(), self._sample_every).total_seconds(), stop)
            now = self._clock.now()
            if timedelta() < due - now < self._sample_every / 10:
                now = due  # woken a moment early: the same instant, not one more round
        self._roll(self._clock.now())
        self.close()

    def round(self, now: datetime) -> None:
        """Every collector whose turn it is, into the window of `now`, and the heartbeat, whatever becomes of them."""
        self._roll(now)
        self._add(_HEARTBEAT)
        at = self._clock.monotonic()
        for turn in self._turns:
            if turn.due(at):
                self._collect(turn.name, turn.collector)
        self._hand_on_faults(now)
        self._round_taken()

    def close(self) -> None:
        """Hand on the open window, however short it is."""
        if self._start is not None:
            self._tell_looks()
            window = self._aggregate.close(self._start, self._length)
            self._start = None
            if window.datums:
                self._hand_on(window)

    def _rest(self, seconds: float, stop: threading.Event) -> None:
        """Sleep, but for what cannot wait."""
        if not any(collector.may_press for collector in self._pressing.values()):
            self._clock.sleep(seconds, stop)
            return
        until = self._clock.monotonic() + seconds
        while not stop.is_set():
            self._press()
            left = until - self._clock.monotonic()
            if left <= 0:
                return
            self._clock.sleep(min(left, PRESSING_SECONDS), stop)

    def _press(self) -> None:
        """Look where something presses; what that first look did not dare to ask for, a second one does."""
        for name, collector in self._pressing.items():
            for _ in range(2):
                if not collector.pressing():
                    break
                now = self._clock.now()
                self._roll(now)
                self._collect(name, collector)
                self._hand_on_faults(now)

    def _hand_on_faults(self, now: datetime) -> None:
        # The window ends now, so that what is found in the rest of the minute has another end.
        elapsed = timedelta(seconds=self._aggregate.second + 1)
        faults = self._aggregate.take_faults(window_start(now, self._length), elapsed)
        if faults is not None:
            self._hand_on(faults)

    def _roll(self, now: datetime) -> None:
        start = window_start(now, self._length)
        if start != self._start:
            self.close()
            self._start = start
        self._aggregate.second = int((now - start).total_seconds())

    def _add(self, sample: Sample) -> None:
        if self._admits(sample):
            self._aggregate.add(sample)
        for observe in self._observers:
            observe(sample)

    def _collect(self, name: str, collector: Collector) -> None:
        started = self._timer()
        admits, add, observers = self._admits, self._aggregate.add, self._observers
        try:
            for sample in collector.collect():
                if admits(sample):
                    add(sample)
                for observe in observers:
                    observe(sample)
        except NoData:
            return
        except Exception as error:  # noqa: BLE001  whatever one collector does, the others go on
            self._failed(name, error)
            self._tell_look(name, 0.0, [(self._timer() - started) * 1000])
        else:
            if name in self._failures:
                self._recovered(name)
            self._looks[name].append((self._timer() - started) * 1000)

    def _tell_looks(self) -> None:
        """Once a window for those that went well: told one by one they would cost as much as what was seen."""
        for name, took in self._looks.items():
            self._tell_look(name, 1.0, took)
        self._looks.clear()

    def _tell_look(self, name: str, success: float, took: Sequence[float]) -> None:
        """How looks of a collector ended, and the milliseconds of each."""
        for device in ((), (("collector", name),)):  # folded over the collectors, and its own
            self._add(Sample(host.AGENT_COLLECTOR_SUCCESS, success, device, times=len(took)))
            for milliseconds in took:
                self._add(Sample(host.AGENT_COLLECTOR_DURATION, milliseconds, device))

    def _failed(self, name: str, error: Exception) -> None:
        count = self._failures[name] = self._failures.get(name, 0) + 1
        now = self._clock.monotonic()
        if count == 1 or now - self._logged_at[name] >= REPEAT_LOG_SECONDS:
            self._logged_at[name] = now
            facts = {"collector": name, "failures": count, "error": f"{type(error).__name__}: {error}"}
            log.warning("collector failed", extra=facts)

    def _recovered(self, name: str) -> None:
        log.info("collector recovered", extra={"collector": name, "failures": self._failures.pop(name)})
