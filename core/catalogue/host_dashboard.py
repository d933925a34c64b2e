"""The dashboard of hosts: one line a host, and one a GPU where there are GPUs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.catalogue import gpu, host_alarms, widgets
from core.catalogue import host as metrics
from core.catalogue.alarm import MetricAlarm, Severity
from core.catalogue.metric import Metric
from core.catalogue.widgets import Box, Canvas, graph, line, metric_line

if TYPE_CHECKING:
    from core.config import Config, Host

HOSTS_ON_ONE = 25
"""So that 16 GPUs a host stay within the 2,500 metrics that CloudWatch allows a dashboard."""


def body(config: "Config", hosts: Sequence["Host"], canvas: Canvas) -> dict[str, Any]:
    """The dashboard's body for these hosts, at most HOSTS_ON_ONE."""
    alarms = [alarm for host in hosts for alarm in host_alarms.alarms(config, host)]
    ranked = sorted(alarms, key=lambda alarm: list(Severity).index(alarm.severity))
    return widgets.body(
        [
            [widgets.text(_header(config, alarms), height=3)],
            widgets.lights(canvas, "Alarms, critical first", [alarm.name for alarm in ranked]),
            [
                _of(alarms, "HighCPU", "CPU, of all cores", canvas),
                _of(alarms, "HighMemory", "Memory", canvas),
                _of(alarms, "DiskFull", "Fullest disk", canvas),
            ],
            _flow(hosts, canvas),
            _gpus_together(alarms, canvas),
            *(_gpus_apart(host, canvas) for host in hosts if host.gpus),
        ]
    )


def _header(config: "Config", alarms: Sequence[MetricAlarm]) -> str:
    conditions = dict.fromkeys(alarm.condition for alarm in alarms)
    owners = dict.fromkeys(alarm.owner for alarm in alarms)
    return (
        f"# Hosts\nowner **{', '.join(owners)}** · stage {config.deployment.stage} · metrics of the agent, "
        f"namespace CWAgent\n\nRunbooks: {widgets.runbook_links(config.deployment.runbooks, conditions)}"
    )


def _of(alarms: Sequence[MetricAlarm], condition: str, title: str, canvas: Canvas, *, unit: str = "%") -> Box:
    """The series of one condition's alarm for each host that has it, and each threshold in use once."""
    own = [alarm for alarm in alarms if alarm.condition == condition]
    lines = [
        line(alarm.queries, alarm.subject.name, display=alarm.display, key=f"h{number}")
        for number, alarm in enumerate(own)
    ]
    return graph(canvas, title, lines, unit=unit, limits=widgets.limits(own))


def _flow(hosts: Sequence["Host"], canvas: Canvas) -> list[Box]:
    pairs = (
        ("Network: received, sent", metrics.NET_BYTES_RECV, metrics.NET_BYTES_SENT, "in", "out"),
        ("Disks: read, written", metrics.DISKIO_READ_BYTES, metrics.DISKIO_WRITE_BYTES, "read", "written"),
    )
    heartbeats = [
        metric_line(metrics.AGENT_HEARTBEAT, metrics.dimensions(host), "Sum", host.name, key=f"h{number}")
        for number, host in enumerate(hosts)
    ]
    return [
        *(
            graph(
                canvas,
                title,
                [*_pairs(hosts, {left: inward, right: outward})],
                unit=f"{left}, MiB/min",
                right_unit=f"{right}, MiB/min",
            )
            for title, inward, outward, left, right in pairs
        ),
        graph(canvas, "Agent heartbeats", heartbeats, unit="heartbeats/min"),
    ]


def _pairs(hosts: Sequence["Host"], pair: Mapping[str, Metric]) -> Iterator[widgets.Line]:
    """Both metrics of each host, the second on the right axis."""
    for number, host in enumerate(hosts):
        for place, (what, metric) in enumerate(pair.items()):
            label, key = f"{host.name} {what}", f"h{number}_{place}"
            yield metric_line(metric, metrics.dimensions(host), "Sum", label, key=key, right=place == 1)


def _gpus_together(alarms: Sequence[MetricAlarm], canvas: Canvas) -> list[Box]:
    shown = {
        "HighGPUUtilisation": ("GPU use, mean of devices", "%"),
        "HighGPUMemory": ("GPU memory, fullest device", "%"),
        "HighGPUTemperature": ("GPU temperature, hottest device", "°C"),
        "GPUXidErrors": ("XID hardware faults", "errors"),
        "GPUEccErrors": ("Uncorrectable ECC errors", "errors"),
        "GPUsMissing": ("Visible GPUs", "GPUs"),
    }
    present = {alarm.condition for alarm in alarms}
    return [
        _of(alarms, condition, title, canvas, unit=unit)
        for condition, (title, unit) in shown.items()
        if condition in present
    ]


def _gpus_apart(host: "Host", canvas: Canvas) -> list[Box]:
    """Each device by its index: where one slow or hot GPU shows."""
    shown = (
        (gpu.NVIDIA_SMI_UTILIZATION_GPU, "Average", "use", "%"),
        (gpu.GPU_MEMORY_USED_PERCENT, "Maximum", "memory", "%"),
        (gpu.NVIDIA_SMI_POWER_DRAW, "Average", "power", "W"),
    )
    return [
        graph(
            canvas,
            f"{host.name}: {what} by GPU",
            [
                metric_line(
                    metric, (*metrics.dimensions(host), ("index", str(index))), name, f"GPU {index}", key=f"g{index}"
                )
                for index in range(host.gpus)
            ],
            unit=unit,
        )
        for metric, name, what, unit in shown
    ]
