"""The loop: collectors on time, their failures kept apart and counted, a window closed each minute."""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from agent.aggregate import Aggregate, window_start
from agent.clock import Bell, Clock
from agent.sample import Collector, Look, NoData, Pressing, Sample, Window
from agent.turns import Timetable, Turn
from core.catalogue import host

log = logging.getLogger(__name__)

FIRST_ROUND = "first samples taken"
"""Logged with the `start` of the first window once everything has been looked at."""
TOGETHER = range(5, 13)
"""The looks of so many rounds are understood together, where nobody is to be shown their samples at once."""
REPEAT_LOG_SECONDS = 300.0
"""A collector that goes on failing is logged again this often."""

_HEARTBEAT = Sample(host.AGENT_HEARTBEAT, 1)


class Loop:
    """Takes rounds of samples and hands on windows.

    `timer` (seconds) measures what a collector costs in the machine's own time, whatever clock the windows follow.
    `every` has the seconds between looks of those collectors that need not look at each round. `admits` says of each
    sample whether it is sent; `observers` are shown every one at once (how looks went: with the window); `round_taken`
    is told of each round. A round that saw a fault hands on the series that tell of it right away, as a window with
    the same start. `pressing` are those of the collectors that may have what cannot wait for the next round. Without
    observers, what collectors that defer saw is understood in the rounds that have more to do anyway, and before a
    window closes.
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
        turns = [Turn(name, one, every.get(name, 0.0), between) for name, one in collectors.items()]
        self._turns = {turn.name: turn for turn in turns}
        self._timetable = Timetable(turns)
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
        self._second = 0
        self._beats: list[int] = []
        """The rounds since the last time that looks were understood, by their second of the window."""
        self._deferred: list[tuple[Turn, int, Look, float]] = []
        """What was seen and is not yet understood: whose, its second of the window, and how many seconds it took."""
        self._failures: dict[str, int] = {}
        self._logged_at: dict[str, float] = {}
        self._looks: defaultdict[str, list[float]] = defaultdict(list)

    def run(self, bell: Bell) -> None:
        """Take a round at each whole multiple of the sampling interval until `bell` is ended; close what is open."""
        for collector in self._pressing.values():
            collector.notify(bell.set)
        now = self._clock.now()
        while not bell.ended:
            first = self._start is None
            self.round(now)
            if first:
                log.info(FIRST_ROUND, extra={"start": window_start(now, self._length).isoformat()})
            due = window_start(now, self._sample_every) + self._sample_every
            # Never longer than an interval, even when the clock was set back meanwhile.
            self._rest(min(due - self._clock.now(), self._sample_every).total_seconds(), bell)
            now = self._clock.now()
            if timedelta() < due - now < self._sample_every / 10:
                now = due  # woken a moment early: the same instant, not one more round
        self._roll(self._clock.now())
        self.close()

    def round(self, now: datetime) -> None:
        """Every collector whose turn it is, into the window of `now`, and the heartbeat, whatever becomes of them."""
        self._roll(now)
        at = self._clock.monotonic()
        due = self._timetable.due(at)
        for turn in due:
            if turn.look is None:
                self._collect(turn, turn.collector.collect)
            else:
                self._defer(turn, turn.look)
        self._beats.append(self._second)
        if self._observers or self._enough(more=due is not self._timetable.each_round):
            self._understand()
        self._hand_on_faults(now)
        self._round_taken()

    def close(self) -> None:
        """Hand on the open window, however short it is."""
        if self._start is not None:
            self._understand()
            self._tell_looks()
            window = self._aggregate.close(self._start, self._length)
            self._start = None
            if window.datums:
                self._hand_on(window)

    def _rest(self, seconds: float, bell: Bell) -> None:
        """Sleep, but for what cannot wait."""
        until = self._clock.monotonic() + seconds
        while not bell.ended:
            bell.clear()
            self._press()
            left = until - self._clock.monotonic()
            if left <= 0 or bell.ended:  # which may have been just before it was cleared
                return
            self._clock.sleep(left, bell)
            if not bell.is_set():
                return

    def _press(self) -> None:
        """Look where something presses; what that first look did not dare to ask for, a second one does."""
        for name, collector in self._pressing.items():
            for _ in range(2):
                if not collector.pressing():
                    break
                now = self._clock.now()
                self._roll(now)
                self._collect(self._turns[name], collector.collect)
                self._hand_on_faults(now)

    def _hand_on_faults(self, now: datetime) -> None:
        if self._aggregate.has_faults:
            # The window ends now, so that what is found in the rest of the minute has another end.
            elapsed = timedelta(seconds=self._second + 1)
            self._hand_on(self._aggregate.take_faults(window_start(now, self._length), elapsed))

    def _roll(self, now: datetime) -> None:
        start = window_start(now, self._length)
        if start != self._start:
            self.close()
            self._start = start
        self._second = self._aggregate.second = int((now - start).total_seconds())

    def _add(self, sample: Sample) -> None:
        if self._admits(sample):
            self._aggregate.add(sample)
        for observe in self._observers:
            observe(sample)

    def _defer(self, turn: Turn, look: Callable[[], Look]) -> None:
        """A look that is understood later."""
        started = self._timer()
        try:
            seen = look()
        except Exception as error:  # noqa: BLE001  whatever one collector does, the others go on
            self._not_seen(turn, error, started)
        else:
            self._deferred.append((turn, self._second, seen, self._timer() - started))

    def _enough(self, *, more: bool) -> bool:
        """Whether to understand now what was seen: best in a round that has `more` to do anyway."""
        return len(self._beats) >= (TOGETHER.start if more else TOGETHER.stop - 1)

    def _understand(self) -> None:
        """Samples of what was seen meanwhile, and the rounds' heartbeats."""
        beats, self._beats = self._beats, []
        deferred, self._deferred = self._deferred, []
        for second in beats:
            self._aggregate.second = second
            self._add(_HEARTBEAT)
        for turn, second, seen, took in deferred:
            self._aggregate.second = second
            self._collect(turn, seen, took)
        self._aggregate.second = self._second

    def _collect(self, turn: Turn, look: Look, took: float = 0.0) -> None:
        """The samples of one look, which took so many seconds before."""
        started = self._timer() - took
        admits, add, observers = self._admits, self._aggregate.add, self._observers
        try:
            for sample in look():
                if admits(sample):
                    add(sample)
                for observe in observers:
                    observe(sample)
        except Exception as error:  # noqa: BLE001  whatever one collector does, the others go on
            self._not_seen(turn, error, started)
        else:
            if turn.name in self._failures:
                self._recovered(turn.name)
            self._looks[turn.name].append((self._timer() - started) * 1000)

    def _not_seen(self, turn: Turn, error: Exception, started: float) -> None:
        if isinstance(error, NoData):
            if error.seconds:
                self._timetable.rest(turn, self._clock.monotonic() + error.seconds)
            return
        self._failed(turn.name, error)
        self._tell_look(turn.name, 0.0, [(self._timer() - started) * 1000])

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
