"""The catalogue's alarms as PutMetricAlarm's and PutCompositeAlarm's parameters, as the stacks' templates state them.

For whoever evaluates a configuration's alarms without deploying it.
"""

from collections.abc import Mapping
from typing import Any

from core.catalogue.alarm import Alarm, CompositeAlarm, Delivery, MetricAlarm, MetricStat, Query
from core.cloudwatch.statistics import BASIC
from core.messages import links


def request(alarm: Alarm, *, runbooks: str, topics: Mapping[str, str]) -> dict[str, Any]:
    """The parameters that create `alarm`.

    `runbooks` is the configuration's base URL; `topics` are ARNs by severity, told of alarms with direct delivery.
    """
    common: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": f"{alarm.title} ({links.runbook(runbooks, alarm.runbook)})",
        "Tags": _tags(alarm),
    }
    if alarm.delivery is Delivery.DIRECT:
        common["AlarmActions"] = [topics[alarm.severity]]
    if isinstance(alarm, CompositeAlarm):
        return common | {"AlarmRule": alarm.rule} | _suppressor(alarm)
    return (
        common
        | {
            "ComparisonOperator": alarm.comparison.value,
            "Threshold": alarm.threshold,
            "DatapointsToAlarm": alarm.datapoints,
            "EvaluationPeriods": alarm.periods,
            "TreatMissingData": alarm.missing.value,
        }
        | _warm_up(alarm)
        | _series(alarm.queries)
    )


def _suppressor(alarm: CompositeAlarm) -> dict[str, Any]:
    if not alarm.suppressor:
        return {}
    return {
        "ActionsSuppressor": alarm.suppressor,
        "ActionsSuppressorWaitPeriod": int(alarm.wait.total_seconds()),
        "ActionsSuppressorExtensionPeriod": int(alarm.extension.total_seconds()),
    }


def _warm_up(alarm: MetricAlarm) -> dict[str, Any]:
    if not alarm.warm_up:
        return {}
    minutes = int(alarm.warm_up.total_seconds()) // 60
    return {
        "WarmUpConfiguration": {
            "WarmUpPeriodDurationInMinutes": minutes,
            "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True,
        }
    }


def _series(queries: tuple[Query, ...]) -> dict[str, Any]:
    stat = queries[0].stat
    if len(queries) > 1 or stat is None:
        return {"Metrics": [_query(query) for query in queries]}
    kind = "Statistic" if stat.statistic in BASIC else "ExtendedStatistic"
    return {**_metric(stat), "Period": _seconds(stat), kind: stat.statistic}


def _query(query: Query) -> dict[str, Any]:
    labelled = {"Label": query.label} if query.label else {}
    held: dict[str, Any] = {"Id": query.id, **labelled, "ReturnData": query.returned}
    if query.stat is None:
        return held | {"Expression": query.expression}
    stat = {"Metric": _metric(query.stat), "Period": _seconds(query.stat), "Stat": query.stat.statistic}
    return held | {"MetricStat": stat}


def _metric(stat: MetricStat) -> dict[str, Any]:
    return {
        "Namespace": stat.metric.namespace,
        "MetricName": stat.metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in stat.dimensions],
    }


def _seconds(stat: MetricStat) -> int:
    return int(stat.period.total_seconds())


def _tags(alarm: Alarm) -> list[dict[str, str]]:
    tags = {
        "mlwarden:severity": alarm.severity.value,
        "mlwarden:owner": alarm.owner,
        "mlwarden:runbook": alarm.runbook,
        "mlwarden:subject": f"{alarm.subject.kind}/{alarm.subject.name}",
    }
    return [{"Key": key, "Value": value} for key, value in tags.items()]
