"""Dashboard bodies: what PutDashboard refuses, and what it only warns about.

API reference, Dashboard Body Structure and Syntax. Messages have the form of AWS's: a path into the body and a
sentence.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.cloudwatch.limits import (
    DASHBOARD_COLUMNS,
    MAX_NAME,
    MAX_VARIABLES,
    MAX_WIDGET_ALARMS,
    MAX_WIDGET_HEIGHT,
    MAX_WIDGET_METRICS,
    MAX_WIDGETS,
)

WIDGETS = ("metric", "text", "log", "alarm", "explorer", "chart", "custom")
_VIEWS = ("timeSeries", "singleValue", "gauge", "bar", "pie", "table")
_LOG_VIEWS = ("table", "timeSeries", "bar", "pie")
_TOP = frozenset({"widgets", "variables", "start", "end", "periodOverride"})
_PLACE = frozenset({"type", "x", "y", "width", "height", "properties"})
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_NAME}}}")
_ALARM_ARN = re.compile(r"arn:[^:]+:cloudwatch:[^:]*:[^:]*:alarm:.+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One DashboardValidationMessage. An error refuses the call; a warning comes back with the made dashboard."""

    path: str
    message: str
    is_error: bool = True


def is_name(name: object) -> bool:
    """Whether a dashboard may be called that."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def check(body: str) -> tuple[Finding, ...]:
    """What is wrong with a dashboard's body, in the body's order."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return (Finding("", "The field DashboardBody must be a valid JSON object"),)
    if not isinstance(parsed, dict):
        return (Finding("", "The field DashboardBody must be a valid JSON object"),)
    return tuple(_body(parsed))


def refusal_message(errors: tuple[Finding, ...]) -> str:
    """The message with which PutDashboard refuses a body."""
    if len(errors) == 1 and not errors[0].path:
        return errors[0].message
    count = f"there are {len(errors)} validation errors" if len(errors) > 1 else "there is 1 validation error"
    listed = json.dumps([{"dataPath": found.path, "message": found.message} for found in errors], indent=2)
    return f"The dashboard body is invalid, {count}:\n{listed}"


def _body(body: Mapping[str, Any]) -> Iterator[Finding]:
    for key in body:
        if key not in _TOP:
            yield Finding(f"/{key}", "Should NOT have additional properties", is_error=False)
    yield from _enumerated(body, "periodOverride", ("auto", "inherit"), "")
    variables = body.get("variables", [])
    if not isinstance(variables, list):
        yield Finding("/variables", "Should be array")
    elif len(variables) > MAX_VARIABLES:
        yield Finding("/variables", f"Should NOT have more than {MAX_VARIABLES} items")
    else:
        for number, variable in enumerate(variables):
            yield from _variable(variable, f"/variables/{number}")
    widgets = body.get("widgets")
    if widgets is None:
        yield Finding("", "Should have required property 'widgets'")
    elif not isinstance(widgets, list):
        yield Finding("/widgets", "Should be array")
    elif len(widgets) > MAX_WIDGETS:
        yield Finding("/widgets", f"Should NOT have more than {MAX_WIDGETS} items")
    else:
        for number, widget in enumerate(widgets):
            yield from _widget(widget, f"/widgets/{number}")


def _variable(variable: object, path: str) -> Iterator[Finding]:
    if not isinstance(variable, dict):
        yield Finding(path, "Should be object")
        return
    for key in ("type", "id", "inputType"):
        yield from _required(variable, key, path)
    yield from _enumerated(variable, "type", ("property", "pattern"), path)
    yield from _enumerated(variable, "inputType", ("input", "select", "radio"), path)


def _widget(widget: object, path: str) -> Iterator[Finding]:
    if not isinstance(widget, dict):
        yield Finding(path, "Should be object")
        return
    for key in widget:
        if key not in _PLACE:
            yield Finding(f"{path}/{key}", "Should NOT have additional properties", is_error=False)
    yield from _whole(widget, "x", 0, DASHBOARD_COLUMNS - 1, path)
    yield from _whole(widget, "y", 0, None, path)
    yield from _whole(widget, "width", 1, DASHBOARD_COLUMNS, path)
    yield from _whole(widget, "height", 1, MAX_WIDGET_HEIGHT, path)
    kind = widget.get("type")
    if kind is None:
        yield Finding(path, "Should have required property 'type'")
        return
    if kind not in WIDGETS:
        yield Finding(f"{path}/type", f"Should be equal to one of the allowed values: {', '.join(WIDGETS)}")
        return
    properties = widget.get("properties")
    if not isinstance(properties, dict):
        yield Finding(path, "Should have required property 'properties'")
        return
    yield from _PROPERTIES[kind](properties, f"{path}/properties")


