"""GetMetricWidgetImage as an operation: reads the widget, asks for its data, has it drawn."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from core.cloudwatch import widgets
from core.cloudwatch.refusal import invalid_value, missing, validation
from core.cloudwatch.widgets import Widget
from local.cloudwatch import images

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Carries out a CloudWatch operation."""


class Graphs:
    """Draws what the account's metrics were."""

    def __init__(self, now: Callable[[], datetime], ask: Ask) -> None:
        self._now = now
        self._ask = ask

    def image(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """GetMetricWidgetImage; the image is PNG bytes."""
        if params.get("OutputFormat") not in (None, "", "png"):
            raise invalid_value(
                f"The value {params['OutputFormat']} for parameter OutputFormat is invalid; png is supported."
            )
        text = params.get("MetricWidget")
        if not text:
            raise missing("The parameter MetricWidget is required.")
        widget = self._about_alarm(widgets.read(text, self._now()))
        if not widget.rows:
            raise validation("Invalid MetricWidget: it should have metrics, or the ARN of an alarm in its annotations")
        answer = self._ask(
            "GetMetricData",
            {
                "MetricDataQueries": [dict(row.query) for row in widget.rows],
                "StartTime": widget.start.timestamp(),
                "EndTime": widget.end.timestamp(),
                "ScanBy": "TimestampAscending",
            },
        )
        return {"MetricWidgetImage": images.picture(widget, answer["MetricDataResults"])}

    def _about_alarm(self, widget: Widget) -> Widget:
        if not widget.alarm:
            return widget
        name = widget.alarm.rpartition(":alarm:")[2]
        found = self._ask("DescribeAlarms", {"AlarmNames": [name]})["MetricAlarms"]
        if not found:
            raise validation(f"Invalid MetricWidget: there is no metric alarm {widget.alarm}")
        if "MetricName" not in found[0] or "Threshold" not in found[0]:
            raise validation(f"Invalid MetricWidget: {name} is not an alarm on one metric; list its metrics instead")
        return images.with_alarm(widget, found[0])
