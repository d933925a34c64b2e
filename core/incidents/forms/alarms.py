"""CloudWatch alarms: EventBridge's three events and the direct Lambda action, which share one detail.

CloudWatch user guide, Alarm events and EventBridge; Invoke a Lambda function from an alarm; Alarm mute rules;
Composite alarm action suppression.
"""

from datetime import datetime, timedelta

from core.incidents.forms.fields import (
    Document,
    MalformedEvent,
    Pairs,
    decoded,
    first_instant,
    instant,
    kind,
    number,
    optional,
    pairs,
    table,
    text,
)
from core.incidents.signals import About, AlarmSignal, Ignored, State
from core.values import maker

STATE_CHANGE = "CloudWatch Alarm State Change"
CONTRIBUTOR_CHANGE = "CloudWatch Alarm Contributor State Change"
CONFIGURATION_CHANGE = "CloudWatch Alarm Configuration Change"

DELETED = "alarm deleted"
"""The reason of an alarm that is no more."""

_signal = maker(AlarmSignal)
_STATES = {state.value: state for state in State}
_MUTE_RULE = ":alarm-mute-rule:"
_OWN = ("mlwarden-", "-Platform-")
"""A suppressor of this name is mlwarden's own: it keeps direct pages silent while the pipeline lives, no more."""


def state_change(event: Document) -> AlarmSignal:
    """An alarm came into a state."""
    return from_detail(table(event, "detail"), arn(event), text(event, "account"), text(event, "region"))


def contributor_change(event: Document) -> AlarmSignal:
    """One contributor of an alarm came into a state."""
    table(table(event, "detail"), "alarmContributor", "detail.")
    return state_change(event)


def configuration_change(event: Document) -> AlarmSignal | Ignored:
    """An alarm was created, changed or deleted; a deleted one is over."""
    detail = table(event, "detail")
    name = text(detail, "alarmName", "detail.")
    operation = text(detail, "operation", "detail.")
    if operation not in ("create", "update", "delete"):
        return Ignored(CONFIGURATION_CHANGE, f"the operation {operation[:40]!r} says nothing of the alarm's state")
    told = decoded(detail.get("state"))
    configured = decoded(detail.get("configuration"))
    if operation == "delete":
        return AlarmSignal(
            account=text(event, "account"),
            region=text(event, "region"),
            alarm_arn=arn(event),
            alarm_name=name,
            state=State.OK,
            at=deleted_at(event, told, configured),
            reason=DELETED,
            about=About.DELETION,
            detail=detail,
        )
    if not told:
        return Ignored(CONFIGURATION_CHANGE, f"the alarm's {operation} does not say its state")
    return from_detail(detail, arn(event), text(event, "account"), text(event, "region"), about=About.CONFIGURATION)


def deleted_at(event: Document, told: Document, configured: Document) -> datetime:
    """When the alarm was deleted: the event's time, which has whole seconds, but never before its last state."""
    at = first_instant(((event, "time", ""), (configured, "timestamp", "detail.configuration.")))
    return max(at, instant(told, "timestamp", "detail.state.")) if told.get("timestamp") else at


def action(event: Document) -> AlarmSignal:
    """A direct Lambda action's payload: the detail is called `alarmData`."""
    *parts, name = text(event, "alarmArn").split(":", 6)
    return from_detail(
        table(event, "alarmData"),
        # AWS's own sample of a composite has a blank before the account.
        ":".join((*(part.strip() for part in parts), name)),
        text(event, "accountId"),
        text(event, "region"),
        place="alarmData.",
    )


def from_detail(
    detail: Document,
    alarm_arn: str,
    account: str,
    region: str,
    *,
    place: str = "detail.",
    about: About = About.STATE,
) -> AlarmSignal:
    """The signal of a detail in EventBridge's shape; `place` is where it was found, for errors."""
    state = table(detail, "state", place)
    contributor = ""
    attributes: Pairs = ()
    if "alarmContributor" in detail:
        who = table(detail, "alarmContributor", place)
        contributor = text(who, "id", f"{place}alarmContributor.")
        attributes = pairs(who.get("attributes"))
    before = detail.get("previousState")
    previous, inner = None, f"{place}state."
    if isinstance(before, dict):
        previous = state_of(before, "value", f"{place}previousState.")
    at = instant(state, "timestamp", inner)
    muted_by, muted_until = "", None
    if "muteDetail" in detail or "actionsSuppressedBy" in state:
        muted_by, muted_until = _muted(detail, state, at)
    return _signal(
        account,
        region,
        alarm_arn,
        text(detail, "alarmName", place),
        state_of(state, "value", inner),
        at,
        contributor,
        previous,
        optional(state, "reason", inner),
        attributes,
        muted_by,
        muted_until,
        about,
        detail,
    )


def state_of(parent: Document, key: str, place: str) -> State:
    """The alarm state at `key`."""
    value = parent.get(key)
    found = _STATES.get(value) if isinstance(value, str) else None
    if found is not None:
        return found
    wrong = text(parent, key, place)
    raise MalformedEvent(f"{place}{key}: {wrong[:40]!r} is not an alarm state; known: {', '.join(_STATES)}")


def arn(event: Document) -> str:
    """The alarm's ARN of an EventBridge event."""
    resources = event.get("resources")
    if not isinstance(resources, list) or not resources or not isinstance(resources[0], str) or not resources[0]:
        raise MalformedEvent(f"resources: the alarm's ARN must be its first entry, found {kind(resources)}")
    return resources[0]


def _muted(detail: Document, state: Document, at: datetime) -> tuple[str, datetime | None]:
    """Who keeps the alarm's own actions silent, and until when if that is known. A mute rule wins over a suppressor."""
    mute = detail.get("muteDetail")
    if isinstance(mute, dict):
        rule = str(mute.get("mutedByArn") or "")
        until = instant(mute, "muteWindowEnd", "detail.muteDetail.") if mute.get("muteWindowEnd") else None
        return f"mute rule {rule.rpartition(_MUTE_RULE)[2]}".rstrip(), until
    by = str(state.get("actionsSuppressedBy") or "")
    configuration = decoded(detail.get("configuration"))
    suppressor = str(configuration.get("actionsSuppressor") or "").rpartition(":alarm:")[2]
    if not by or _own(suppressor):
        return "", None
    named = f"suppressor {suppressor}" if suppressor else "suppressor"
    # After either period the actions run or the suppressor is in ALARM, and no event tells which.
    seconds = number(configuration.get(f"actionsSuppressor{by}")) if by in ("WaitPeriod", "ExtensionPeriod") else None
    until = None if seconds is None else at + timedelta(seconds=seconds)
    return named if by.lower() == "alarm" else f"{named} ({by})", until


def _own(suppressor: str) -> bool:
    prefix, marker = _OWN
    return suppressor.startswith(prefix) and marker in suppressor
