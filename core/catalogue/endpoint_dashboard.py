"""The dashboard of one endpoint variant: what callers feel first, then what would explain it."""

from typing import TYPE_CHECKING, Any

from core.catalogue import endpoint as metrics
from core.catalogue import endpoint_alarms, widgets
from core.catalogue.alarm import CompositeAlarm, MetricAlarm
from core.catalogue.metric import Metric
from core.catalogue.widgets import Box, Canvas, Line, graph, limit, metric_line, number

if TYPE_CHECKING:
    from core.config import Config, Endpoint


def body(config: "Config", endpoint: "Endpoint", canvas: Canvas) -> dict[str, Any]:
    """The dashboard's body."""
    all_alarms = endpoint_alarms.alarms(config, endpoint)
    alarms = {alarm.condition: alarm for alarm in all_alarms if isinstance(alarm, MetricAlarm)}
    parents = [alarm.name for alarm in all_alarms if isinstance(alarm, CompositeAlarm)]
    return widgets.body(
        [
            [widgets.text(_header(config, endpoint, [*alarms]), height=3)],
            widgets.lights(canvas, "Alarms", [*parents, *(one.name for one in alarms.values())]),
            _numbers(endpoint, alarms, canvas),
            [
                _traffic(endpoint, canvas),
                _errors(endpoint, alarms, canvas),
                _latency(endpoint, alarms, canvas),
            ],
            [_breakdown(endpoint, canvas), _concurrency(endpoint, canvas)],
            _resources(alarms, canvas),
        ]
    )


def _header(config: "Config", endpoint: "Endpoint", conditions: list[str]) -> str:
    owner = endpoint.owner or config.deployment.owner
    links = widgets.runbook_links(config.deployment.runbooks, ["Unhealthy", *conditions])
    return (
        f"# {endpoint.name} / {endpoint.variant}\n"
        f"owner **{owner}** · stage {config.deployment.stage} · {endpoint.instance_type} · "
        f"objective p99 ≤ {endpoint.p99_ms:g} ms · {endpoint.traffic} traffic\n\n"
        f"Runbooks: {links}"
    )


def _numbers(endpoint: "Endpoint", alarms: dict[str, MetricAlarm], canvas: Canvas) -> list[Box]:
    busiest, title = (alarms["HighGPU"], "GPU in use") if "HighGPU" in alarms else (alarms["HighCPU"], "CPU in use")
    own = metrics.dimensions(endpoint)
    return [
        number(canvas, "Requests", metric_line(metrics.INVOCATIONS, own, "Sum", "requests/min", key="requests")),
        number(canvas, "Server errors (5xx)", _share(endpoint, metrics.INVOCATION_5XX_ERRORS, "% of requests", "e5")),
        number(canvas, "p99 latency", _percentile(endpoint, "p99", "ms")),
        number(canvas, title, _of(busiest, "%", "use")),
    ]


def _traffic(endpoint: "Endpoint", canvas: Canvas) -> Box:
    own = metrics.dimensions(endpoint)
    lines = [
        metric_line(metrics.INVOCATIONS, own, "Sum", "requests", key="all"),
        metric_line(metrics.INVOCATIONS_PER_INSTANCE, own, "Sum", "per instance", key="each", right=True),
    ]
    return graph(canvas, "Traffic", lines, unit="requests/min", right_unit="requests/min per instance")


def _errors(endpoint: "Endpoint", alarms: dict[str, MetricAlarm], canvas: Canvas) -> Box:
    server, client = alarms["HighErrorRate"], alarms["HighClientErrorRate"]
    return graph(
        canvas,
        "Error rates",
        [
            _share(endpoint, metrics.INVOCATION_5XX_ERRORS, "5xx", "e5"),
            _share(endpoint, metrics.INVOCATION_4XX_ERRORS, "4xx", "e4"),
        ],
        unit="% of requests",
        limits=[limit(server, "5xx"), limit(client, "4xx")],
    )


def _latency(endpoint: "Endpoint", alarms: dict[str, MetricAlarm], canvas: Canvas) -> Box:
    lines = [_percentile(endpoint, percentile, percentile) for percentile in ("p99", "p90", "p50")]
    return graph(canvas, "Model latency", lines, unit="ms", limits=[limit(alarms["HighP99Latency"], "p99")])


def _breakdown(endpoint: "Endpoint", canvas: Canvas) -> Box:
    own = metrics.dimensions(endpoint)
    lines = [
        metric_line(metrics.MODEL_LATENCY, own, "Average", "model", key="model"),
        metric_line(metrics.OVERHEAD_LATENCY, own, "Average", "overhead", key="overhead"),
    ]
    return graph(canvas, "Where the time goes (averages)", lines, unit="ms", width=12, stacked=True)


def _concurrency(endpoint: "Endpoint", canvas: Canvas) -> Box:
    own = metrics.dimensions(endpoint)
    lines = [
        metric_line(metrics.CONCURRENT_REQUESTS, own, "Maximum", "concurrent requests", key="most"),
        metric_line(metrics.INVOCATION_MODEL_ERRORS, own, "Sum", "model errors", key="failed", right=True),
    ]
    return graph(canvas, "Concurrency and model errors", lines, unit="requests", right_unit="errors/min", width=12)


def _resources(alarms: dict[str, MetricAlarm], canvas: Canvas) -> list[Box]:
    titles = {
        "HighCPU": "CPU, of all cores",
        "HighMemory": "Memory, worst instance",
        "HighDisk": "Disk, worst instance",
        "HighGPU": "GPU, of all devices",
        "HighGPUMemory": "GPU memory, of all devices, worst instance",
    }
    return [
        graph(canvas, title, [_of(alarms[name], "used", "use")], unit="%", limits=[limit(alarms[name])])
        for name, title in titles.items()
        if name in alarms
    ]


def _of(alarm: MetricAlarm, label: str, key: str) -> Line:
    return widgets.line(alarm.queries, label, display=alarm.display, key=key)


def _share(endpoint: "Endpoint", errors: Metric, label: str, key: str) -> Line:
    """Not the alarm's expression, which is 0 where there is little traffic or none yet."""
    return metric_line(errors, metrics.dimensions(endpoint), "Average", label, key=key, display=widgets.SHARE)


def _percentile(endpoint: "Endpoint", percentile: str, label: str) -> Line:
    own = metrics.dimensions(endpoint)
    return metric_line(metrics.MODEL_LATENCY, own, percentile, label, key=percentile)
