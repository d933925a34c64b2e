"""Every alarm there is, by name, and the orders in which alarms are evaluated."""

import bisect
import itertools
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from core.cloudwatch import evaluation
from local.cloudwatch.records import Alarm, CompositeAlarm, MetricAlarm

_MINUTE = timedelta(minutes=1)


class Registry:
    """The live alarms. Metric and composite alarms share one space of names."""

    def __init__(self) -> None:
        self.metric: dict[str, MetricAlarm] = {}
        self.composite: dict[str, CompositeAlarm] = {}
        self._sub_minute: dict[str, MetricAlarm] = {}
        self._awake: dict[str, MetricAlarm] = {}
        self._numbers: dict[str, int] = {}
        """By name, in the order in which metric alarms were created, which is that of their evaluation."""
        self._created = itertools.count()
        self._sorted: list[str] = []
        """Every name."""
        self._order: tuple[CompositeAlarm, ...] | None = ()

    def put(self, alarm: Alarm) -> None:
        """Add an alarm, or put it in the place of the one with its name."""
        if self.find(alarm.name) is None:
            bisect.insort(self._sorted, alarm.name)
        if isinstance(alarm, CompositeAlarm):
            self.composite[alarm.name] = alarm
            self._order = None
            return
        self.metric[alarm.name] = self._awake[alarm.name] = alarm
        if alarm.name not in self._numbers:
            self._numbers[alarm.name] = next(self._created)
        self._sub_minute.pop(alarm.name, None)
        if alarm.plan.period < _MINUTE:
            self._sub_minute[alarm.name] = alarm

    def remove(self, alarm: Alarm) -> None:
        """Take an alarm away."""
        del self._sorted[bisect.bisect_left(self._sorted, alarm.name)]
        if isinstance(alarm, CompositeAlarm):
            del self.composite[alarm.name]
            self._order = None
            return
        del self.metric[alarm.name], self._numbers[alarm.name]
        self._awake.pop(alarm.name, None)
        self._sub_minute.pop(alarm.name, None)

    def find(self, name: str) -> Alarm | None:
        """The alarm of that name, of whichever type."""
        return self.metric.get(name) or self.composite.get(name)

    def all(self) -> tuple[Alarm, ...]:
        """Every alarm."""
        return (*self.metric.values(), *self.composite.values())

    def named(self, prefix: str = "", *, after: str = "") -> Iterator[Alarm]:
        """The alarms whose names start with `prefix` and come after `after`, sorted by name."""
        place = max(bisect.bisect_left(self._sorted, prefix), bisect.bisect_right(self._sorted, after))
        for name in itertools.islice(self._sorted, place, None):
            if not name.startswith(prefix):
                return
            if (alarm := self.find(name)) is not None:
                yield alarm

    def parents(self, name: str) -> tuple[CompositeAlarm, ...]:
        """The composites whose rules name the alarm."""
        return tuple(alarm for alarm in self.composite.values() if name in alarm.children)

    def suppressed_by(self, names: Collection[str]) -> tuple[CompositeAlarm, ...]:
        """The composites whose actions one of the alarms suppresses."""
        return tuple(alarm for alarm in self.composite.values() if alarm.suppressor and alarm.suppressor.name in names)

    def due(self, at: datetime) -> tuple[MetricAlarm, ...]:
        """The metric alarms to evaluate at an instant that is a multiple of ten seconds: those that do not rest."""
        alarms: Iterable[MetricAlarm] = self._sub_minute.values() if at.second else self._awake.values()
        due = [alarm for alarm in alarms if evaluation.is_due(at, alarm.plan.period, alarm.plan.condition.periods)]
        due.sort(key=lambda alarm: self._numbers[alarm.name])
        return tuple(due)

    def rest(self, alarm: MetricAlarm) -> None:
        """Let an alarm of a minute or more be due no more, until it is woken or put anew."""
        if self._awake.get(alarm.name) is alarm:
            del self._awake[alarm.name]

    def rests(self, alarm: MetricAlarm) -> bool:
        """Whether an alarm was put to rest and not woken since; one that is there no longer does not rest."""
        return self.metric.get(alarm.name) is alarm and alarm.name not in self._awake

    def wake(self, alarm: MetricAlarm) -> None:
        """Let an alarm be due again; one that is there no longer is passed over."""
        if self.metric.get(alarm.name) is alarm:
            self._awake[alarm.name] = alarm

    def composites(self) -> tuple[CompositeAlarm, ...]:
        """The composites, each after its children, without those in a circle and those that rest on one.

        Evaluation stops where a circle is found (API reference, PutCompositeAlarm).
        """
        if self._order is None:
            self._order = self._ordered()
        return self._order

    def _ordered(self) -> tuple[CompositeAlarm, ...]:
        order: dict[str, CompositeAlarm] = {}
        waiting = dict(self.composite)
        while ready := [alarm for alarm in waiting.values() if waiting.keys().isdisjoint(alarm.children)]:
            for alarm in ready:
                order[alarm.name] = waiting.pop(alarm.name)
        return tuple(order.values())
