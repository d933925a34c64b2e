"""What CloudWatch tells others about an alarm: EventBridge events, SNS messages, Lambda payloads, in AWS's shapes.

User Guide, Alarm events and EventBridge; Lambda alarm actions; the classic SNS message.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.cloudwatch.queries import Stat
from core.cloudwatch.reasons import timestamp
from core.cloudwatch.state import State
from local.cloudwatch.records import ACTION_FIELDS, Alarm, CompositeAlarm, MetricAlarm, Status, actions

_TRIGGER_STATISTICS = {"SampleCount": "SAMPLE_COUNT"}


def state_change(alarm: Alarm, previous: Status, current: Status) -> dict[str, Any]:
    """The detail of "CloudWatch Alarm State Change"."""
    return {
        "alarmName": alarm.name,
        "state": _state(current),
        "previousState": _state(previous),
        "configuration": _configuration(alarm),
    }


def configuration_change(alarm: Alarm, operation: str, previous: Alarm | None = None) -> dict[str, Any]:
    """The detail of "CloudWatch Alarm Configuration Change"; `operation` is create, update or delete."""
    detail = {
        "alarmName": alarm.name,
        "operation": operation,
        "state": {"value": alarm.status.value.value, "timestamp": timestamp(alarm.status.updated)},
        "configuration": _whole_configuration(alarm),
    }
    return detail | ({"previousConfiguration": _whole_configuration(previous)} if previous else {})


def lambda_payload(alarm: Alarm, previous: Status, current: Status, *, account: str, region: str) -> dict[str, Any]:
    """What a Lambda action's function is invoked with."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.arn,
        "accountId": account,
        "time": timestamp(current.updated),
        "region": region,
        "alarmData": state_change(alarm, previous, current),
    }


def subject(alarm: Alarm, current: Status, region_name: str) -> str:
    """An SNS message's subject: `ALARM: "name" in US East (N. Virginia)`, cut to SNS's 100 characters."""
    return f'{current.value}: "{alarm.name}" in {region_name}'[:100]


def message(alarm: Alarm, previous: Status, current: Status, *, account: str, region_name: str) -> dict[str, Any]:
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
        **{field: list(actions(alarm, state)) for state, field in ACTION_FIELDS.items()},
    }
    if isinstance(alarm, MetricAlarm):
        return body | {"Trigger": _trigger(alarm)}
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
    state = {"value": status.value.value, "reason": status.reason}
    return state | ({"reasonData": status.data} if status.data else {}) | {"timestamp": timestamp(status.updated)}


def _configuration(alarm: Alarm) -> dict[str, Any]:
    description = alarm.params.get("AlarmDescription")
    described = {"description": description} if description else {}
    if isinstance(alarm, CompositeAlarm):
        return {"alarmRule": alarm.params["AlarmRule"]} | described
    return described | {"metrics": _metrics(alarm)}


def _metrics(alarm: MetricAlarm) -> list[dict[str, Any]]:
    if alarm.plan.returned.stat is not None and not alarm.params.get("Metrics"):
        return [_event_stat(alarm.metric_id, alarm.plan.returned.stat, label="", returned=True)]
    metrics = []
    by_id = {query.id: query for query in alarm.plan.queries}
    for item in alarm.params["Metrics"]:
        query = by_id[item["Id"]]
        if query.stat is not None:
            metrics.append(_event_stat(query.id, query.stat, label=query.label, returned=query.returned))
        else:
            labelled = {"label": query.label} if query.label else {}
            period = {"period": item["Period"]} if item.get("Period") else {}
            metrics.append(
                {"id": query.id, "expression": query.text} | labelled | {"returnData": query.returned} | period
            )
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
    if isinstance(alarm, MetricAlarm):
        condition = alarm.plan.condition
        evaluated = {
            "evaluationPeriods": condition.periods,
            **({"datapointsToAlarm": condition.datapoints} if alarm.plan.explicit else {}),
            "threshold": condition.threshold,
            "comparisonOperator": condition.comparison.value,
            "treatMissingData": condition.missing.value,
        }
    return (
        evaluated
        | _configuration(alarm)
        | {
            "alarmName": alarm.name,
            "actionsEnabled": alarm.actions_enabled,
            "timestamp": timestamp(alarm.configured),
            "okActions": list(actions(alarm, State.OK)),
            "alarmActions": list(actions(alarm, State.ALARM)),
            "insufficientDataActions": list(actions(alarm, State.INSUFFICIENT_DATA)),
        }
    )


def _trigger(alarm: MetricAlarm) -> dict[str, Any]:
    condition, params = alarm.plan.condition, alarm.params
    held = {
        "Period": int(alarm.plan.period.total_seconds()),
        "EvaluationPeriods": condition.periods,
        **({"DatapointsToAlarm": condition.datapoints} if alarm.plan.explicit else {}),
        "ComparisonOperator": condition.comparison.value,
        "Threshold": condition.threshold,
        "TreatMissingData": condition.missing.value,
        "EvaluateLowSampleCountPercentile": params.get("EvaluateLowSampleCountPercentile") or "",
    }
    stat = alarm.plan.returned.stat
    if stat is None or params.get("Metrics"):
        return held | {"Metrics": [_trigger_query(item) for item in params["Metrics"]]}
    metric = {"MetricName": stat.name, "Namespace": stat.namespace}
    if params.get("ExtendedStatistic"):
        statistic = {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": stat.statistic}
    else:
        spelling = _TRIGGER_STATISTICS.get(stat.statistic, stat.statistic.upper())
        statistic = {"StatisticType": "Statistic", "Statistic": spelling}
    return metric | statistic | {"Unit": stat.unit, "Dimensions": _pairs(params.get("Dimensions"))} | held


def _trigger_query(item: Mapping[str, Any]) -> dict[str, Any]:
    query = {key: item[key] for key in ("Id", "Expression", "Label") if item.get(key)}
    if item.get("MetricStat"):
        stat = item["MetricStat"]
        metric = stat["Metric"]
        query["MetricStat"] = {
            "Metric": {
                "Dimensions": _pairs(metric.get("Dimensions")),
                "MetricName": metric["MetricName"],
                "Namespace": metric["Namespace"],
            },
            "Period": stat["Period"],
            "Stat": stat["Stat"],
            **({"Unit": stat["Unit"]} if stat.get("Unit") else {}),
        }
    return query | {"ReturnData": item.get("ReturnData", True) is not False}


def _pairs(dimensions: Sequence[Mapping[str, str]] | None) -> list[dict[str, str]]:
    return [{"value": pair["Value"], "name": pair["Name"]} for pair in dimensions or ()]


def history_state(status: Status) -> dict[str, Any]:
    """A state as StateUpdate history items have it."""
    state: dict[str, Any] = {"stateValue": status.value.value, "stateReason": status.reason}
    return state | ({"stateReasonData": json.loads(status.data)} if status.data.startswith("{") else {})


def milliseconds(at: datetime) -> int:
    """Epoch milliseconds, as Action history items have them."""
    return round(at.timestamp() * 1000)
