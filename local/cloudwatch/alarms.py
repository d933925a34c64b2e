"""The alarm operations: put, describe, delete, set state, enable and disable actions."""

import uuid
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any

from core.cloudwatch import alarms as rules
from core.cloudwatch import composite, reasons
from core.cloudwatch.limits import (
    MAX_ALARM_NAMES,
    MAX_PARENTS,
    MAX_STATE_REASON,
    MAX_STATE_REASON_DATA,
)
from core.cloudwatch.refusal import Refusal, validation
from core.cloudwatch.state import State
from core.cloudwatch.watches import PromqlWatch
from local.clock import Order
from local.cloudwatch import regions
from local.cloudwatch.contributors import Contributors
from local.cloudwatch.delivery import Delivery
from local.cloudwatch.detectors import Detectors
from local.cloudwatch.evaluator import Evaluator
from local.cloudwatch.history import History
from local.cloudwatch.mute_rules import MuteRules
from local.cloudwatch.mutes import Mutes
from local.cloudwatch.records import Alarm, CompositeAlarm, MetricAlarm, Status
from local.cloudwatch.registry import Registry
from local.cloudwatch.resting import Resting
from local.cloudwatch.sight import Sight
from local.cloudwatch.store import Store
from local.cloudwatch.tags import Tags
from local.world import World

Params = Mapping[str, Any]