def _metric(properties: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _required(properties, "region", path)
    yield from _enumerated(properties, "view", _VIEWS, path)
    metrics = properties.get("metrics")
    annotations = properties.get("annotations")
    alarms = annotations.get("alarms") if isinstance(annotations, dict) else None
    if metrics is None and not alarms:
        yield Finding(path, "Should have required property 'metrics'")
    elif metrics is not None and not isinstance(metrics, list):
        yield Finding(f"{path}/metrics", "Should be array")
    elif metrics is not None and len(metrics) > MAX_WIDGET_METRICS:
        yield Finding(f"{path}/metrics", f"Should NOT have more than {MAX_WIDGET_METRICS} items")
    else:
        for number, row in enumerate(metrics or []):
            yield from _row(row, f"{path}/metrics/{number}")
    if isinstance(alarms, list):
        yield from _alarm_arns(alarms, f"{path}/annotations/alarms", most=1)
    period = properties.get("period")
    if period is not None and (not isinstance(period, int) or period < 1 or (period > 60 and period % 60)):
        yield Finding(f"{path}/period", "Should be 1, 5, 10, 20, 30, 60 or a multiple of 60")
    if properties.get("view") == "gauge":
        axis = properties.get("yAxis")
        left = axis.get("left") if isinstance(axis, dict) else None
        for key in ("min", "max"):
            if not isinstance(left, dict) or key not in left:
                yield Finding(f"{path}/yAxis/left", f"Should have required property '{key}'")


def _row(row: object, path: str) -> Iterator[Finding]:
    if not isinstance(row, list):
        yield Finding(path, "Should be array")
        return
    options = row[-1] if row and isinstance(row[-1], dict) else None
    fields = row[:-1] if options is not None else row
    if not fields and options is not None and isinstance(options.get("expression"), str):
        return
    for number, field in enumerate(fields):
        if not isinstance(field, str):
            yield Finding(f"{path}/{number}", "Invalid metric field type, only 'String' type is allowed")
    if len(fields) < 2 and "..." not in fields:
        yield Finding(path, "Should have a namespace and a metric name, or an expression")
    elif len(fields) % 2 and "..." not in fields:
        yield Finding(path, f"Should NOT have more than {len(fields) - 1} items")


def _alarm_arns(alarms: object, path: str, *, most: int) -> Iterator[Finding]:
    if not isinstance(alarms, list) or not alarms:
        yield Finding(path, "Should NOT have fewer than 1 items")
        return
    if len(alarms) > most:
        yield Finding(path, f"Should NOT have more than {most} items")
    for number, arn in enumerate(alarms):
        if not isinstance(arn, str) or _ALARM_ARN.fullmatch(arn) is None:
            yield Finding(f"{path}/{number}", "Should be the ARN of an alarm")


def _text(properties: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _required(properties, "markdown", path)
    yield from _enumerated(properties, "background", ("solid", "transparent"), path)


def _log(properties: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _required(properties, "region", path)
    yield from _required(properties, "query", path)
    yield from _enumerated(properties, "view", _LOG_VIEWS, path)


def _alarm(properties: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if "alarms" not in properties:
        yield Finding(path, "Should have required property 'alarms'")
        return
    yield from _alarm_arns(properties["alarms"], f"{path}/alarms", most=MAX_WIDGET_ALARMS)
    yield from _enumerated(properties, "sortBy", ("default", "stateUpdatedTimestamp", "timestamp"), path)


def _explorer(properties: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _required(properties, "metrics", path)
    yield from _required(properties, "labels", path)


def _chart(properties: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _required(properties, "data", path)


def _custom(properties: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _required(properties, "endpoint", path)


_PROPERTIES: dict[str, Callable[[Mapping[str, Any], str], Iterator[Finding]]] = {
    "metric": _metric,
    "text": _text,
    "log": _log,
    "alarm": _alarm,
    "explorer": _explorer,
    "chart": _chart,
    "custom": _custom,
}


def _required(found: Mapping[str, Any], key: str, path: str) -> Iterator[Finding]:
    if found.get(key) in (None, ""):
        yield Finding(path, f"Should have required property '{key}'")


def _enumerated(found: Mapping[str, Any], key: str, allowed: tuple[str, ...], path: str) -> Iterator[Finding]:
    if key in found and found[key] not in allowed:
        yield Finding(f"{path}/{key}", f"Should be equal to one of the allowed values: {', '.join(allowed)}")


def _whole(found: Mapping[str, Any], key: str, least: int, most: int | None, path: str) -> Iterator[Finding]:
    value = found.get(key)
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        yield Finding(f"{path}/{key}", "Should be integer")
    elif value < least:
        yield Finding(f"{path}/{key}", f"Should be >= {least}")
    elif most is not None and value > most:
        yield Finding(f"{path}/{key}", f"Should be <= {most}")
