"""The MetricWidget of GetMetricWidgetImage: what a graph shows, read from its JSON and checked.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Metric-Widget-Structure.html
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from core.cloudwatch.refusal import Refusal, validation

DEFAULT_SIZE = (600, 400)
MAX_SIZE = 2_000
MAX_METRICS = 100
DEFAULT_PERIOD = 300
DEFAULT_STATISTIC = "Average"
DEFAULT_START = "-PT3H"
VIEWS = ("timeSeries", "bar", "pie", "singleValue", "gauge")
THEMES = ("light", "dark")
LEGENDS = ("bottom", "right", "hidden")

_KEYS = frozenset(
    {"annotations", "end", "height", "id", "legend", "liveData", "metrics", "period", "region", "setPeriodToTimeRange"}
    | {"sparkline", "stacked", "start", "stat", "theme", "timezone", "title", "trend", "type", "view", "width", "yAxis"}
)
_DURATION = re.compile(r"-P(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_TIMEZONE = re.compile(r"([+-])(\d\d)(\d\d)")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a graph: what to ask (`query` is an entry of MetricDataQueries) and how to draw it."""

    id: str
    query: Mapping[str, Any]
    color: str
    right: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """An annotation: a value, or an instant, and where a band from it ends."""

    at: float
    label: str
    color: str
    until: float | None = None
    right: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """A vertical axis; None leaves a bound to the data."""

    least: float | None = None
    most: float | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Widget:
    """A graph. `start` and `end` are aware; `offset` is how far its clock is from UTC; sizes are in pixels."""

    title: str
    rows: tuple[Row, ...]
    start: datetime
    end: datetime
    offset: timedelta
    width: int
    height: int
    view: str
    stacked: bool
    theme: str
    legend: str
    thresholds: tuple[Mark, ...]
    instants: tuple[Mark, ...]
    left: Axis
    right: Axis
    alarm: str
    """The ARN of the alarm that the graph is about, or ""."""


def read(text: str, now: datetime) -> Widget:
    """The widget that a text describes, relative times counted back from `now`. Raises Refusal."""
    try:
        body = json.loads(text)
    except ValueError as error:
        raise _refused(f"it is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise _refused("it should be an object")
    for key in body:
        if key not in _KEYS:
            raise _refused(f"{key} is not a field of a metric widget")
    annotations = _object(body, "annotations")
    alarms = annotations.get("alarms") or []
    start, end = (
        _instant(body.get(key, default), key, now) for key, default in (("start", DEFAULT_START), ("end", ""))
    )
    if start >= end:
        raise _refused("start should be before end")
    axes = _object(body, "yAxis")
    return Widget(
        title=str(body.get("title", "")),
        rows=rows(body),
        start=start,
        end=end,
        offset=_offset(body.get("timezone", "+0000")),
        width=_size(body, "width", DEFAULT_SIZE[0]),
        height=_size(body, "height", DEFAULT_SIZE[1]),
        view=_one_of(body, "view", VIEWS),
        stacked=body.get("stacked") is True,
        theme=_one_of(body, "theme", THEMES),
        legend=_one_of(_object(body, "legend"), "position", LEGENDS),
        thresholds=_thresholds(annotations.get("horizontal") or []),
        instants=_instants(annotations.get("vertical") or [], now),
        left=_axis(_object(axes, "left")),
        right=_axis(_object(axes, "right")),
        alarm=str(alarms[0]) if isinstance(alarms, list) and alarms else "",
    )


def rows(body: Mapping[str, Any]) -> tuple[Row, ...]:
    """The rows of a widget's `metrics`, shorthands (`.` and `...`) written out. Raises Refusal."""
    metrics = body.get("metrics", [])
    if not isinstance(metrics, list):
        raise _refused("metrics should be an array")
    if len(metrics) > MAX_METRICS:
        raise _refused(f"metrics should NOT have more than {MAX_METRICS} items")
    above: list[str] = []
    found = []
    for number, row in enumerate(metrics):
        if not isinstance(row, list) or not row:
            raise _refused(f"metrics[{number}] should be an array with a metric or an expression")
        options = row[-1] if isinstance(row[-1], dict) else {}
        fields = [str(field) for field in row if not isinstance(field, dict)]
        if fields:
            above = fields = written_out(fields, above)
        identifier = str(options.get("id") or f"row{number}")
        query = _query(fields, options, body, f"metrics[{number}]") | {
            "Id": identifier,
            "ReturnData": options.get("visible", True) is not False,
        }
        if options.get("label"):
            query["Label"] = str(options["label"])
        found.append(Row(identifier, query, str(options.get("color", "")), options.get("yAxis") == "right"))
    return tuple(found)


def written_out(fields: Sequence[str], above: Sequence[str]) -> list[str]:
    """A row's fields, with those that it takes from the row above."""
    fields = list(fields)
    if "..." in fields:
        at = fields.index("...")
        kept = len(above) - (len(fields) - 1)
        fields = [*fields[:at], *above[at : at + max(kept, 0)], *fields[at + 1 :]]
    return [above[at] if field == "." and at < len(above) else field for at, field in enumerate(fields)]


def _query(fields: Sequence[str], options: Mapping[str, Any], body: Mapping[str, Any], where: str) -> dict[str, Any]:
    period = options.get("period") or body.get("period") or DEFAULT_PERIOD
    if not isinstance(period, int) or isinstance(period, bool):
        raise _refused(f"{where}: period should be integer")
    if "expression" in options:
        return {"Expression": str(options["expression"]), "Period": period}
    if len(fields) < 2 or len(fields) % 2:
        raise _refused(f"{where} should have a namespace, a metric name and pairs of a dimension's name and value")
    namespace, name, *rest = fields
    dimensions = [{"Name": rest[at], "Value": rest[at + 1]} for at in range(0, len(rest), 2)]
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}
    stat = str(options.get("stat") or body.get("stat") or DEFAULT_STATISTIC)
    return {"MetricStat": {"Metric": metric, "Period": period, "Stat": stat}}


