"""Evaluates alarms on the clock: metric alarms when they are due, then the composites that rest on what changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.cloudwatch import evaluation, reasons, statistics
from core.cloudwatch.state import State
from local.clock import Order
from local.cloudwatch import readings
from local.cloudwatch.composites import Composites
from local.cloudwatch.contributors import Contributors
from local.cloudwatch.delivery import Delivery
from local.cloudwatch.history import History
from local.cloudwatch.records import Alarm, CompositeAlarm, MetricAlarm, Status
from local.cloudwatch.registry import Registry
from local.cloudwatch.resting import Resting
from local.cloudwatch.sight import Seen, Sight
from local.world import World

_TICK = timedelta(seconds=10)


class Evaluator:
    """Holds every alarm's state to its data."""

    def __init__(
        self,
        *,
        world: World,
        sight: Sight,
        resting: Resting,
        registry: Registry,
        history: History,
        delivery: Delivery,
        contributors: Contributors,
    ) -> None:
        self._world = world
        self._sight = sight
        self._resting = resting
        self._registry = registry
        self._history = history
        self._delivery = delivery
        self._contributors = contributors
        self.composites = Composites(world=world, registry=registry, history=history, delivery=delivery)

    def start(self) -> None:
        """Evaluate at every multiple of ten seconds from the next on, after the datums of that instant."""
        now = self._world.clock.now()
        seconds = _TICK.total_seconds()
        first = datetime.fromtimestamp((now.timestamp() // seconds + 1) * seconds, UTC)
        self._world.clock.every(_TICK, self.tick, first=first, order=Order.EVALUATION)

    def tick(self) -> None:
        """Evaluate what is due now."""
        now = self._world.clock.now()
        with self._world.lock:
            self._resting.wake(now)
            due = self._registry.due(now)
            changed = {alarm.name for alarm in due if self._evaluate(alarm, now)}
            self._resting.rest(due, now)
            self.composites.evaluate(changed)

    def settle(self) -> None:
        """Evaluate new and updated composites at this instant."""
        self.composites.settle()

    def set_state(self, alarm: Alarm, state: State, reason: str, data: str) -> None:
        """SetAlarmState: the next evaluation takes it back. Setting the present state again does nothing."""
        if state is alarm.status.value:
            return
        if isinstance(alarm, CompositeAlarm):
            self.composites.set_state(alarm, state, reason, data)
        else:
            self._registry.wake(alarm)
            self._change(alarm, state, reason, data)
        self.composites.evaluate({alarm.name})

    def _evaluate(self, alarm: MetricAlarm, now: datetime) -> bool:
        """Whether the alarm's state changed."""
        plan = alarm.plan
        if plan.watch is not None:
            # Its series are many: the warm-up period is not cut short by their data.
            return not self._is_warming(alarm, (None,), now) and self._contributors.evaluate(alarm, now)
        seen = self._sight.look(plan, now)
        if self._is_warming(alarm, seen.values, now):
            return False
        current = alarm.status.value
        state = evaluation.evaluate(seen.watched, plan.condition, current)
        if state is current:
            if alarm.status.reason == reasons.INITIAL and evaluation.is_unknown(seen.watched, plan.condition):
                reason, data = self._why(alarm, state, seen)
                alarm.status = replace(alarm.status, reason=reason, data=data, updated=now)
            return False
        if plan.significant and not self._is_significant(alarm, seen):
            return False
        self._change(alarm, state, *self._why(alarm, state, seen))
        return True

    def _is_warming(self, alarm: MetricAlarm, values: readings.Values, now: datetime) -> bool:
        """Whether the alarm's warm-up period still holds it back; ends the period when it is due."""
        plan = alarm.plan
        if alarm.warm_at is None or plan.warm_up is None:
            return False
        window = values[-plan.condition.periods :]
        filled = not plan.warm_up.whole and all(value is not None for value in window)
        if now >= alarm.warm_at or filled:
            alarm.warm_at = None
        return alarm.warm_at is not None

    def _why(self, alarm: MetricAlarm, state: State, seen: Seen) -> tuple[str, str]:
        """StateReason and StateReasonData."""
        plan, stat = alarm.plan, alarm.plan.returned.stat
        points = self._sight.points(plan, seen)
        data = reasons.reason_data(
            points,
            plan.condition,
            now=self._world.clock.now(),
            period=plan.period,
            statistic=stat.statistic if stat and plan.band is None else None,
            unit=stat.unit if stat else None,
            banded=plan.band is not None,
        )
        return reasons.reason(points, plan.condition, state, explicit=plan.explicit, band=plan.band), data

    def _is_significant(self, alarm: MetricAlarm, seen: Seen) -> bool:
        """Whether the newest datapoint of a percentile alarm rests on samples enough to change the state."""
        stat = alarm.plan.returned.stat
        percent = statistics.percentile_of(stat.statistic) if stat else None
        newest = next((point for point in reversed(self._sight.points(alarm.plan, seen)) if point.samples), None)
        if percent is None or newest is None or newest.samples is None:
            return True
        return statistics.enough_samples(percent, newest.samples)

    def _change(self, alarm: MetricAlarm, state: State, reason: str, data: str) -> None:
        now = self._world.clock.now()
        previous = alarm.status
        alarm.status = Status(state, reason, data, updated=now, transitioned=now)
        self._history.state_changed(alarm, previous, alarm.status)
        self._delivery.announce(alarm, previous, alarm.status)
