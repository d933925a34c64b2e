"""Metric alarms that need no evaluation for a while: what the store holds says that their state stays as it is.

Minutes ahead are evaluated in bulk, as if nothing more were to come. An alarm whose state changes in none of them
rests, and further minutes are looked at when those are over; it wakes when its state would change, when its metric
receives data or when it is itself changed. Every change of state is still found by the evaluator, at its instant:
resting leaves out evaluations that would change nothing.
"""

import heapq
import itertools
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from core.catalogue.alarm import MissingData
from core.cloudwatch import evaluation, reasons, windows
from core.cloudwatch.stat import Stat
from local.cloudwatch import bulk
from local.cloudwatch.readings import read_numbers
from local.cloudwatch.records import MetricAlarm
from local.cloudwatch.registry import Registry
from local.cloudwatch.sight import Sight
from local.cloudwatch.store import Place, Store

_MINUTE = 60
_AHEAD = 240
"""Minutes that are evaluated ahead, and a little more where the period does not divide them."""
_AT_ONCE = 500
"""Alarms in one matrix."""


class Resting:
    """Puts alarms to rest and wakes them, in the registry."""

    def __init__(self, store: Store, sight: Sight, registry: Registry) -> None:
        self._store = store
        self._sight = sight
        self._registry = registry
        self._calendar: dict[int, list[MetricAlarm]] = {}
        """By the end of a rest, doubled, and one more where the alarm is only to be looked at further ahead.

        Plain lists, and no value for each alarm: the garbage collector goes through all that there is, again and again.
        """
        self._ends: list[int] = []
        self._rests: dict[str, int] = {}
        """By alarm: the end of its last rest. What the calendar holds of earlier ones is passed over."""
        self._further: list[MetricAlarm] = []
        self._by_series: dict[Place, dict[str, MetricAlarm]] = {}
        self._touched: set[Place] = set()
        self._delay = sight.delay

    def wake(self, now: datetime) -> None:
        """Wake the alarms that must be evaluated at `now`."""
        at = int(now.timestamp())
        while self._ends and self._ends[0] // 2 <= at:
            self._end(heapq.heappop(self._ends))
        self._touched |= self._store.touched
        self._store.touched.clear()
        if self._delay != self._sight.delay:
            self._delay = self._sight.delay
            self._touched |= self._by_series.keys()
        for place in self._touched & self._by_series.keys():
            for alarm in self._by_series.pop(place).values():
                self._registry.wake(alarm)

    def _end(self, end: int) -> None:
        for alarm in self._calendar.pop(end):
            if self._rests.get(alarm.name) != end or not self._registry.rests(alarm):
                continue
            del self._rests[alarm.name]
            if end % 2:
                self._further.append(alarm)
            else:
                self._registry.wake(alarm)

    def rest(self, evaluated: Sequence[MetricAlarm], now: datetime) -> None:
        """Put those to rest of the alarms just evaluated whose state will stay, as far as the store says.

        Whose metric received data in the last minute is left awake: more is likely to come.
        """
        if now.second:
            return
        groups: dict[tuple[int, int], list[MetricAlarm]] = defaultdict(list)
        for alarm in itertools.chain(evaluated, self._further):
            stat = _foreseen(alarm)
            if stat is not None and _place(stat) not in self._touched:
                groups[(stat.period, alarm.plan.condition.periods)].append(alarm)
        self._touched.clear()
        self._further.clear()
        for (period, _), group in groups.items():
            for start in range(0, len(group), _AT_ONCE):
                self._rest_alike(group[start : start + _AT_ONCE], period, now)

    def _rest_alike(self, alike: Sequence[MetricAlarm], period: int, now: datetime) -> None:
        """For alarms of one period and one number of periods."""
        phases = period // _MINUTE
        steps = -(-_AHEAD // phases)
        rows = [row for alarm in alike for row in self._ahead(alarm, now, steps)]
        counts = bulk.unchanged(
            bulk.stacked(rows),
            [alarm.plan.condition for alarm in alike],
            [alarm.status.value for alarm in alike],
            phases=phases,
        )
        at = int(now.timestamp())
        for alarm, count in zip(alike, counts, strict=True):
            is_further = count == steps * phases
            if count:
                self._registry.rest(alarm)
                self._note(alarm, at + _MINUTE * (count if is_further else count + 1), is_further=is_further)
            else:
                self._registry.wake(alarm)

    def _note(self, alarm: MetricAlarm, at: int, *, is_further: bool) -> None:
        end = at * 2 + is_further
        if end not in self._calendar:
            self._calendar[end] = []
            heapq.heappush(self._ends, end)
        self._calendar[end].append(alarm)
        self._rests[alarm.name] = end
        stat = alarm.plan.returned.stat
        if stat is not None:
            self._by_series.setdefault(_place(stat), {})[alarm.name] = alarm

    def _ahead(self, alarm: MetricAlarm, now: datetime, steps: int) -> Iterator["array[float]"]:
        """What the alarm will see, a row for each minute of its period."""
        periods, stat = alarm.plan.condition.periods, alarm.plan.returned.stat
        if stat is None:
            return
        span = evaluation.evaluation_range(periods)
        end = windows.sliding_end(now, self._delay, stat.period, periods)
        for minute in range(1, stat.period // _MINUTE + 1):
            first = end + _MINUTE * minute - stat.period * span
            yield read_numbers(self._store, stat, first, span + steps - 1)


def _foreseen(alarm: MetricAlarm) -> Stat | None:
    """The statistic that alone decides the alarm's state each minute; None for alarms that must stay awake."""
    plan, stat = alarm.plan, alarm.plan.returned.stat
    special = plan.watch or plan.band or plan.window or plan.significant or alarm.warm_at
    if stat is None or special or plan.period < timedelta(seconds=_MINUTE):
        return None
    if evaluation.is_daily(plan.period, plan.condition.periods) or _is_unsaid(alarm):
        return None
    return stat


def _is_unsaid(alarm: MetricAlarm) -> bool:
    """Whether the alarm's reason may still change though its state does not: nothing is known of its metric."""
    return alarm.status.reason == reasons.INITIAL and alarm.plan.condition.missing is MissingData.MISSING


def _place(stat: Stat) -> Place:
    return stat.namespace, (stat.name, stat.dimensions)
