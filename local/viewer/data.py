"""What the viewer shows, asked of the embedded CloudWatch as any client would."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from local.errors import ServiceError
from local.viewer import widgets
from local.world import World


def dashboard_names(world: World) -> list[str]:
    """Every dashboard that exists."""
    listed = _ask(world, "ListDashboards", {})
    return sorted(entry["DashboardName"] for entry in listed["DashboardEntries"])


def dashboard(world: World, name: str) -> dict[str, Any]:
    """A dashboard's body. Raises ServiceError when there is none of that name."""
    body: dict[str, Any] = json.loads(_ask(world, "GetDashboard", {"DashboardName": name})["DashboardBody"])
    return body


def widget(world: World, properties: Mapping[str, Any], *, span: timedelta) -> dict[str, Any]:
    """A metric widget's traces and thresholds over the last `span`, JSON-able; `error` says why there are none."""
    rows = widgets.series(properties)
    now = world.clock.now()
    try:
        answer = _ask(
            world,
            "GetMetricData",
            {
                "MetricDataQueries": [dict(row.query) for row in rows],
                "StartTime": (now - span).timestamp(),
                "EndTime": now.timestamp(),
                "ScanBy": "TimestampAscending",
            },
        )
    except ServiceError as error:
        return {"traces": [], "lines": [], "error": error.message}
    results = {result["Id"]: result for result in answer["MetricDataResults"]}
    return {
        "traces": [_trace(row, results.get(row.id, {})) for row in rows if row.visible],
        "lines": [
            {"value": line.value, "label": line.label, "color": line.color, "right": line.right}
            for line in widgets.lines(properties)
        ],
        "error": "",
    }


def alarms(world: World, arns: list[str]) -> list[dict[str, str]]:
    """State and reason of each alarm of an alarm-status widget, in the widget's order."""
    names = [arn.rpartition(":alarm:")[2] for arn in arns]
    answer = _ask(
        world, "DescribeAlarms", {"AlarmNames": names, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": 100}
    )
    found = {alarm["AlarmName"]: alarm for alarm in [*answer["MetricAlarms"], *answer["CompositeAlarms"]]}
    return [
        {
            "name": name,
            "state": found[name]["StateValue"] if name in found else "MISSING",
            "reason": str(found[name].get("StateReason", "")) if name in found else "no such alarm",
        }
        for name in names
    ]


def _trace(row: widgets.Series, result: Mapping[str, Any]) -> dict[str, Any]:
    times = [datetime.fromtimestamp(float(stamp), UTC).isoformat() for stamp in result.get("Timestamps", ())]
    return {
        "label": row.label or result.get("Label", row.id),
        "x": times,
        "y": list(result.get("Values", ())),
        "right": row.right,
        "color": row.color,
    }


def _ask(world: World, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    with world.lock:
        return world.cloudwatch.handle(operation, parameters)
