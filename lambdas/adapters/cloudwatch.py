"""CloudWatch: an endpoint's traffic minute by minute, and an alarm's own series.

AWS call: GetMetricData.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.incidents.findings import Minute
from lambdas.adapters.clients import client

_SERIES = (
    ("requests", "Invocations", "Sum", 1.0),
    ("failed", "Invocation5XXErrors", "Sum", 1.0),
    ("refused", "Invocation4XXErrors", "Sum", 1.0),
    ("p99_ms", "ModelLatency", "p99", 0.001),
)
"""Field of Minute, metric, statistic, and what turns the metric's unit into the field's."""


def minutes(endpoint: str, variant: str, *, start: datetime, end: datetime) -> tuple[Minute, ...]:
    """The variant's minutes that have datapoints, in order; raises botocore's ClientError."""
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    queries = [
        {
            "Id": field,
            "MetricStat": {
                "Metric": {"Namespace": "AWS/SageMaker", "MetricName": metric, "Dimensions": dimensions},
                "Period": 60,
                "Stat": statistic,
            },
        }
        for field, metric, statistic, _ in _SERIES
    ]
    pages = (
        client("cloudwatch")
        .get_paginator("get_metric_data")
        .paginate(MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending")
    )
    scales = {field: scale for field, _, _, scale in _SERIES}
    found: dict[datetime, dict[str, float]] = {}
    for page in pages:
        for series in page["MetricDataResults"]:
            for at, value in zip(series["Timestamps"], series["Values"], strict=True):
                found.setdefault(at.astimezone(UTC), {})[series["Id"]] = value * scales[series["Id"]]
    return tuple(_minute(at, values) for at, values in sorted(found.items()))


def extremes(metrics: str, *, start: datetime, end: datetime) -> tuple[float, float] | None:
    """Lowest and highest value of the series an alarm watches, None without datapoints.

    `metrics` is `detail.configuration.metrics` of the alarm's event, as JSON text. Raises botocore's ClientError.
    """
    entries = json.loads(metrics)
    alone = len(entries) == 1
    queries = [_query(entry, "m1" if alone else entry["id"], alone=alone) for entry in entries]
    pages = (
        client("cloudwatch")
        .get_paginator("get_metric_data")
        .paginate(MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending")
    )
    values = [value for page in pages for series in page["MetricDataResults"] for value in series["Values"]]
    return (min(values), max(values)) if values else None


def _query(entry: Mapping[str, Any], identifier: str, *, alone: bool) -> dict[str, Any]:
    """An entry of the event (lower camel case, dimensions as a map) as GetMetricData takes it."""
    query: dict[str, Any] = {"Id": identifier, "ReturnData": alone or bool(entry.get("returnData"))}
    if "expression" in entry:
        return query | {"Expression": entry["expression"]} | _some(Period=entry.get("period"))
    stat = entry["metricStat"]
    metric = stat["metric"]
    dimensions = [{"Name": name, "Value": value} for name, value in (metric.get("dimensions") or {}).items()]
    named = {"Namespace": metric["namespace"], "MetricName": metric["name"], "Dimensions": dimensions}
    measured = {"Metric": named, "Period": stat["period"], "Stat": stat["stat"]} | _some(Unit=stat.get("unit"))
    return query | {"MetricStat": measured}


def _some(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _minute(at: datetime, values: Mapping[str, Any]) -> Minute:
    return Minute(at=at, **values)
