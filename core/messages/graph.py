"""The graph of a message: which alarm it is of, and the widget that CloudWatch draws of it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Metric-Widget-Structure.html
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from core.incidents import instants
from core.incidents.alert import Alert
from core.incidents.labels import Labels
from core.incidents.notification import Notification
from core.messages import story

WIDTH, HEIGHT = 800, 300
BEFORE = timedelta(hours=1)
"""What was normal, before the incident began; longer for one that has lasted, so that its beginning is seen."""
LONGEST = timedelta(days=7)
_ALARM = ":alarm:"
_COLOR = "#d13212"


def subject(told: Notification) -> Alert | None:
    """The alert whose series the graph shows: the most telling one; None where that is no alarm."""
    alert = story.leading(told)
    return alert if alert is not None and _ALARM in alert.arn else None


def widget(told: Notification, alert: Alert, alarm: Mapping[str, Any]) -> dict[str, Any] | None:
    """The widget of what `alarm` (an entry of DescribeAlarms' MetricAlarms) watches; None where it shows nothing.

    Values are in the unit that the message tells them in.
    """
    rows = _rows(alarm, alert.facts)
    if not rows:
        return None
    lasted = told.at - told.opened_at
    start = max(told.opened_at - max(BEFORE, lasted / 4), told.at - LONGEST)
    facts, marks = alert.facts, {}
    if facts.threshold is not None:
        limit = {"value": facts.threshold * facts.display.scale, "label": "threshold", "color": _COLOR}
        marks["horizontal"] = [limit]
    return {
        "title": f"{story.place_of(facts.subject)}: {facts.title}",
        "view": "timeSeries",
        "width": WIDTH,
        "height": HEIGHT,
        "start": instants.show(start),
        "end": instants.show(told.at),
        "timezone": "+0000",
        "metrics": rows,
        "annotations": {**marks, "vertical": [{"value": instants.show(told.opened_at), "label": "since"}]},
        "yAxis": {"left": {"label": facts.display.unit, "showUnits": False}},
    }


def _rows(alarm: Mapping[str, Any], facts: Labels) -> list[list[Any]]:
    scaled = facts.display.scale != 1.0
    label = {"label": facts.title}
    queries = alarm.get("Metrics") or _plain(alarm)
    shown = [str(query["Id"]) for query in queries if query.get("ReturnData", True)]
    rows: list[list[Any]] = []
    for query in queries:
        seen = query["Id"] in shown and not scaled
        options = {"id": query["Id"], **(label if seen else {"visible": False})}
        if "MetricStat" not in query:
            period = {"period": query["Period"]} if "Period" in query else {}
            rows.append([{"expression": query["Expression"], **period, **options}])
            continue
        stat = query["MetricStat"]
        metric = stat["Metric"]
        dimensions = [part for each in metric.get("Dimensions", ()) for part in (each["Name"], each["Value"])]
        options |= {"stat": stat["Stat"], "period": stat["Period"]}
        rows.append([metric["Namespace"], metric["MetricName"], *dimensions, options])
    if scaled:
        scale = facts.display.scale
        rows += [
            [{"expression": f"{each} * {scale!r}", "id": f"shown{number}", **label}]
            for number, each in enumerate(shown)
        ]
    return rows


def _plain(alarm: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An alarm on one statistic as a query; none for what watches no metric of that form."""
    if "MetricName" not in alarm:
        return []
    metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions") if name in alarm}
    statistic = alarm.get("Statistic") or alarm.get("ExtendedStatistic")
    return [{"Id": "m1", "MetricStat": {"Metric": metric, "Period": alarm["Period"], "Stat": statistic}}]
