"""The parts of a dashboard body: lines, graphs, numbers, alarm lights, text, and their places on the grid.

Dashboard Body Structure and Syntax, CloudWatch API reference. A line is drawn from the same queries that the alarm is
held against, in the unit that people read.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.catalogue.alarm import Comparison, MetricAlarm, Query
from core.catalogue.draft import MINUTE, statistic
from core.catalogue.metric import Display, Metric
from core.cloudwatch.limits import DASHBOARD_COLUMNS, MAX_WIDGET_ALARMS

LIMIT_COLOR = "#d62728"
LIGHTS_IN_A_ROW = 8
SHARE = Display("%", 100.0)
"""For the Average of a metric that is 1 or 0 for each request.

Unlike an error-rate alarm's expression it has no value in a minute that has no data: the newest figure is then the last
that was measured, and not the 0 of a minute that has only begun.
"""
SIGNS = {
    Comparison.GREATER: ">",
    Comparison.GREATER_OR_EQUAL: "≥",
    Comparison.LESS: "<",
    Comparison.LESS_OR_EQUAL: "≤",
}


@dataclass(frozen=True, slots=True)
class Canvas:
    """What every widget of a deployment shares; all may be CDK tokens.

    `incidents` is the ARN of the function that draws the open incidents, "" where there is none.
    """

    region: str
    alarm_arn_prefix: str
    incidents: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A widget and its size, before it has a place. Columns are 24 to the dashboard's width."""

    width: int
    height: int
    kind: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One visible series and the hidden ones it is computed from, as rows of a metric widget."""

    rows: tuple[list[Any], ...]


def place(rows: Iterable[Sequence[Box]]) -> list[dict[str, Any]]:
    """Widgets with coordinates: each row below the one before, wrapped where it is wider than the dashboard."""
    placed: list[dict[str, Any]] = []
    top = 0
    for row in rows:
        left, height = 0, 0
        for box in row:
            if left + box.width > DASHBOARD_COLUMNS:
                top, left, height = top + height, 0, 0
            at = {"x": left, "y": top, "width": box.width, "height": box.height}
            placed.append({"type": box.kind, **at, "properties": box.properties})
            left, height = left + box.width, max(height, box.height)
        top += height
    return placed


def text(markdown: str, *, height: int) -> Box:
    """Markdown over the whole width."""
    return Box(DASHBOARD_COLUMNS, height, "text", {"markdown": markdown})


def incidents(canvas: Canvas) -> list[Box]:
    """The open incidents, drawn by the deployment's own function; nothing where there is none."""
    if not canvas.incidents:
        return []
    asked = {"refresh": True, "resize": False, "timeRange": False}
    properties = {"title": "Open incidents", "endpoint": canvas.incidents, "updateOn": asked}
    return [Box(DASHBOARD_COLUMNS, 5, "custom", properties)]


def lights(canvas: Canvas, title: str, alarm_names: Sequence[str]) -> list[Box]:
    """The alarms' states, in the order given; as many widgets as CloudWatch's limit for one asks for."""
    chunks = [alarm_names[at : at + MAX_WIDGET_ALARMS] for at in range(0, len(alarm_names), MAX_WIDGET_ALARMS)]
    return [
        Box(
            DASHBOARD_COLUMNS,
            2 + (len(chunk) - 1) // LIGHTS_IN_A_ROW,
            "alarm",
            {"title": title, "alarms": [f"{canvas.alarm_arn_prefix}{name}" for name in chunk]},
        )
        for chunk in chunks
    ]


