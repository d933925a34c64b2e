"""Evaluates composite alarms, and holds their actions back while their suppressors say so."""

from dataclasses import replace

from core.cloudwatch import composite, reasons
from core.cloudwatch.composite import suppression
from core.cloudwatch.composite.suppression import Hold, Suppression
from core.cloudwatch.state import State
from local.clock import Order
from local.cloudwatch import notices
from local.cloudwatch.delivery import Delivery
from local.cloudwatch.history import History
from local.cloudwatch.records import CompositeAlarm, Status
from local.cloudwatch.registry import Registry
from local.world import World


class Composites:
    """Holds every composite's state to its rule."""

    def __init__(self, *, world: World, registry: Registry, history: History, delivery: Delivery) -> None:
        self._world = world
        self._registry = registry
        self._history = history
        self._delivery = delivery

    def settle(self) -> None:
        """Evaluate new and updated composites at this instant."""
        with self._world.lock:
            self.evaluate(set())

    def evaluate(self, changed: set[str]) -> None:
        """Evaluate what rests on the alarms that changed, by name, and on one another.

        Suppressors are looked at once all have been evaluated, so that their order does not matter.
        """
        turned: list[tuple[CompositeAlarm, Status]] = []
        for alarm in self._registry.composites():
            if alarm.pending or not alarm.children.isdisjoint(changed):
                pending, alarm.pending = alarm.pending, ""
                previous = alarm.status
                if self._turn(alarm, pending):
                    changed.add(alarm.name)
                    turned.append((alarm, previous))
        for alarm, previous in turned:
            self._begin(alarm, previous)
        told = {alarm.name for alarm, _ in turned}
        for alarm in self._registry.suppressed_by(changed):
            if alarm.name not in told:
                self._continue(alarm)

    def set_state(self, alarm: CompositeAlarm, state: State, reason: str, data: str) -> None:
        """SetAlarmState of a composite."""
        now = self._world.clock.now()
        previous, alarm.status = alarm.status, Status(state, reason, data, updated=now, transitioned=now)
        self._begin(alarm, previous)

    def resuppress(self, alarm: CompositeAlarm, former: CompositeAlarm) -> None:
        """An update: another suppressor discards what the former one held back."""
        names = [one.suppressor.name if one.suppressor else "" for one in (alarm, former)]
        if names[0] != names[1]:
            self._take(alarm, suppression.replaced(alarm.suppression, alarming=self._is_suppressing(alarm)))

    def resume(self, alarm: CompositeAlarm) -> None:
        """Let what holds the alarm's actions back end at its time."""
        held = alarm.suppression
        if held is not None and held.until is not None:
            # After the evaluations of that instant: a suppressor that alarms just then is in time.
            self._world.clock.schedule(held.until, lambda: self._end(alarm.name, held), Order.ACTIONS)

    def _turn(self, alarm: CompositeAlarm, pending: str) -> bool:
        """Whether the alarm's state changed; nobody is told yet."""
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
        now = self._world.clock.now()
        alarm.status = Status(state, reason, notices.triggering(deciding), updated=now, transitioned=now)
        return True

    def _state_of(self, name: str) -> State:
        alarm = self._registry.find(name)
        return alarm.status.value if alarm else State.INSUFFICIENT_DATA

    def _is_suppressing(self, alarm: CompositeAlarm) -> bool:
        return alarm.suppressor is not None and self._state_of(alarm.suppressor.name) is State.ALARM

    def _begin(self, alarm: CompositeAlarm, previous: Status) -> None:
        """The alarm's state changed."""
        held = None
        if alarm.suppressor is not None:
            now = self._world.clock.now()
            held = suppression.begun(alarm.suppressor, alarming=self._is_suppressing(alarm), now=now)
        self._hold(alarm, held)
        self._tell(alarm, previous)

    def _continue(self, alarm: CompositeAlarm) -> None:
        """Time passed, or the suppressor changed its state."""
        if alarm.suppressor is not None:
            now = self._world.clock.now()
            alarming = self._is_suppressing(alarm)
            self._take(alarm, suppression.continued(alarm.suppression, alarm.suppressor, alarming=alarming, now=now))

    def _take(self, alarm: CompositeAlarm, held: Suppression | None) -> None:
        if held != alarm.suppression:
            previous = alarm.status
            self._hold(alarm, held)
            alarm.status = replace(alarm.status, updated=self._world.clock.now())
            self._tell(alarm, previous)

    def _tell(self, alarm: CompositeAlarm, previous: Status) -> None:
        self._history.state_changed(alarm, previous, alarm.status)
        self._delivery.announce(alarm, previous, alarm.status)

    def _hold(self, alarm: CompositeAlarm, held: Suppression | None) -> None:
        alarm.suppression = held
        by = held.by if held else None
        alarm.status = replace(
            alarm.status, suppressed_by=by.value if by else "", suppressed_reason=self._reason(alarm, by) if by else ""
        )
        self.resume(alarm)

    def _end(self, name: str, held: Suppression) -> None:
        with self._world.lock:
            alarm = self._registry.composite.get(name)
            if alarm is not None and alarm.suppression == held:
                self._continue(alarm)

    def _reason(self, alarm: CompositeAlarm, by: Hold) -> str:
        suppressor = self._registry.find(alarm.suppressor.name) if alarm.suppressor else None
        if by is not Hold.ALARM or suppressor is None:
            return f"Actions suppressed by {by}"
        when = reasons.spoken_time(suppressor.status.transitioned)
        return f"Actions suppressed by {suppressor.arn} that transitioned to ALARM at {when}"
