"""The dashboard over all endpoints and hosts: what is wrong, and which of them it is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.catalogue import endpoint as metrics
from core.catalogue import endpoint_alarms, host_alarms, widgets
from core.catalogue.alarm import Alarm, MetricAlarm, Severity
from core.catalogue.metric import Display, Metric
from core.catalogue.widgets import Box, Canvas, Line, graph, line, metric_line

if TYPE_CHECKING:
    from core.config import Config, Endpoint

ENDPOINTS_ON_ONE = 150
"""So that an endpoint's nine metrics stay within the 2,500 that CloudWatch allows a dashboard, 500 a widget."""


def body(config: "Config", endpoints: Sequence["Endpoint"], canvas: Canvas) -> dict[str, Any]:
    """The dashboard's body for these endpoints, at most ENDPOINTS_ON_ONE, and all hosts' critical alarms."""
    by_endpoint = {metrics.subject(one): endpoint_alarms.alarms(config, one) for one in endpoints}
    parents = [alarms[-1].name for alarms in by_endpoint.values()]
    others = [
        alarm.name
        for alarms in by_endpoint.values()
        for alarm in alarms[:-1]
        if isinstance(alarm, MetricAlarm) and alarm.severity is not Severity.CRITICAL
    ]
    hosts = [
        alarm.name
        for host in config.hosts
        for alarm in host_alarms.alarms(config, host)
        if alarm.severity is Severity.CRITICAL
    ]
    rows: list[Sequence[Box]] = [
        [widgets.text(_header(config, len(endpoints)), height=2)],
        widgets.incidents(canvas),
        widgets.lights(canvas, "Endpoint health", parents),
        widgets.lights(canvas, "Host alarms, critical", hosts),
    ]
    if endpoints:
        rows += [_symptoms(endpoints, [*by_endpoint.values()], canvas), _capacity([*by_endpoint.values()], canvas)]
    return widgets.body([*rows, widgets.lights(canvas, "Endpoint alarms, warning", others)])


def _header(config: "Config", endpoints: int) -> str:
    deployment = config.deployment
    return (
        f"# {deployment.stage}: fleet\nowner **{deployment.owner}** · endpoint variants: {endpoints} · "
        f"hosts: {len(config.hosts)} · [runbooks]({deployment.runbooks})"
    )


def _symptoms(endpoints: Sequence["Endpoint"], alarms: Sequence[Sequence[Alarm]], canvas: Canvas) -> list[Box]:
    def each(metric: Metric, statistic: str, display: Display | None = None) -> list[Line]:
        """A line an endpoint."""
        return [
            metric_line(
                metric,
                metrics.dimensions(one),
                statistic,
                metrics.subject(one).label,
                key=f"n{number}",
                display=display,
            )
            for number, one in enumerate(endpoints)
        ]

    errors = each(metrics.INVOCATION_5XX_ERRORS, "Average", widgets.SHARE)
    limits = widgets.limits(_with(alarms, "HighErrorRate"), "5xx")
    return [
        graph(canvas, "Requests", each(metrics.INVOCATIONS, "Sum"), unit="requests/min"),
        graph(canvas, "5xx rate", errors, unit="% of requests", limits=limits),
        graph(canvas, "p99 model latency", each(metrics.MODEL_LATENCY, "p99"), unit="ms"),
    ]


def _capacity(alarms: Sequence[Sequence[Alarm]], canvas: Canvas) -> list[Box]:
    shown = {"HighCPU": "CPU", "HighGPU": "GPU", "HighGPUMemory": "GPU memory"}
    return [
        graph(
            canvas,
            title,
            [
                line(alarm.queries, alarm.subject.label, display=alarm.display, key=f"n{number}")
                for number, alarm in enumerate(own)
            ],
            unit="%",
            limits=widgets.limits(own, title),
        )
        for condition, title in shown.items()
        if (own := _with(alarms, condition))
    ]


def _with(alarms: Sequence[Sequence[Alarm]], condition: str) -> list[MetricAlarm]:
    """One condition's alarms, at most one an endpoint."""
    return [
        alarm for each in alarms for alarm in each if isinstance(alarm, MetricAlarm) and alarm.condition == condition
    ]
