"""How many series an agent sends: three tiers, since CloudWatch charges by series; and what makes a device unhealthy.

| tier | a host without GPUs | with GPUs | and each GPU |
|---|---|---|---|
| lean | 15 | 25: 10 of the GPUs together | none of its own, while it is healthy |
| standard | 40 | 40: 10 of the GPUs together in the place of 10 of the host's | 10 |
| full | every series there is | | |

A host with one file system of interest; devices are folded into one series whose Minimum, Average and Maximum are over
all of them. Kubernetes' and containers' series come with the collectors that are asked for,
other makers' accelerators where there are some, events (an XID's code) when they happen: at every tier.
"""

from collections.abc import Mapping
from enum import StrEnum

from core.catalogue import gpu, host, kubernetes
from core.catalogue.metric import Emitted, Metric


class Tier(StrEnum):
    """How much is sent."""

    LEAN = "lean"
    STANDARD = "standard"
    FULL = "full"


LEAN_HOST = (
    host.AGENT_HEARTBEAT,
    host.AGENT_COLLECTOR_SUCCESS,
    host.CPU_USAGE_ACTIVE,
    host.CPU_USAGE_IOWAIT,
    host.CPU_USAGE_STEAL,
    host.PRESSURE_MEMORY_FULL,
    host.MEM_USED_PERCENT,
    host.MEM_OOM_KILLS,
    host.DISK_USED_PERCENT,
    host.DISK_INODES_USED_PERCENT,
    host.DISKIO_READ_BYTES,
    host.DISKIO_WRITE_BYTES,
    host.NET_BYTES_SENT,
    host.NET_BYTES_RECV,
    host.CLOCK_SYNCHRONISED,
)
STANDARD_HOST = (
    *LEAN_HOST,
    host.CPU_USAGE_USER,
    host.CPU_USAGE_SYSTEM,
    host.CPU_USAGE_ACTIVE_MAX_CORE,
    host.SYSTEM_LOAD1,
    host.PRESSURE_IO_FULL,
    host.MEM_AVAILABLE,
    host.SWAP_USED_PERCENT,
    host.DISKIO_REQUEST_TIME,
    host.NET_ERR_IN,
    host.NET_ERR_OUT,
    host.NET_DROP_IN,
    host.NETSTAT_TCP_ESTABLISHED,
    host.TCP_SEGMENTS_RETRANSMITTED,
    host.PROCESSES_BLOCKED,
    host.FILE_DESCRIPTORS_USED_PERCENT,
)
STANDARD_WITHOUT_GPUS = (
    host.PRESSURE_CPU_SOME,
    host.PRESSURE_MEMORY_SOME,
    host.PRESSURE_IO_SOME,
    host.DISKIO_IOPS_IN_PROGRESS,
    host.NET_DROP_OUT,
    host.NETSTAT_TCP_TIME_WAIT,
    host.TCP_CONNECTIONS_FAILED,
    host.PROCESSES_TOTAL,
    host.PROCESSES_ZOMBIES,
    host.CLOCK_OFFSET,
)
"""The room that GPUs take on a host that has some."""
GPUS_TOGETHER = (
    gpu.GPU_VISIBLE_COUNT,
    gpu.GPU_EXPECTED_COUNT,
    gpu.GPU_LOST,
    gpu.GPU_DRIVER_HUNG,
    gpu.NVIDIA_SMI_UTILIZATION_GPU,
    gpu.GPU_MEMORY_USED_PERCENT,
    gpu.NVIDIA_SMI_TEMPERATURE_GPU,
    gpu.GPU_ECC_UNCORRECTED,
    gpu.GPU_XID_CRITICAL,
    gpu.GPU_RECOVERY_ACTION,
)
STANDARD_GPU = (
    gpu.NVIDIA_SMI_UTILIZATION_GPU,
    gpu.NVIDIA_SMI_MEMORY_USED,
    gpu.GPU_MEMORY_USED_PERCENT,
    gpu.NVIDIA_SMI_TEMPERATURE_GPU,
    gpu.NVIDIA_SMI_POWER_DRAW,
    gpu.GPU_CLOCK_PERCENT,
    gpu.GPU_SM_ACTIVE,
    gpu.GPU_THROTTLE_HW_THERMAL,
    gpu.GPU_ECC_UNCORRECTED,
    gpu.GPU_XID_CRITICAL,
)
_OTHER_ACCELERATORS = tuple(metric for metric in gpu.METRICS if metric.name.startswith(("amd_", "neuron")))
_ASKED_FOR = (
    *kubernetes.METRICS,
    host.FILE_AGE,
    host.FILE_MISSING,
    gpu.GPU_WORKLOAD_UTILIZATION,
    gpu.GPU_WORKLOAD_MEMORY_USED_PERCENT,
    gpu.GPU_MIG_MEMORY_USED_PERCENT,
    gpu.GPU_MIG_SM_ACTIVE,
    *(metric for metric in (*host.METRICS, *gpu.METRICS) if metric.emitted is Emitted.ON_EVENT),
)
_HOST_DEVICES = frozenset({"path"})
"""Dimensions of a host's own series that are no device to be folded."""


