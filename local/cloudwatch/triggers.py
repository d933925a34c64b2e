"""The Trigger of a metric alarm's SNS messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.cloudwatch.watches import PromqlWatch
from local.cloudwatch.records import MetricAlarm

_STATISTICS = {"SampleCount": "SAMPLE_COUNT"}


def trigger(alarm: MetricAlarm) -> dict[str, Any]:
    """What an SNS message says of the alarm's metrics and condition."""
    if isinstance(alarm.plan.watch, PromqlWatch):
        return {key: alarm.params[key] for key in ("EvaluationCriteria", "EvaluationInterval")}
    condition, params = alarm.plan.condition, alarm.params
    held = {
        "Period": int(alarm.plan.period.total_seconds()),
        "EvaluationPeriods": condition.periods,
        **({"DatapointsToAlarm": condition.datapoints} if alarm.plan.explicit else {}),
        **{key[0].upper() + key[1:]: value for key, value in held_against(alarm).items()},
        "TreatMissingData": condition.missing.value,
        "EvaluateLowSampleCountPercentile": params.get("EvaluateLowSampleCountPercentile") or "",
    }
    stat = alarm.plan.returned.stat
    if stat is None or params.get("Metrics"):
        return held | {"Metrics": [_query(item) for item in params["Metrics"]]}
    metric = {"MetricName": stat.name, "Namespace": stat.namespace}
    if params.get("ExtendedStatistic"):
        statistic = {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": stat.statistic}
    else:
        spelling = _STATISTICS.get(stat.statistic, stat.statistic.upper())
        statistic = {"StatisticType": "Statistic", "Statistic": spelling}
    return metric | statistic | {"Unit": stat.unit, "Dimensions": _pairs(params.get("Dimensions"))} | held


def _query(item: Mapping[str, Any]) -> dict[str, Any]:
    query = {key: item[key] for key in ("Id", "Expression", "Label", "Period") if item.get(key)}
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


def held_against(alarm: MetricAlarm) -> dict[str, Any]:
    """The comparison and what it compares with, as events spell it."""
    condition, band = alarm.plan.condition, alarm.plan.band
    if band is not None:
        return {"comparisonOperator": band.comparison.value, "thresholdMetricId": band.id}
    return {"threshold": condition.threshold, "comparisonOperator": condition.comparison.value}
