"""What the embedded CloudWatch remembers of an alarm."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.cloudwatch.alarms import MetricPlan
from core.cloudwatch.composite import Rule
from core.cloudwatch.composite.suppression import Suppression, Suppressor
from core.cloudwatch.state import State


@dataclass(frozen=True, slots=True)
class Status:
    """An alarm's state, and why. `data` is StateReasonData, JSON, "" where there is none.

    `suppressed_by` is what keeps a composite's actions from running, and `suppressed_reason` why; "" where they run.
    """

    value: State
    reason: str
    data: str
    updated: datetime
    transitioned: datetime
    suppressed_by: str = ""
    suppressed_reason: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of state whose actions a mute rule kept from running."""

    previous: Status
    current: Status


@dataclass(slots=True)
class MetricAlarm:
    """A metric alarm: `params` as PutMetricAlarm took them, the plan read from them, and the present state.

    `metric_id` names the one metric of an alarm without metric math in events.
    """

    name: str
    arn: str
    params: dict[str, Any]
    plan: MetricPlan
    metric_id: str
    configured: datetime
    status: Status
    actions_enabled: bool = True
    warm_at: datetime | None = None
    """When the warm-up period ends; None once it has, or where there is none."""
    announced: State = State.INSUFFICIENT_DATA
    """The state that the actions last told of."""
    muted: Change | None = None
    evaluation_state: str = ""
    """EvaluationState: PARTIAL_DATA or EVALUATION_ERROR, "" where all is well."""


@dataclass(slots=True)
class CompositeAlarm:
    """A composite alarm. `pending`: it must be evaluated though no child changed; "created" or "updated".

    `suppressor` may hold its actions back; `suppression` is what does so now.
    """

    name: str
    arn: str
    params: dict[str, Any]
    rule: Rule
    children: frozenset[str]
    configured: datetime
    status: Status
    actions_enabled: bool = True
    pending: str = ""
    suppressor: Suppressor | None = None
    suppression: Suppression | None = None
    announced: State = State.INSUFFICIENT_DATA
    muted: Change | None = None


Alarm = MetricAlarm | CompositeAlarm

ACTION_FIELDS = {
    State.OK: "OKActions",
    State.ALARM: "AlarmActions",
    State.INSUFFICIENT_DATA: "InsufficientDataActions",
}


def actions(alarm: Alarm, state: State) -> tuple[str, ...]:
    """The ARNs of the actions for a state, whether they are enabled or not."""
    return tuple(alarm.params.get(ACTION_FIELDS[state]) or ())


def kind(alarm: Alarm) -> str:
    """AlarmType."""
    return "CompositeAlarm" if isinstance(alarm, CompositeAlarm) else "MetricAlarm"