def _names(*groups: tuple[Metric, ...]) -> frozenset[str]:
    return frozenset(metric.name for group in groups for metric in group)


_KNOWN = _names(host.METRICS, gpu.METRICS, kubernetes.METRICS)
_WITHOUT_GPUS = _names(STANDARD_WITHOUT_GPUS)
_FIRST: Mapping[tuple[bool, str], Tier] = {
    # Later ones win: (whether the series is a device's, the metric) by the least tier that has it.
    **{(device, name): Tier.FULL for device in (True, False) for name in _KNOWN},
    **{(True, name): Tier.STANDARD for name in _names(STANDARD_GPU)},
    **{(False, name): Tier.STANDARD for name in _names(STANDARD_HOST, _OTHER_ACCELERATORS)},
    **{(False, name): Tier.LEAN for name in _names(LEAN_HOST, GPUS_TOGETHER)},
    **{(device, name): Tier.LEAN for device in (True, False) for name in _names(_ASKED_FOR)},
}


def least(metric: str, dimensions: tuple[str, ...], *, gpus: bool) -> Tier | None:
    """The least tier that has the series of a metric by these further dimensions; None for applications' metrics.

    `gpus`: on a host that has some.
    """
    if metric not in _KNOWN:
        return None
    if not gpus and not dimensions and metric in _WITHOUT_GPUS:
        return Tier.STANDARD
    return _FIRST[bool(set(dimensions) - _HOST_DEVICES), metric]


def has(tier: Tier, needed: Tier) -> bool:
    """Whether a tier has what begins at another."""
    order = tuple(Tier)
    return order.index(needed) <= order.index(tier)


def series(tier: Tier, *, gpus: int, paths: int = 1) -> int | None:
    """How many series a healthy host sends; None for full, which depends on the host."""
    if tier is Tier.FULL:
        return None
    of_host = LEAN_HOST if tier is Tier.LEAN else STANDARD_HOST
    by_path = sum(metric.name.startswith("disk_") for metric in of_host)
    each = len(STANDARD_GPU) if tier is Tier.STANDARD else 0
    others = 0 if tier is Tier.LEAN else len(STANDARD_WITHOUT_GPUS)
    return len(of_host) + by_path * (paths - 1) + (len(GPUS_TOGETHER) + each * gpus if gpus else others)


_ANY = _names(
    (
        gpu.GPU_RECOVERY_ACTION,
        gpu.GPU_REMAP_PENDING,
        gpu.GPU_REMAP_FAILED,
        gpu.GPU_RETIRED_PAGES_PENDING,
        gpu.GPU_THROTTLE_SLOWDOWN,
        gpu.GPU_THROTTLE_SW_THERMAL,
        gpu.GPU_THROTTLE_HW_THERMAL,
        gpu.GPU_THROTTLE_POWER_BRAKE,
        gpu.GPU_NVLINK_ERRORS,
        host.NET_ERR_IN,
        host.NET_ERR_OUT,
        host.EBS_VOLUME_EXCEEDED_IOPS,
        host.EBS_VOLUME_EXCEEDED_TP,
        host.EBS_INSTANCE_EXCEEDED_IOPS,
        host.EBS_INSTANCE_EXCEEDED_TP,
    )
)
JUDGED = _ANY | _names(
    tuple(metric for metric in (*host.METRICS, *gpu.METRICS, *kubernetes.METRICS) if metric.fault),
    (host.AGENT_COLLECTOR_SUCCESS, gpu.GPU_FABRIC_READY, gpu.GPU_TEMPERATURE_MARGIN),
)
"""The metrics that can tell that a device is unhealthy."""


def unhealthy(metric: Metric, value: float) -> bool:
    """Whether a value of one of JUDGED tells that its device is."""
    name = metric.name
    if name in _ANY or metric.fault:
        return value > 0
    return value <= 0 if name == gpu.GPU_TEMPERATURE_MARGIN.name else value < 1