def line(queries: Sequence[Query], label: str, *, display: Display, key: str, right: bool = False) -> Line:
    """The returned series of an alarm's queries; `key` keeps their ids apart from other lines' in the widget."""
    names = {query.id: f"{key}_{query.id}" for query in queries}
    scaled = display.scale != 1.0
    style = {"label": label, "yAxis": "right" if right else "left"}
    rows: list[list[Any]] = []
    for query in queries:
        seen = query.returned and not scaled
        options: dict[str, Any] = {"id": names[query.id], **(style if seen else {"visible": False})}
        if query.stat is None:
            rows.append([{"expression": _renamed(query.expression, names), **options}])
            continue
        dimensions = [part for pair in query.stat.dimensions for part in pair]
        options |= {"stat": query.stat.statistic, "period": _seconds(query.stat.period)}
        rows.append([query.stat.metric.namespace, query.stat.metric.name, *dimensions, options])
    if scaled:
        raw = next(names[query.id] for query in queries if query.returned)
        rows.append([{"expression": _scaled(raw, display.scale), "id": f"{key}_shown", **style}])
    return Line(tuple(rows))


def metric_line(
    metric: Metric,
    dimensions: tuple[tuple[str, str], ...],
    statistic_name: str,
    label: str,
    *,
    key: str,
    right: bool = False,
    period: timedelta = MINUTE,
    display: Display | None = None,
) -> Line:
    """One statistic of a metric, in the unit that people read: the metric's own unless `display` is another."""
    query = statistic("value", metric, dimensions, statistic_name, period=period, returned=True)
    return line((query,), label, display=display or metric.display, key=key, right=right)


def limit(alarm: MetricAlarm, label: str = "") -> dict[str, Any]:
    """The alarm's threshold as a horizontal line, labelled with what would be in ALARM: `HighCPU ≥ 85 %`."""
    value = round(alarm.threshold * alarm.display.scale, 6)
    shown = f"{label or alarm.condition} {SIGNS[alarm.comparison]} {value:g} {alarm.display.unit}".strip()
    return {"value": value, "label": shown, "color": LIMIT_COLOR}


def limits(alarms: Iterable[MetricAlarm], label: str = "") -> list[dict[str, Any]]:
    """The thresholds of alarms that share a graph, each that is in use once."""
    return [*{alarm.threshold: limit(alarm, label) for alarm in alarms}.values()]


def graph(
    canvas: Canvas,
    title: str,
    lines: Sequence[Line],
    *,
    unit: str,
    width: int = 8,
    limits: Sequence[dict[str, Any]] = (),
    right_unit: str = "",
    stacked: bool = False,
) -> Box:
    """Lines over time, from zero up, with thresholds."""
    axes: dict[str, Any] = {"left": {"label": unit, "min": 0, "showUnits": False}}
    if right_unit:
        axes["right"] = {"label": right_unit, "min": 0, "showUnits": False}
    properties: dict[str, Any] = {
        "title": title,
        "view": "timeSeries",
        "region": canvas.region,
        "stacked": stacked,
        "period": _seconds(MINUTE),
        "metrics": [row for one in lines for row in one.rows],
        "yAxis": axes,
    }
    if limits:
        properties["annotations"] = {"horizontal": list(limits)}
    return Box(width, 6, "metric", properties)


def number(canvas: Canvas, title: str, shown: Line, *, width: int = 6) -> Box:
    """The newest value in figures, over its recent course."""
    properties = {
        "title": title,
        "view": "singleValue",
        "sparkline": True,
        "region": canvas.region,
        "period": _seconds(MINUTE),
        "metrics": list(shown.rows),
    }
    return Box(width, 3, "metric", properties)


def body(rows: Iterable[Sequence[Box]]) -> dict[str, Any]:
    """What PutDashboard takes."""
    return {"start": "-PT3H", "periodOverride": "inherit", "widgets": place(rows)}


def runbook_links(runbooks: str, conditions: Iterable[str]) -> str:
    """Markdown links to the runbooks of conditions."""
    return " · ".join(f"[{condition}]({runbooks}/{condition}.md)" for condition in conditions)


def _renamed(expression: str, names: dict[str, str]) -> str:
    return re.sub(r"\b[a-z]\w*", lambda found: names.get(found[0], found[0]), expression)


def _scaled(name: str, scale: float) -> str:
    """A division where the factor has a whole reciprocal, since 1000 reads better than 0.001."""
    inverse = 1 / scale
    return f"{name} / {inverse:.0f}" if inverse == round(inverse) else f"{name} * {scale!r}"


def _seconds(period: timedelta) -> int:
    return int(period.total_seconds())
