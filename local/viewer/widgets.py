"""A metric widget of a dashboard body, as GetMetricData queries and as what is to be drawn.

The form of a widget:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    expanded: list[list[str]] = []
    found: list[Series] = []
    periods: dict[str, int] = {}
    for number, row in enumerate(properties.get("metrics", ())):
        fields, options = _split(row)
        fields = _write_out(fields, expanded[-1] if expanded else [])
        if fields:
            expanded.append(fields)
        identifier = str(options.get("id") or f"row{number}")
        period = int(options.get("period") or properties.get("period") or DEFAULT_PERIOD)
        if fields:
            periods[identifier] = period
        found.append(
            Series(
                id=identifier,
                query=_query(identifier, fields, options, properties, period),
                label=str(options.get("label") or (fields[1] if fields else options.get("expression", ""))),
                visible=bool(options.get("visible", True)),
                right=options.get("yAxis") == "right",
                color=str(options.get("color", "")),
                period=period,
            )
        )
    return tuple(found)


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


def _split(row: Sequence[Any]) -> tuple[list[str], Mapping[str, Any]]:
    if row and isinstance(row[-1], Mapping):
        return [str(field) for field in row[:-1]], row[-1]
    return [str(field) for field in row], {}


def _write_out(fields: list[str], above: Sequence[str]) -> list[str]:
    if fields[:1] == ["..."]:
        kept = len(above) - (len(fields) - 1)
        fields = [*above[:kept], *fields[1:]]
    return [above[at] if field == "." and at < len(above) else field for at, field in enumerate(fields)]


def _query(
    identifier: str, fields: Sequence[str], options: Mapping[str, Any], properties: Mapping[str, Any]
) -> dict[str, Any]:
    period = int(options.get("period") or properties.get("period") or DEFAULT_PERIOD)
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