def _thresholds(items: Any) -> tuple[Mark, ...]:
    """Horizontal annotations: one value, or two with the band between."""
    found = []
    for item in items if isinstance(items, list) else []:
        first, last = (item[0], item[-1]) if isinstance(item, list) and item else (item, None)
        if not isinstance(first, dict) or not _is_number(first.get("value")):
            raise _refused("a horizontal annotation should have a number as its value")
        until = last.get("value") if isinstance(last, dict) else None
        right = first.get("yAxis") == "right"
        found.append(
            Mark(float(first["value"]), str(first.get("label", "")), str(first.get("color", "")), until, right)
        )
    return tuple(found)


def _instants(items: Any, now: datetime) -> tuple[Mark, ...]:
    found = []
    for item in items if isinstance(items, list) else []:
        first, last = (item[0], item[-1]) if isinstance(item, list) and item else (item, None)
        if not isinstance(first, dict):
            raise _refused("a vertical annotation should be an object")
        at = _instant(first.get("value"), "a vertical annotation's value", now).timestamp()
        until = _instant(last.get("value"), "a vertical annotation's value", now).timestamp() if last else None
        found.append(Mark(at, str(first.get("label", "")), str(first.get("color", "")), until))
    return tuple(found)


def _axis(found: Mapping[str, Any]) -> Axis:
    for key in ("min", "max"):
        if found.get(key) is not None and not _is_number(found[key]):
            raise _refused(f"yAxis: {key} should be number")
    return Axis(found.get("min"), found.get("max"), str(found.get("label", "")))


def _instant(text: object, key: str, now: datetime) -> datetime:
    if text == "":
        return now
    if isinstance(text, str) and (found := _DURATION.fullmatch(text)) and any(found.groups()):
        months, weeks, days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
        return now - timedelta(days=months * 30 + days, weeks=weeks, hours=hours, minutes=minutes, seconds=seconds)
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise _refused(f"{key}: {text!r} should be ISO 8601, such as -PT3H or 2026-11-20T10:00:00Z") from error
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def _offset(text: object) -> timedelta:
    found = _TIMEZONE.fullmatch(str(text))
    if found is None:
        raise _refused(f"timezone: {text!r} should be a sign and four digits, such as -0130")
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return -offset if found[1] == "-" else offset


def _size(body: Mapping[str, Any], key: str, default: int) -> int:
    size = body.get(key, default)
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MAX_SIZE:
        raise _refused(f"{key}: {size!r} should be an integer from 1 to {MAX_SIZE}")
    return size


def _object(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = body.get(key) or {}
    if not isinstance(found, dict):
        raise _refused(f"{key} should be object")
    return found


def _one_of(body: Mapping[str, Any], key: str, allowed: Sequence[str]) -> str:
    """The first is the default."""
    found = body.get(key, allowed[0])
    if found not in allowed:
        raise _refused(f"{key}: {found!r} should be one of {', '.join(allowed)}")
    return str(found)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refused(reason: str) -> Refusal:
    return validation(f"Invalid MetricWidget: {reason}")
