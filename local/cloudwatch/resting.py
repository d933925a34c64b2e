"""Metric alarms that need no evaluation for a while: what the store holds says that their state stays as it is.

Minutes ahead are evaluated in bulk, as if nothing more were to come. An alarm whose state changes in none of them rests
until one does; it wakes earlier when its metric receives data or when it is itself changed. Every change of state is
still found by the evaluator, at its instant: resting leaves out evaluations that would change nothing.
"""

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from core.catalogue.alarm import MissingData
from core.cloudwatch import evaluation, reasons, windows
from core.cloudwatch.stat import Stat
from local.cloudwatch import bulk
from local.cloudwatch.bulk import Values
from local.cloudwatch.readings import read_stat
from local.cloudwatch.records import MetricAlarm
from local.cloudwatch.registry import Registry
from local.cloudwatch.sight import Sight
from local.cloudwatch.store import Place, Store

_MINUTE = 60
_AHEAD = 120
"""Minutes that are evaluated ahead, and a little more where the period does not divide them."""
_AT_ONCE = 1_000
"""Alarms in one matrix."""


class Resting:
    """Puts alarms to rest and wakes them, in the registry."""

    def __init__(self, store: Store, sight: Sight, registry: Registry) -> None:
        self._store = store
        self._sight = sight
        self._registry = registry
        self._until: list[tuple[int, int, MetricAlarm]] = []
        self._numbers = itertools.count()
        self._by_series: dict[Place, dict[str, MetricAlarm]] = {}
        self._touched: set[Place] = set()
        self._delay = sight.delay

    def wake(self, now: datetime) -> None:
        """Wake the alarms that must be evaluated at `now`."""
        at = int(now.timestamp())
        while self._until and self._until[0][0] <= at:
            self._registry.wake(heapq.heappop(self._until)[2])
        self._touched |= self._store.touched
        self._store.touched.clear()
        if self._delay != self._sight.delay:
            self._delay = self._sight.delay
            self._touched |= self._by_series.keys()
        for place in self._touched & self._by_series.keys():
            for alarm in self._by_series.pop(place).values():
                self._registry.wake(alarm)

    def rest(self, evaluated: Sequence[MetricAlarm], now: datetime) -> None:
        """Put those to rest of the alarms just evaluated whose state will stay, as far as the store says.

        Whose metric received data in the last minute is left awake: more is likely to come.
        """
        if now.second:
            return
        groups: dict[tuple[int, int], list[tuple[MetricAlarm, Stat]]] = defaultdict(list)
        for alarm in evaluated:
            stat = _foreseen(alarm)
            if stat is not None and _place(stat) not in self._touched:
                groups[(stat.period, alarm.plan.condition.periods)].append((alarm, stat))
        self._touched.clear()
        for group in groups.values():
            for start in range(0, len(group), _AT_ONCE):
                self._rest_alike(group[start : start + _AT_ONCE], now)

    def _rest_alike(self, alike: Sequence[tuple[MetricAlarm, Stat]], now: datetime) -> None:
        """For alarms of one period and one number of periods."""
        phases = alike[0][1].period // _MINUTE
        steps = -(-_AHEAD // phases)
        rows = [row for alarm, stat in alike for row in self._ahead(alarm, stat, now, steps)]
        counts = bulk.unchanged(
            bulk.matrix(rows),
            [alarm.plan.condition for alarm, _ in alike],
            [alarm.status.value for alarm, _ in alike],
            phases=phases,
        )
        for (alarm, stat), count in zip(alike, counts, strict=True):
            if count:
                self._registry.rest(alarm)
                self._by_series.setdefault(_place(stat), {})[alarm.name] = alarm
                wakes = int(now.timestamp()) + _MINUTE * (count + 1)
                heapq.heappush(self._until, (wakes, next(self._numbers), alarm))

    def _ahead(self, alarm: MetricAlarm, stat: Stat, now: datetime, steps: int) -> Iterator[Values]:
        """What the alarm will see, a row for each minute of its period."""
        periods = alarm.plan.condition.periods
        span = evaluation.evaluation_range(periods)
        end = windows.sliding_end(now, self._delay, stat.period, periods)
        for minute in range(1, stat.period // _MINUTE + 1):
            yield read_stat(self._store, stat, end + _MINUTE * minute - stat.period * span, span + steps - 1)


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
