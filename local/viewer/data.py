"""What the viewer shows, asked of the embedded CloudWatch as any client would."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

from core.cloudwatch.limits import MAX_ALARM_NAMES, MAX_ALARM_RECORDS
from local.errors import ServiceError
from local.viewer import widgets
from local.world import World


@dataclass(frozen=True, slots=True)
class AlarmStatus:
    """An alarm as a light shows it; `label` is the name without what every name beside it begins with."""

    name: str
    label: str
    state: str
    """A StateValue of CloudWatch's, or MISSING where the dashboard names an alarm that does not exist."""
    since: str
    reason: str


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard in the list: how many of its alarms are in which state, and those that are in ALARM."""

    name: str
    label: str
    counts: Mapping[str, int]
    firing: tuple[AlarmStatus, ...]


def dashboard_names(world: World) -> list[str]:
    """Every dashboard that exists."""
    listed = _ask(world, "ListDashboards", {})
    return sorted(entry["DashboardName"] for entry in listed["DashboardEntries"])


def dashboard(world: World, name: str) -> dict[str, Any]:
    """A dashboard's body. Raises ServiceError when there is none of that name."""
    body: dict[str, Any] = json.loads(_ask(world, "GetDashboard", {"DashboardName": name})["DashboardBody"])
    return body


def boards(world: World) -> list[Board]:
    """Every dashboard with a summary of the alarms that it shows."""
    names = dashboard_names(world)
    return [_board(world, name, stem(names)) for name in names]


def widget(world: World, properties: Mapping[str, Any], *, span: timedelta) -> dict[str, Any]:
    """A metric widget's traces and thresholds over the last `span`, JSON-able; `error` says why there are none."""
    rows = widgets.series(properties)
    end = world.clock.now()
    answer: dict[str, Any] = {
        "range": [_iso(end - span), _iso(end)],
        "traces": [],
        "lines": widgets.lines(properties),
        "error": "",
    }
    try:
        found = _ask(
            world,
            "GetMetricData",
            {
                "MetricDataQueries": [dict(row.query) for row in rows],
                "StartTime": (end - span).timestamp(),
                "EndTime": end.timestamp(),
                "ScanBy": "TimestampAscending",
            },
        )
    except ServiceError as error:
        return answer | {"error": error.message}
    results = {result["Id"]: result for result in found["MetricDataResults"]}
    return answer | {"traces": [_trace(row, results.get(row.id, {})) for row in rows if row.visible]}


def custom(world: World, board: str, number: int, properties: Mapping[str, Any], *, span: timedelta) -> dict[str, Any]:
    """What a custom widget's function answers, as `html`; `error` says why there is none. Holds no lock meanwhile.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_about.html
    """
    end = world.clock.now()
    params = properties.get("params", {})
    times = {"mode": "relative", "start": _epoch(end - span), "end": _epoch(end), "relativeStart": _epoch(end - span)}
    context = {
        "dashboardName": board,
        "widgetId": f"widget-{number + 1}",
        "accountId": world.account,
        "locale": "en",
        "timezone": {"label": "UTC", "offsetISO": "+00:00", "offsetInMinutes": 0},
        "period": 300,
        "isAutoPeriod": True,
        "timeRange": times,
        "theme": "light",
        "linkCharts": True,
        "title": str(properties.get("title", "")),
        "params": params,
        "forms": {"all": {}},
    }
    try:
        run = world.functions.invoke(str(properties.get("endpoint", "")), {**params, "widgetContext": context})
    except ServiceError as error:
        return {"html": "", "error": error.message}
    if run.error:
        return {"html": "", "error": str((run.value or {}).get("errorMessage", "the function failed"))}
    return {"html": run.value if isinstance(run.value, str) else json.dumps(run.value, indent=1), "error": ""}


def alarms(world: World, board: str, arns: Sequence[str]) -> list[AlarmStatus]:
    """The alarms of an alarm widget of the dashboard `board`, in the widget's order."""
    names = [arn.rpartition(":alarm:")[2] for arn in arns]
    found = _described(world, names)
    shared = len(stem([board, *names]))
    return [_status(name, name[shared:], found.get(name)) for name in names]


def stem(names: Iterable[str]) -> str:
    """What all the names begin with, up to and with a dash: `mlwarden-demo-`."""
    words = zip(*(name.split("-")[:-1] for name in names), strict=False)
    return "".join(f"{column[0]}-" for column in takewhile(lambda column: len(set(column)) == 1, words))


def _board(world: World, name: str, shared: str) -> Board:
    lights = [one["properties"] for one in dashboard(world, name)["widgets"] if one["type"] == "alarm"]
    arns = dict.fromkeys(arn for properties in lights for arn in properties["alarms"])
    states = alarms(world, name, [*arns])
    return Board(
        name=name,
        label=name.removeprefix(shared),
        counts=Counter(one.state for one in states),
        firing=tuple(one for one in states if one.state == "ALARM"),
    )


def _described(world: World, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for at in range(0, len(names), MAX_ALARM_NAMES):
        answer = _ask(
            world,
            "DescribeAlarms",
            {
                "AlarmNames": [*names[at : at + MAX_ALARM_NAMES]],
                "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
                "MaxRecords": MAX_ALARM_RECORDS,
            },
        )
        found |= {alarm["AlarmName"]: alarm for alarm in [*answer["MetricAlarms"], *answer["CompositeAlarms"]]}
    return found


def _status(name: str, label: str, alarm: Mapping[str, Any] | None) -> AlarmStatus:
    if alarm is None:
        return AlarmStatus(name, label, "MISSING", "", "the dashboard names it, but there is no such alarm")
    since = datetime.fromtimestamp(float(alarm["StateTransitionedTimestamp"]), UTC)
    return AlarmStatus(name, label, alarm["StateValue"], _iso(since), str(alarm.get("StateReason", "")))


def _trace(row: widgets.Series, result: Mapping[str, Any]) -> dict[str, Any]:
    """Points in order of time, with an empty one wherever a period or more is missing, so that the line breaks."""
    times: list[str] = []
    values: list[float | None] = []
    last = None
    for stamp, value in zip(result.get("Timestamps", ()), result.get("Values", ()), strict=True):
        if last is not None and stamp - last > row.period:
            times.append(_iso(datetime.fromtimestamp(last + row.period, UTC)))
            values.append(None)
        times.append(_iso(datetime.fromtimestamp(stamp, UTC)))
        values.append(value)
        last = stamp
    return {
        "label": row.label or result.get("Label", row.id),
        "x": times,
        "y": values,
        "right": row.right,
        "color": row.color,
    }


def _epoch(instant: datetime) -> int:
    """Milliseconds."""
    return int(instant.timestamp() * 1000)


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _ask(world: World, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    with world.lock:
        return world.cloudwatch.handle(operation, parameters)
