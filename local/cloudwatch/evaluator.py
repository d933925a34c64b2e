"""Evaluates alarms on the clock: metric alarms when they are due, then the composites that rest on what changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.cloudwatch import composite, evaluation, reasons, statistics
from core.cloudwatch.reasons import Datapoint
from core.cloudwatch.state import State
from local.clock import Order
from local.cloudwatch import notices, readings
from local.cloudwatch.delivery import Delivery
from local.cloudwatch.history import History
from local.cloudwatch.records import Alarm, CompositeAlarm, MetricAlarm, Status
from local.cloudwatch.registry import Registry
from local.cloudwatch.store import Store
from local.world import World

_TICK = timedelta(seconds=10)


class Evaluator:
    """Holds every alarm's state to its data."""

    def __init__(self, *, world: World, store: Store, registry: Registry, history: History, delivery: Delivery) -> None:
        self._world = world
        self._store = store
        self._registry = registry
        self._history = history
        self._delivery = delivery

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
            changed = {alarm.name for alarm in self._registry.due(now) if self._evaluate(alarm, now)}
            self._evaluate_composites(changed)

    def settle(self) -> None:
        """Evaluate new and updated composites at this instant."""
        with self._world.lock:
            self._evaluate_composites(set())

    def set_state(self, alarm: Alarm, state: State, reason: str, data: str) -> None:
        """SetAlarmState: the next evaluation takes it back. Setting the present state again does nothing."""
        if state is not alarm.status.value:
            self._change(alarm, state, reason, data)
            self._evaluate_composites({alarm.name})

    def _evaluate(self, alarm: MetricAlarm, now: datetime) -> bool:
        """Whether the alarm's state changed."""
        plan, period = alarm.plan, int(alarm.plan.period.total_seconds())
        count = evaluation.evaluation_range(plan.condition.periods)
        start = int(now.timestamp()) - period * count
        values = readings.evaluate(self._store, plan.queries, plan.returned, start, count)
        if self._is_warming(alarm, values, now):
            return False
        current = alarm.status.value
        state = evaluation.evaluate(values, plan.condition, current)
        if state is current:
            if alarm.status.reason == reasons.INITIAL and evaluation.is_unknown(values, plan.condition):
                reason, data = self._why(alarm, state, values, start)
                alarm.status = replace(alarm.status, reason=reason, data=data, updated=now)
            return False
        if plan.significant and not self._is_significant(alarm, values, start):
            return False
        self._change(alarm, state, *self._why(alarm, state, values, start))
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

    def _why(self, alarm: MetricAlarm, state: State, values: readings.Values, start: int) -> tuple[str, str]:
        """StateReason and StateReasonData."""
        plan, stat = alarm.plan, alarm.plan.returned.stat
        points = self._points(alarm, values, start)
        data = reasons.reason_data(
            points,
            plan.condition,
            now=self._world.clock.now(),
            period=plan.period,
            statistic=stat.statistic if stat else None,
            unit=stat.unit if stat else None,
        )
        return reasons.reason(points, plan.condition, state, explicit=plan.explicit), data

    def _is_significant(self, alarm: MetricAlarm, values: readings.Values, start: int) -> bool:
        """Whether the newest datapoint of a percentile alarm rests on samples enough to change the state."""
        stat = alarm.plan.returned.stat
        percent = statistics.percentile_of(stat.statistic) if stat else None
        newest = next((point for point in reversed(self._points(alarm, values, start)) if point.samples), None)
        if percent is None or newest is None or newest.samples is None:
            return True
        return statistics.enough_samples(percent, newest.samples)

    def _points(self, alarm: MetricAlarm, values: readings.Values, start: int) -> list[Datapoint]:
        period = int(alarm.plan.period.total_seconds())
        stat = alarm.plan.returned.stat
        series = self._store.find(stat.namespace, stat.name, stat.dimensions) if stat else None
        points = []
        for number, value in enumerate(values):
            at = start + period * number
            bucket = series.bucket(at, at + period, stat.unit) if series and stat and value is not None else None
            samples = bucket.count if bucket else None
            points.append(Datapoint(datetime.fromtimestamp(at, UTC), value, samples))
        return points

    def _evaluate_composites(self, changed: set[str]) -> None:
        for alarm in self._registry.composites():
            if alarm.pending or not alarm.children.isdisjoint(changed):
                pending, alarm.pending = alarm.pending, ""
                if self._evaluate_composite(alarm, pending):
                    changed.add(alarm.name)

    def _evaluate_composite(self, alarm: CompositeAlarm, pending: str) -> bool:
        state = State.ALARM if composite.evaluate(alarm.rule, self._state_of) else State.OK
        if state is alarm.status.value:
            return False
        deciding = [
            found for name in composite.deciding(alarm.rule, self._state_of) if (found := self._registry.find(name))
        ]
        deciding.sort(key=lambda child: child.status.transitioned, reverse=True)
        if pending or not deciding:
            verb = pending or "updated"
            reason = f"{alarm.arn} was {verb} and its alarm rule evaluates to {state}"
        else:
            newest = deciding[0]
            when = reasons.spoken_time(newest.status.transitioned)
            reason = f"{newest.arn} transitioned to {newest.status.value} at {when}"
        self._change(alarm, state, reason, notices.triggering(deciding))
        return True

    def _state_of(self, name: str) -> State:
        alarm = self._registry.find(name)
        return alarm.status.value if alarm else State.INSUFFICIENT_DATA

    def _change(self, alarm: Alarm, state: State, reason: str, data: str) -> None:
        now = self._world.clock.now()
        previous = alarm.status
        alarm.status = Status(state, reason, data, updated=now, transitioned=now)
        self._history.state_changed(alarm, previous, alarm.status)
        self._delivery.announce(alarm, previous, alarm.status)
