"""What CloudWatch tells others about an alarm: EventBridge events, SNS messages, Lambda payloads, in AWS's shapes.

User Guide, Alarm events and EventBridge; Lambda alarm actions; the classic SNS message.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.cloudwatch.mute import Window
from core.cloudwatch.queries import Stat
from core.cloudwatch.reasons import timestamp
from core.cloudwatch.state import State
from core.cloudwatch.watches import PromqlWatch
from local.cloudwatch.records import ACTION_FIELDS, Alarm, CompositeAlarm, MetricAlarm, Status, actions
from local.cloudwatch.triggers import held_against, trigger

_TAGS_READ = "SUCCESS"


@dataclass(frozen=True, slots=True)
class Mute:
    """The mute rule that keeps an alarm's actions from running now, and its window."""

    arn: str
    window: Window


@dataclass(frozen=True, slots=True)
class Extra:
    """What else is told of a change: who mutes it, the propagated tags (None: none are to be), and whether its actions
    waited for the end of a mute window."""

    mute: Mute | None = None
    tags: Mapping[str, str] | None = None
    after_mute: bool = False


NOTHING = Extra()


def state_change(alarm: Alarm, previous: Status, current: Status, extra: Extra = NOTHING) -> dict[str, Any]:
    """The detail of "CloudWatch Alarm State Change"."""
    detail = {
        "alarmName": alarm.name,
        "state": _state(current),
        "previousState": _state(previous),
        "configuration": configuration(alarm),
    }
    return detail | muted(extra) | tagged(extra)


def muted(extra: Extra) -> dict[str, Any]:
    """What the detail of an event says of the mute rule that keeps the alarm's actions from running."""
    if extra.mute is None:
        return {}
    return {
        "muteDetail": {
            "mutedByArn": extra.mute.arn,
            "muteWindowStart": timestamp(extra.mute.window.start),
            "muteWindowEnd": timestamp(extra.mute.window.end),
        }
    }


def tagged(extra: Extra) -> dict[str, Any]:
    """The propagated tags as the detail of an event has them."""
    return {} if extra.tags is None else {"alarmTags": dict(extra.tags), "alarmTagsStatus": _TAGS_READ}


def configuration_change(alarm: Alarm, operation: str, previous: Alarm | None = None) -> dict[str, Any]:
    """The detail of "CloudWatch Alarm Configuration Change"; `operation` is create, update or delete."""
    status = alarm.status
    suppressed = {"actionsSuppressedBy": status.suppressed_by} if status.suppressed_by else {}
    detail = {
        "alarmName": alarm.name,
        "operation": operation,
        "state": suppressed | {"value": status.value.value, "timestamp": timestamp(status.updated)},
        "configuration": _whole_configuration(alarm),
    }
    return detail | ({"previousConfiguration": _whole_configuration(previous)} if previous else {})


def lambda_payload(
    alarm: Alarm, previous: Status, current: Status, extra: Extra = NOTHING, *, account: str, region: str
) -> dict[str, Any]:
    """What a Lambda action's function is invoked with."""
    data = state_change(alarm, previous, current)
    if extra.tags is not None:
        data["alarmTags"] = [{"key": key, "value": value} for key, value in extra.tags.items()]
        data["alarmTagsStatus"] = _TAGS_READ
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.arn,
        "accountId": account,
        "time": timestamp(current.updated),
        "region": region,
        "alarmData": data,
    }


def subject(alarm: Alarm, current: Status, region_name: str) -> str:
    """An SNS message's subject: `ALARM: "name" in US East (N. Virginia)`, cut to SNS's 100 characters."""
    return f'{current.value}: "{alarm.name}" in {region_name}'[:100]


def message(
    alarm: Alarm, previous: Status, current: Status, extra: Extra = NOTHING, *, account: str, region_name: str
) -> dict[str, Any]:
    """An SNS message's body."""
    body: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.params.get("AlarmDescription"),
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": timestamp(alarm.configured),
        "NewStateValue": current.value.value,
        "NewStateReason": current.reason,
        "StateChangeTime": timestamp(current.updated),
        "Region": region_name,
        "AlarmArn": alarm.arn,
        "OldStateValue": previous.value.value,
        **({"ActionExecutedAfterMuteWindow": True} if extra.after_mute else {}),
        **{field: list(actions(alarm, state)) for state, field in ACTION_FIELDS.items()},
    }
    if extra.tags is not None:
        body["AlarmTags"] = [{"Key": key, "Value": value} for key, value in extra.tags.items()]
        body["AlarmTagsStatus"] = _TAGS_READ
    if isinstance(alarm, MetricAlarm):
        return body | {"Trigger": trigger(alarm)}
    triggering = json.loads(current.data)["triggeringAlarms"] if current.data else []
    children = [
        {"Arn": child["arn"], "State": {"Value": child["state"]["value"], "Timestamp": child["state"]["timestamp"]}}
        for child in triggering
    ]
    return body | {"AlarmRule": alarm.params["AlarmRule"], "TriggeringChildren": children}


