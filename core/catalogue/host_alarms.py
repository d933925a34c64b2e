"""Alarms of a host that runs the agent; the GPUs' only where GPUs are expected."""

from typing import TYPE_CHECKING

from core.catalogue import gpu
from core.catalogue import host as metrics
from core.catalogue.alarm import Comparison, MetricAlarm, MissingData, Query, Severity
from core.catalogue.draft import Draft, expression, statistic
from core.catalogue.metric import Metric

if TYPE_CHECKING:
    from core.config import Config, Host, HostThresholds

CONDITIONS = (
    "HighCPU",
    "HighMemory",
    "DiskFull",
    "AgentSilent",
    "HighGPUUtilisation",
    "HighGPUMemory",
    "HighGPUTemperature",
    "GPUXidErrors",
    "GPUEccErrors",
    "GPUsMissing",
)


def alarms(config: "Config", host: "Host") -> tuple[MetricAlarm, ...]:
    """The host's alarms."""
    draft = Draft(config.deployment.stage, metrics.subject(host), host.owner or config.deployment.owner)
    thresholds = host.thresholds or config.host_thresholds
    found = (
        *_capacity(draft, host, thresholds, config.agent.disk_paths),
        _agent_silent(draft, host),
    )
    return (*found, *_gpu_load(draft, host, thresholds), *_gpu_faults(draft, host)) if host.gpus else found


def _level(
    draft: Draft,
    condition: str,
    title: str,
    queries: tuple[Query, ...],
    *,
    metric: Metric,
    threshold: float,
    datapoints: tuple[int, int],
    severity: Severity = Severity.WARNING,
) -> MetricAlarm:
    """A level too high for too long. A silent host is AgentSilent's to tell, so missing stays missing."""
    return draft.alarm(
        condition,
        title,
        queries,
        comparison=Comparison.GREATER_OR_EQUAL,
        threshold=threshold,
        datapoints=datapoints,
        missing=MissingData.MISSING,
        severity=severity,
        display=metric.display,
    )


def _worst(host: "Host", metric: Metric, name: str = "Maximum") -> tuple[Query, ...]:
    return (statistic("value", metric, metrics.dimensions(host), name, returned=True),)


def _capacity(
    draft: Draft, host: "Host", thresholds: "HostThresholds", paths: tuple[str, ...]
) -> tuple[MetricAlarm, ...]:
    cpu, memory, disk = metrics.CPU_USAGE_ACTIVE, metrics.MEM_USED_PERCENT, metrics.DISK_USED_PERCENT
    return (
        _level(
            draft,
            "HighCPU",
            "CPU is nearly used up",
            _worst(host, cpu, "Average"),
            metric=cpu,
            threshold=thresholds.cpu_percent,
            datapoints=(10, 15),
        ),
        _level(
            draft,
            "HighMemory",
            "memory is nearly used up",
            _worst(host, memory),
            metric=memory,
            threshold=thresholds.memory_percent,
            datapoints=(5, 5),
        ),
        _level(
            draft,
            "DiskFull",
            "a disk is nearly full",
            fullest_disk(host, paths),
            metric=disk,
            threshold=thresholds.disk_percent,
            datapoints=(3, 5),
        ),
    )


def fullest_disk(host: "Host", paths: tuple[str, ...]) -> tuple[Query, ...]:
    """The fullest of the paths. A path the host lacks reads as 0 beside one that it has."""
    own = metrics.dimensions(host)
    if len(paths) == 1:
        return (statistic("disk0", metrics.DISK_USED_PERCENT, (*own, ("path", paths[0])), "Maximum", returned=True),)
    disks = [
        statistic(f"disk{index}", metrics.DISK_USED_PERCENT, (*own, ("path", path)), "Maximum")
        for index, path in enumerate(paths)
    ]
    steps: list[Query] = []
    fullest = "disk0"
    for index in range(1, len(disks)):
        text = f"IF({fullest} >= disk{index}, {fullest}, disk{index})"
        last = index == len(disks) - 1
        steps.append(
            expression("fullest", text, "fullest disk")
            if last
            else Query(id=f"fullest{index}", expression=text, label=f"fullest of {index + 1}")
        )
        fullest = f"fullest{index}"
    return (*disks, *steps)


def _agent_silent(draft: Draft, host: "Host") -> MetricAlarm:
    """FILL makes silence count from its first minute; endpoint_alarms says why `breaching` alone is slow."""
    return draft.alarm(
        "AgentSilent",
        "the agent sends nothing: the host, its network or the agent is down",
        (
            statistic("heartbeats", metrics.AGENT_HEARTBEAT, metrics.dimensions(host), "Sum"),
            expression("alive", "FILL(heartbeats, 0)", "heartbeats"),
        ),
        comparison=Comparison.LESS,
        threshold=1.0,
        datapoints=(5, 5),
        missing=MissingData.BREACHING,
        severity=Severity.CRITICAL,
        display=metrics.AGENT_HEARTBEAT.display,
    )


def _gpu_load(draft: Draft, host: "Host", thresholds: "HostThresholds") -> tuple[MetricAlarm, ...]:
    use, memory = gpu.NVIDIA_SMI_UTILIZATION_GPU, gpu.GPU_MEMORY_USED_PERCENT
    temperature = gpu.NVIDIA_SMI_TEMPERATURE_GPU
    return (
        _level(
            draft,
            "HighGPUUtilisation",
            "the GPUs are saturated",
            # Over all GPUs: one busy device beside idle ones is not a host without headroom.
            _worst(host, use, "Average"),
            metric=use,
            threshold=thresholds.gpu_percent,
            datapoints=(10, 15),
            # A busy GPU is what a training host is for.
            severity=Severity.INFO,
        ),
        _level(
            draft,
            "HighGPUMemory",
            "a GPU's memory is nearly used up",
            _worst(host, memory),
            metric=memory,
            threshold=thresholds.gpu_memory_percent,
            datapoints=(3, 5),
        ),
        _level(
            draft,
            "HighGPUTemperature",
            "a GPU is too hot",
            _worst(host, temperature),
            metric=temperature,
            threshold=thresholds.gpu_temperature_celsius,
            datapoints=(3, 5),
            severity=Severity.CRITICAL,
        ),
    )


def _gpu_faults(draft: Draft, host: "Host") -> tuple[MetricAlarm, ...]:
    visible = gpu.GPU_VISIBLE_COUNT
    return (
        _fault(draft, host, "GPUXidErrors", "a GPU reports a hardware fault (XID)", gpu.GPU_XID_CRITICAL),
        _fault(
            draft,
            host,
            "GPUEccErrors",
            "a GPU has uncorrectable memory errors (ECC)",
            gpu.GPU_ECC_UNCORRECTED,
        ),
        draft.alarm(
            "GPUsMissing",
            "fewer GPUs are visible than the host should have",
            _worst(host, visible, "Minimum"),
            comparison=Comparison.LESS,
            threshold=float(host.gpus),
            datapoints=(3, 3),
            missing=MissingData.BREACHING,
            severity=Severity.CRITICAL,
            display=visible.display,
        ),
    )


def _fault(draft: Draft, host: "Host", condition: str, title: str, metric: Metric) -> MetricAlarm:
    """One event in the last 15 minutes: the metric counts events in their minute and is 0 in the next."""
    return draft.alarm(
        condition,
        title,
        _worst(host, metric),
        comparison=Comparison.GREATER_OR_EQUAL,
        threshold=1.0,
        datapoints=(1, 15),
        missing=MissingData.NOT_BREACHING,
        severity=Severity.CRITICAL,
        display=metric.display,
    )