class Alarms:
    """The operations on alarms."""

    def __init__(self, world: World, store: Store, tags: Tags) -> None:
        self._world = world
        self._tags = tags
        self.registry = Registry()
        self.history = History(world.clock.now)
        mutes = Mutes(world.clock.now)
        self.delivery = Delivery(world, self.history, mutes, tags)
        self.mute_rules = MuteRules(world, mutes, self.registry, self.delivery, tags)
        self.detectors = Detectors(world, store)
        self.sight = Sight(store, self.detectors)
        self.contributors = Contributors(
            world=world,
            store=store,
            sight=self.sight,
            registry=self.registry,
            history=self.history,
            delivery=self.delivery,
        )
        self.evaluator = Evaluator(
            world=world,
            sight=self.sight,
            resting=Resting(store, self.sight, self.registry),
            registry=self.registry,
            history=self.history,
            delivery=self.delivery,
            contributors=self.contributors,
        )

    @property
    def account(self) -> str:
        """Whose alarms they are."""
        return self._world.account

    def put_metric_alarm(self, params: Params) -> dict[str, Any]:
        """PutMetricAlarm: a new alarm starts in INSUFFICIENT_DATA, with PromQL in OK; an update keeps the state."""
        plan = rules.plan(params, account=self._world.account)
        name = params["AlarmName"]
        self._refuse_other_kind(name, self.registry.composite)
        existing = self.registry.metric.get(name)
        kept = _kept(params)
        if existing is not None and existing.params == kept and existing.actions_enabled == _enabled(params):
            return {}
        self.contributors.configure(name, plan, existing)
        arn = self.arn(name)
        alarm = MetricAlarm(
            name=name,
            arn=arn,
            params=kept,
            plan=plan,
            metric_id=str(uuid.uuid5(uuid.NAMESPACE_URL, arn)),
            configured=self._world.clock.now(),
            status=existing.status if existing else self._initial(plan),
            actions_enabled=_enabled(params),
            warm_at=self._warm_at(plan, existing),
        )
        self._take_over(alarm, existing)
        self.registry.put(alarm)
        self._configured(alarm, existing, params)
        return {}

    def put_composite_alarm(self, params: Params) -> dict[str, Any]:
        """PutCompositeAlarm: its children must exist; it is evaluated at once."""
        rule, suppressor = rules.rule(params), rules.suppressor(params)
        name = params["AlarmName"]
        self._refuse_other_kind(name, self.registry.metric)
        children = composite.children(rule)
        absent = [child for child in children if self.registry.find(child) is None]
        if absent:
            raise validation(
                f"Could not save the composite alarm as alarms [{', '.join(absent)}] in the alarm rule do not exist"
            )
        if suppressor is not None and self.registry.find(suppressor.name) is None:
            raise validation(
                f"Could not save the composite alarm as the ActionsSuppressor {suppressor.name} does not exist"
            )
        for child in children:
            if len([parent for parent in self.registry.parents(child) if parent.name != name]) >= MAX_PARENTS:
                raise validation(f"The alarm {child} is already in the rules of {MAX_PARENTS} composite alarms")
        existing = self.registry.composite.get(name)
        alarm = CompositeAlarm(
            name=name,
            arn=self.arn(name),
            params=_kept(params),
            rule=rule,
            children=frozenset(children),
            configured=self._world.clock.now(),
            status=existing.status if existing else self._initial(),
            actions_enabled=_enabled(params),
            pending="updated" if existing else "created",
            suppressor=suppressor,
            suppression=existing.suppression if existing else None,
        )
        self._take_over(alarm, existing)
        self.registry.put(alarm)
        self._configured(alarm, existing, params)
        if existing is not None:
            self.evaluator.composites.resuppress(alarm, existing)
        self._world.clock.schedule(self._world.clock.now(), self.evaluator.settle, Order.EVALUATION)
        return {}

    def delete_alarms(self, params: Params) -> dict[str, Any]:
        """DeleteAlarms: unknown names are passed over, but refuse the call when none is known."""
        names = _names(params)
        known = {name: alarm for name in names if (alarm := self.registry.find(name)) is not None}
        if not known:
            raise Refusal("ResourceNotFound", f"Alarms not found: {', '.join(names)}")
        if sum(isinstance(alarm, CompositeAlarm) for alarm in known.values()) > 1:
            raise validation("DeleteAlarms takes at most one composite alarm in a call")
        for name in known:
            # A composite in a circle, itself included, is still depended on.
            dependents = (*self.registry.parents(name), *self.registry.suppressed_by({name}))
            if any(one.name not in known or one.name == name for one in dependents):
                raise validation(f"Cannot delete {name} as there are composite alarm(s) depending on it.")
        for alarm in known.values():
            self.registry.remove(alarm)
            self.contributors.forget(alarm.name)
            self._tags.forget(alarm.arn)
            self.history.configured(alarm, "Delete")
            self.delivery.configured(alarm, "delete")
        return {}

    def set_alarm_state(self, params: Params) -> dict[str, Any]:
        """SetAlarmState."""
        alarm = self.registry.find(params.get("AlarmName", ""))
        if alarm is None:
            raise Refusal("ResourceNotFound", f"Alarm not found: {params.get('AlarmName')}")
        if params.get("StateValue") not in tuple(State):
            raise validation(f"StateValue must be one of {', '.join(State)}, not {params.get('StateValue')}")
        reason, data = params.get("StateReason"), params.get("StateReasonData") or ""
        if reason is None or len(reason) > MAX_STATE_REASON:
            raise validation(f"StateReason is required and has at most {MAX_STATE_REASON} characters")
        if len(data) > MAX_STATE_REASON_DATA or not _is_json(data):
            raise Refusal(
                "InvalidFormat", f"StateReasonData must be JSON of at most {MAX_STATE_REASON_DATA} characters"
            )
        self.evaluator.set_state(alarm, State(params["StateValue"]), reason, data)
        return {}

    def enable_actions(self, params: Params, *, enabled: bool) -> dict[str, Any]:
        """EnableAlarmActions and DisableAlarmActions."""
        for name in _names(params):
            alarm = self.registry.find(name)
            if alarm is not None and alarm.actions_enabled is not enabled:
                former = copy(alarm)
                alarm.actions_enabled, alarm.configured = enabled, self._world.clock.now()
                self.history.configured(alarm, "Update")
                self.delivery.configured(alarm, "update", former)
        return {}

    def arn(self, name: str) -> str:
        """The ARN of an alarm."""
        region = self._world.region
        return f"arn:{regions.partition(region)}:cloudwatch:{region}:{self._world.account}:alarm:{name}"

    def _warm_at(self, plan: rules.MetricPlan, existing: MetricAlarm | None) -> datetime | None:
        """A change while the alarm warms up counts from its creation; once it is warm, nothing restarts the period."""
        if plan.warm_up is None or (existing is not None and existing.warm_at is None):
            return None
        created = self._world.clock.now() if existing is None else existing.status.transitioned
        return created + plan.warm_up.duration

    def _initial(self, plan: rules.MetricPlan | None = None) -> Status:
        now = self._world.clock.now()
        state = State.OK if plan is not None and isinstance(plan.watch, PromqlWatch) else State.INSUFFICIENT_DATA
        return Status(state, reasons.INITIAL, "", updated=now, transitioned=now)

    def _take_over(self, alarm: Alarm, existing: Alarm | None) -> None:
        """What an updated alarm has told of, or is yet to tell, is as before."""
        if existing is not None:
            alarm.announced, alarm.muted = existing.announced, existing.muted

    def _refuse_other_kind(self, name: str, others: Mapping[str, Alarm]) -> None:
        if name in others:
            raise validation(f"An alarm of another type has the name {name}")

    def _configured(self, alarm: Alarm, existing: Alarm | None, params: Params) -> None:
        if existing is None:
            # Tags in an update are ignored (API reference, PutMetricAlarm).
            self._tags.put(alarm.arn, params.get("Tags") or [])
        self.history.configured(alarm, "Update" if existing else "Create")
        self.delivery.configured(alarm, "update" if existing else "create", existing)


def _kept(params: Params) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key not in ("Tags", "ActionsEnabled") and value is not None}


def _enabled(params: Params) -> bool:
    return params.get("ActionsEnabled") is not False


def _names(params: Params) -> Sequence[str]:
    names = params.get("AlarmNames") or []
    if not 1 <= len(names) <= MAX_ALARM_NAMES:
        raise validation(f"AlarmNames must have 1 to {MAX_ALARM_NAMES} entries, not {len(names)}")
    return tuple(names)


def _is_json(text: str) -> bool:
    return not text or reasons.is_json(text)
