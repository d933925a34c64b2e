"""A metric widget of a dashboard body, as GetMetricData queries and as what is to be drawn.

The form of a widget:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.cloudwatch.widgets import written_out

DEFAULT_PERIOD = 300
DEFAULT_STATISTIC = "Average"


@dataclass(frozen=True, slots=True)
class Series:
    """One row of a widget: what to ask (`query` is an entry of MetricDataQueries) and how to draw the answer."""

    id: str
    query: Mapping[str, Any]
    label: str
    visible: bool
    right: bool
    color: str
    period: int
    """Seconds between its points; for an expression, the longest period of what it is computed from."""


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal annotation: a threshold."""

    value: float
    label: str
    color: str = ""
    right: bool = False


def series(properties: Mapping[str, Any]) -> tuple[Series, ...]:
    """The rows of a metric widget, shorthands (`.` and `...`) written out."""
    rows = list(_rows(properties.get("metrics", ())))
    default = int(properties.get("period") or DEFAULT_PERIOD)
    periods = {id_: int(options.get("period") or default) for id_, fields, options in rows if fields}
    return tuple(
        Series(
            id=id_,
            query=_query(id_, fields, options, properties, periods.get(id_, default)),
            label=str(options.get("label") or (fields[1] if fields else options.get("expression", ""))),
            visible=bool(options.get("visible", True)),
            right=options.get("yAxis") == "right",
            color=str(options.get("color", "")),
            period=periods.get(id_) or _period(str(options.get("expression", "")), periods, default),
        )
        for id_, fields, options in rows
    )


def lines(properties: Mapping[str, Any]) -> tuple[Line, ...]:
    """The thresholds drawn on a widget."""
    annotations = properties.get("annotations", {}).get("horizontal", ())
    return tuple(
        Line(
            value=float(one["value"]),
            label=str(one.get("label", "")),
            color=str(one.get("color", "")),
            right=one.get("yAxis") == "right",
        )
        for one in annotations
        if isinstance(one, Mapping)
    )


def _rows(metrics: Sequence[Sequence[Any]]) -> Iterator[tuple[str, list[str], Mapping[str, Any]]]:
    """Id, namespace with name and dimensions, and options of each row; an expression has options alone."""
    above: list[str] = []
    for number, row in enumerate(metrics):
        last = row[-1] if row else None
        options: Mapping[str, Any] = last if isinstance(last, Mapping) else {}
        fields = written_out([str(field) for field in row if not isinstance(field, Mapping)], above)
        above = fields or above
        yield str(options.get("id") or f"row{number}"), fields, options


def _period(expression: str, periods: Mapping[str, int], default: int) -> int:
    return max((periods[word] for word in re.findall(r"\w+", expression) if word in periods), default=default)


def _query(
    identifier: str, fields: Sequence[str], options: Mapping[str, Any], properties: Mapping[str, Any], period: int
) -> dict[str, Any]:
    if "expression" in options:
        return {"Id": identifier, "Expression": str(options["expression"]), "Period": period, "ReturnData": True}
    namespace, name, *rest = fields
    dimensions = [{"Name": rest[at], "Value": rest[at + 1]} for at in range(0, len(rest) - 1, 2)]
    return {
        "Id": identifier,
        "MetricStat": {
            "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions},
            "Period": period,
            "Stat": str(options.get("stat") or properties.get("stat") or DEFAULT_STATISTIC),
        },
        "ReturnData": True,
    }