def triggering(children: Sequence[Alarm]) -> str:
    """StateReasonData of a composite alarm: the children that decided."""
    listed = [
        {
            "arn": child.arn,
            "state": {"value": child.status.value.value, "timestamp": timestamp(child.status.transitioned)},
        }
        for child in children
    ]
    return json.dumps({"triggeringAlarms": listed}, separators=(",", ":"))


def _state(status: Status) -> dict[str, Any]:
    state = suppressed(status) | {"value": status.value.value, "reason": status.reason}
    return state | ({"reasonData": status.data} if status.data else {}) | {"timestamp": timestamp(status.updated)}


def suppressed(status: Status) -> dict[str, str]:
    """What keeps a composite's actions from running, as events and history have it."""
    if not status.suppressed_by:
        return {}
    return {"actionsSuppressedBy": status.suppressed_by, "actionsSuppressedReason": status.suppressed_reason}


def configuration(alarm: Alarm) -> dict[str, Any]:
    """What the events of changed states say of an alarm's configuration."""
    description = alarm.params.get("AlarmDescription")
    described = {"description": description} if description else {}
    if isinstance(alarm, CompositeAlarm):
        return {"alarmRule": alarm.params["AlarmRule"]} | _suppressor(alarm) | described
    if isinstance(alarm.plan.watch, PromqlWatch):
        return described | _criteria(alarm.plan.watch)
    return described | {"metrics": _metrics(alarm)}


def _criteria(watch: PromqlWatch) -> dict[str, Any]:
    """AWS documents no event of a PromQL alarm: the API's fields, spelled as events spell theirs."""
    criteria = {
        "query": watch.text,
        "pendingPeriod": int(watch.pace.pending.total_seconds()),
        "recoveryPeriod": int(watch.pace.recovery.total_seconds()),
    }
    interval = int(watch.interval.total_seconds())
    return {"evaluationCriteria": {"promQLCriteria": criteria}, "evaluationInterval": interval}


def _suppressor(alarm: CompositeAlarm) -> dict[str, Any]:
    fields = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
    return {field[0].lower() + field[1:]: alarm.params[field] for field in fields if field in alarm.params}


def _metrics(alarm: MetricAlarm) -> list[dict[str, Any]]:
    if alarm.plan.returned.stat is not None and not alarm.params.get("Metrics"):
        return [_event_stat(alarm.metric_id, alarm.plan.returned.stat, label="", returned=True)]
    metrics = []
    by_id = {query.id: query for query in alarm.plan.queries}
    for item in alarm.params["Metrics"]:
        query = by_id.get(item["Id"])
        if query is not None and query.stat is not None:
            metrics.append(_event_stat(query.id, query.stat, label=query.label, returned=query.returned))
        else:
            labelled = {"label": item["Label"]} if item.get("Label") else {}
            period = {"period": item["Period"]} if item.get("Period") else {}
            returned = {"returnData": item.get("ReturnData", True) is not False}
            metrics.append({"id": item["Id"], "expression": item["Expression"]} | labelled | returned | period)
    return metrics


def _event_stat(id_: str, stat: Stat, *, label: str, returned: bool) -> dict[str, Any]:
    unit = {"unit": stat.unit} if stat.unit else {}
    metric = {"namespace": stat.namespace, "name": stat.name, "dimensions": dict(stat.dimensions)}
    return {
        "id": id_,
        "metricStat": {"metric": metric, "period": stat.period, "stat": stat.statistic} | unit,
        **({"label": label} if label else {}),
        "returnData": returned,
    }


def _whole_configuration(alarm: Alarm) -> dict[str, Any]:
    evaluated: dict[str, Any] = {}
    if isinstance(alarm, MetricAlarm) and not isinstance(alarm.plan.watch, PromqlWatch):
        condition = alarm.plan.condition
        evaluated = {
            "evaluationPeriods": condition.periods,
            **({"datapointsToAlarm": condition.datapoints} if alarm.plan.explicit else {}),
            **held_against(alarm),
            "treatMissingData": condition.missing.value,
        }
    return (
        evaluated
        | configuration(alarm)
        | {
            "alarmName": alarm.name,
            "actionsEnabled": alarm.actions_enabled,
            "timestamp": timestamp(alarm.configured),
            "okActions": list(actions(alarm, State.OK)),
            "alarmActions": list(actions(alarm, State.ALARM)),
            "insufficientDataActions": list(actions(alarm, State.INSUFFICIENT_DATA)),
        }
    )


def history_state(status: Status) -> dict[str, Any]:
    """A state as StateUpdate history items have it."""
    state: dict[str, Any] = {"stateValue": status.value.value, "stateReason": status.reason} | suppressed(status)
    return state | ({"stateReasonData": json.loads(status.data)} if status.data.startswith("{") else {})


def milliseconds(at: datetime) -> int:
    """Epoch milliseconds, as Action history items have them."""
    return round(at.timestamp() * 1000)
