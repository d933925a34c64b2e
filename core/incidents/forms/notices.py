"""SNS messages of alarms: metric, math, anomaly, composite, contributor, log and PromQL alarms, turned into the detail
that EventBridge has.

CloudWatch user guide, Alarm actions (contributors; PromQL has no reason), Log alarms (NewStateReasonData), and the
classic message of a metric alarm.
"""

from typing import Any

from core.incidents.forms import alarms
from core.incidents.forms.fields import Document, decoded, entries, instant, optional, pairs, text
from core.incidents.signals import AlarmSignal

_STATISTICS = {
    "SAMPLE_COUNT": "SampleCount",
    "AVERAGE": "Average",
    "SUM": "Sum",
    "MINIMUM": "Minimum",
    "MAXIMUM": "Maximum",
}


def is_notice(body: Document) -> bool:
    """Whether `body` is an alarm's SNS message."""
    return "AlarmName" in body and "NewStateValue" in body


def alarm(body: Document, carrier: str = "") -> AlarmSignal:
    """The signal of an SNS message's body; `carrier` is the ARN of what delivered it.

    `Region` is a display name, so the region is the ARN's. A message without AlarmArn is taken for an alarm of the
    carrier's account and region: a topic and its alarms share the region.
    """
    name = text(body, "AlarmName")
    arn = optional(body, "AlarmArn") or _arn(name, body, carrier)
    parts = [*arn.split(":", 5), *[""] * 6]
    return alarms.from_detail(_detail(body, name), arn, parts[4], parts[3], place="")


def _arn(name: str, body: Document, carrier: str) -> str:
    parts = [*carrier.split(":"), *[""] * 6]
    partition, region, account = parts[1] or "aws", parts[3], optional(body, "AWSAccountId") or parts[4]
    return f"arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}"


def _detail(body: Document, name: str) -> dict[str, Any]:
    state = {
        "value": alarms.state_of(body, "NewStateValue", "").value,
        "reason": optional(body, "NewStateReason"),
        "timestamp": instant(body, "StateChangeTime"),
    }
    data = body.get("NewStateReasonData") or _children(body)
    detail: dict[str, Any] = {
        "alarmName": name,
        "state": state | ({"reasonData": data} if data else {}),
        "configuration": _configuration(body),
    }
    if body.get("OldStateValue"):
        detail["previousState"] = {"value": alarms.state_of(body, "OldStateValue", "").value}
    if body.get("AlarmContributorId"):
        detail["alarmContributor"] = {
            "id": text(body, "AlarmContributorId"),
            "attributes": dict(pairs(decoded(body.get("AlarmContributorAttributes")))),
        }
    if body.get("AlarmTags"):
        detail["alarmTags"] = dict(pairs(body["AlarmTags"]))
    return detail


def _children(body: Document) -> dict[str, Any]:
    children = [
        {"arn": child.get("Arn"), "state": {key.lower(): told for key, told in decoded(child.get("State")).items()}}
        for child in entries(body.get("TriggeringChildren"))
    ]
    return {"triggeringAlarms": children} if children else {}


def _configuration(body: Document) -> dict[str, Any]:
    trigger = decoded(body.get("Trigger"))
    told = {
        "description": body.get("AlarmDescription"),
        "alarmRule": body.get("AlarmRule"),
        "metrics": metrics_of(trigger),
        "threshold": trigger.get("Threshold"),
        "comparisonOperator": trigger.get("ComparisonOperator"),
        "thresholdMetricId": trigger.get("ThresholdMetricId"),
        "evaluationPeriods": trigger.get("EvaluationPeriods"),
        "datapointsToAlarm": trigger.get("DatapointsToAlarm"),
        "evaluationCriteria": trigger.get("EvaluationCriteria"),
    }
    return {key: value for key, value in told.items() if value not in (None, "", [])}


def metrics_of(alarm: Document) -> list[dict[str, Any]]:
    """The metrics of an alarm as the API and SNS spell them, in EventBridge's spelling."""
    metrics = [_query(query) for query in entries(alarm.get("Metrics"))]
    if not metrics and alarm.get("MetricName"):
        return [{"id": "m1", "metricStat": _stat(alarm, alarm), "returnData": True}]
    return metrics


def _query(query: Document) -> dict[str, Any]:
    told = {
        "id": query.get("Id"),
        "expression": query.get("Expression"),
        "label": query.get("Label"),
        "period": query.get("Period"),
        "returnData": query.get("ReturnData", True),
    }
    if found := decoded(query.get("MetricStat")):
        told["metricStat"] = _stat(decoded(found.get("Metric")), found)
    return {key: value for key, value in told.items() if value is not None}


def _stat(metric: Document, stat: Document) -> dict[str, Any]:
    statistic = str(stat.get("Stat") or stat.get("ExtendedStatistic") or stat.get("Statistic") or "")
    told = {
        "metric": {
            "namespace": metric.get("Namespace"),
            "name": metric.get("MetricName"),
            "dimensions": dict(pairs(metric.get("Dimensions"))),
        },
        "period": stat.get("Period"),
        "stat": _STATISTICS.get(statistic, statistic),
    }
    return told | ({"unit": stat["Unit"]} if stat.get("Unit") else {})
