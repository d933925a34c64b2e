"""Events as EventBridge delivers them, parsed once at the edge into signals.

Shapes: AWS's pages `cloudwatch-and-eventbridge` (CloudWatch user guide) and `automating-sagemaker-with-eventbridge`
(SageMaker developer guide).
"""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.incidents import instants
from core.incidents.signals import AlarmSignal, EndpointSignal, EndpointStatus, Heartbeat, State

ALARM_CHANGE = "CloudWatch Alarm State Change"
CONTRIBUTOR_CHANGE = "CloudWatch Alarm Contributor State Change"
ENDPOINT_CHANGE = "SageMaker Endpoint State Change"
DEPLOYMENT_CHANGE = "SageMaker Endpoint Deployment State Change"
HEARTBEAT = "mlwarden heartbeat"

_STATUSES = {status.value.lower(): status for status in EndpointStatus}
_MISSING = object()


class MalformedEvent(Exception):
    """An event that cannot be understood; the text names the key and what would be right."""


def parse(text: str) -> AlarmSignal | EndpointSignal | Heartbeat:
    """One event from its JSON text; raises MalformedEvent naming the key that is wrong.

    Half a surrogate pair, which JSON can say and no message can carry, becomes a question mark.
    """
    try:
        event = json.loads(text)
        if "\\ud" in text.lower():
            event = json.loads(json.dumps(event, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise MalformedEvent("body: not JSON") from None
    if not isinstance(event, dict):
        raise MalformedEvent(f"body: a JSON object is needed, found {_kind(event)}")
    match event.get("detail-type"):
        case str(kind) if kind in {ALARM_CHANGE, CONTRIBUTOR_CHANGE}:
            return _alarm(event, contributor=kind == CONTRIBUTOR_CHANGE)
        case str(kind) if kind in {ENDPOINT_CHANGE, DEPLOYMENT_CHANGE}:
            return _endpoint(event)
        case str(kind) if kind == HEARTBEAT:
            return Heartbeat()
        case str(kind):
            raise MalformedEvent(f"detail-type: {kind[:80]!r} is not one that the router takes")
        case _:
            raise MalformedEvent("detail-type: missing")


def _alarm(event: Mapping[str, Any], *, contributor: bool) -> AlarmSignal:
    detail = _table(event, "detail")
    state = _table(detail, "detail.state")
    previous = detail.get("previousState")
    configuration = detail.get("configuration")
    configuration = configuration if isinstance(configuration, dict) else {}
    who = _table(detail, "detail.alarmContributor") if contributor else {}
    data = _reason_data(state.get("reasonData"))
    metrics = [entry for entry in configuration.get("metrics") or () if isinstance(entry, dict)]
    name, dimensions = _first_metric(metrics)
    return AlarmSignal(
        account=_text(event, "account"),
        region=_text(event, "region"),
        alarm_arn=_alarm_arn(event),
        alarm_name=_text(detail, "detail.alarmName"),
        state=_state(state, "detail.state.value"),
        at=_instant(state, "detail.state.timestamp"),
        contributor=_text(who, "detail.alarmContributor.id") if contributor else "",
        previous=_state(previous, "detail.previousState.value") if isinstance(previous, dict) else None,
        reason=_optional(state, "detail.state.reason"),
        value=_newest(data),
        threshold=_number(data.get("threshold")),
        description=str(configuration.get("description") or ""),
        metric=name,
        dimensions=dimensions,
        attributes=_pairs(who.get("attributes")),
        tags=_pairs(detail.get("alarmTags")),
        muted_by=_muted_by(detail, state),
        queries=json.dumps(metrics, sort_keys=True, separators=(",", ":")) if metrics else "",
    )


def _endpoint(event: Mapping[str, Any]) -> EndpointSignal:
    detail = _table(event, "detail")
    pending = detail.get("PendingDeploymentSummary")
    raw = _text(detail, "detail.EndpointStatus")
    status = _STATUSES.get(raw.replace("_", "").lower())
    if status is None:
        known = ", ".join(status.value for status in EndpointStatus)
        raise MalformedEvent(f"detail.EndpointStatus: {raw[:40]!r} is not a status; known: {known}")
    changed = "LastModifiedTime" if detail.get("LastModifiedTime") is not None else "CreationTime"
    return EndpointSignal(
        account=_text(event, "account"),
        region=_text(event, "region"),
        endpoint_arn=_optional(detail, "detail.EndpointArn"),
        endpoint=_text(detail, "detail.EndpointName"),
        status=status,
        at=_instant(detail, f"detail.{changed}"),
        config=_optional(detail, "detail.EndpointConfigName"),
        pending_config=str(pending.get("EndpointConfigName") or "") if isinstance(pending, dict) else "",
        failure=_optional(detail, "detail.FailureReason"),
    )


def _alarm_arn(event: Mapping[str, Any]) -> str:
    resources = event.get("resources")
    if not isinstance(resources, list) or not resources or not isinstance(resources[0], str):
        raise MalformedEvent("resources: the alarm's ARN must be its first entry")
    return resources[0]


def _reason_data(value: object) -> Mapping[str, Any]:
    """reasonData is a JSON string inside the JSON; one that does not parse is as good as none."""
    if not isinstance(value, str):
        return {}
    try:
        data = json.loads(value)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _newest(data: Mapping[str, Any]) -> float | None:
    evaluated = [
        (str(point.get("timestamp", "")), number)
        for point in data.get("evaluatedDatapoints") or ()
        if isinstance(point, dict) and (number := _number(point.get("value"))) is not None
    ]
    if evaluated:
        return max(evaluated)[1]
    recent = data.get("recentDatapoints")
    numbers = [_number(point) for point in recent] if isinstance(recent, list) else []
    return next((number for number in reversed(numbers) if number is not None), None)


def _first_metric(metrics: Sequence[Mapping[str, Any]]) -> tuple[str, tuple[tuple[str, str], ...]]:
    for entry in metrics:
        stat = entry.get("metricStat")
        metric = stat.get("metric") if isinstance(stat, dict) else None
        if isinstance(metric, dict):
            return str(metric.get("name") or ""), _pairs(metric.get("dimensions"))
    return "", ()


def _muted_by(detail: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    mute = detail.get("muteDetail")
    if isinstance(mute, dict):
        return str(mute.get("mutedByArn") or "a mute rule")
    return str(state.get("actionsSuppressedBy") or "")


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    """A map, or a list of {name|key, value} in any case, as sorted pairs."""
    if isinstance(value, dict):
        return tuple(sorted((str(name), str(content)) for name, content in value.items()))
    pairs = []
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict):
            lower = {str(key).lower(): content for key, content in entry.items()}
            pairs.append((str(lower.get("name", lower.get("key", ""))), str(lower.get("value", ""))))
    return tuple(sorted(pairs))


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _table(parent: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    value = parent.get(_last(path), _MISSING)
    if value is _MISSING:
        raise MalformedEvent(f"{path}: missing")
    if not isinstance(value, dict):
        raise MalformedEvent(f"{path}: an object is needed, found {_kind(value)}")
    return value


def _text(parent: Mapping[str, Any], path: str) -> str:
    value = parent.get(_last(path), _MISSING)
    if value is _MISSING:
        raise MalformedEvent(f"{path}: missing")
    if not isinstance(value, str) or not value:
        raise MalformedEvent(f"{path}: a text is needed, found {_kind(value)}")
    return value


def _optional(parent: Mapping[str, Any], path: str) -> str:
    return _text(parent, path) if parent.get(_last(path)) else ""


def _state(parent: Mapping[str, Any], path: str) -> State:
    value = _text(parent, path)
    try:
        return State(value)
    except ValueError:
        known = ", ".join(state.value for state in State)
        raise MalformedEvent(f"{path}: {value[:40]!r} is not an alarm state; known: {known}") from None


def _instant(parent: Mapping[str, Any], path: str) -> datetime:
    value = parent.get(_last(path), _MISSING)
    if value is _MISSING:
        raise MalformedEvent(f"{path}: missing")
    try:
        return instants.parse(value)
    except ValueError as error:
        raise MalformedEvent(f"{path}: {error}") from None


def _number(value: object) -> float | None:
    """The number, None for anything else; JSON as Python reads it may hold NaN and numbers beyond floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _kind(value: object) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return "a text" if value else "an empty text"
        case _:
            return json.dumps(value)[:40]
