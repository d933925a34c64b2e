"""Metrics of hosts that run the agent: namespace CWAgent, in the CloudWatch agent's names where it has them.

Sources: CloudWatch user guide, "Metrics collected by the CloudWatch agent" and "Collect NVIDIA GPU metrics";
the rest are the agent's own. Every series carries the host (InstanceId on EC2, else host); those of one path,
collector or GPU carry that too. Where a metric has both, the one without a device is folded over all devices,
so that its Maximum is the worst of them.
"""

from typing import TYPE_CHECKING

from core.catalogue.alarm import Subject
from core.catalogue.metric import Display, Emitted, Metric

if TYPE_CHECKING:
    from core.config import Host

_CLOUDWATCH_AGENT = (
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/metrics-collected-by-CloudWatch-agent.html"
)
_CLOUDWATCH_AGENT_GPU = (
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-NVIDIA-GPU.html"
)
_AGENT = "agent/"

_STATISTICS = ("Average", "Sum", "Minimum", "Maximum", "SampleCount")
_BYTES_SHOWN = Display("GiB", 2**-30)
_RATE_SHOWN = Display("MiB", 2**-20)


def _sets(*more: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset({host, *more}) for host in ("InstanceId", "host"))


_HOST = _sets()
_PATH = _sets("path")
_COLLECTOR = _sets("collector")
_GPU = _sets("index")


def _metric(
    name: str,
    unit: str,
    display: Display,
    *,
    sets: tuple[frozenset[str], ...] = _HOST,
    maximum: float | None = None,
    source: str = _CLOUDWATCH_AGENT,
) -> Metric:
    return Metric(
        namespace="CWAgent",
        name=name,
        dimension_sets=sets,
        unit=unit,
        # No percentiles: the agent sends statistic sets, which do not keep the distribution.
        statistics=_STATISTICS,
        display=display,
        emitted=Emitted.ALWAYS,
        source=source,
        maximum=maximum,
    )


def _percent(name: str, *, sets: tuple[frozenset[str], ...] = _HOST, source: str = _CLOUDWATCH_AGENT) -> Metric:
    return _metric(name, "Percent", Display("%"), sets=sets, maximum=100.0, source=source)


def _bytes(name: str, *, sets: tuple[frozenset[str], ...] = _HOST) -> Metric:
    return _metric(name, "Bytes", _BYTES_SHOWN, sets=sets)


def _transferred(name: str) -> Metric:
    return _metric(name, "Bytes", _RATE_SHOWN)


def _count(
    name: str,
    *,
    sets: tuple[frozenset[str], ...] = _HOST,
    source: str = _CLOUDWATCH_AGENT,
    maximum: float | None = None,
) -> Metric:
    return _metric(name, "Count", Display(""), sets=sets, source=source, maximum=maximum)


CPU_USAGE_ACTIVE = _percent("cpu_usage_active")
CPU_USAGE_USER = _percent("cpu_usage_user")
CPU_USAGE_SYSTEM = _percent("cpu_usage_system")
CPU_USAGE_IOWAIT = _percent("cpu_usage_iowait")
CPU_USAGE_STEAL = _percent("cpu_usage_steal")
CPU_USAGE_ACTIVE_MAX_CORE = _percent("cpu_usage_active_max_core", source=_AGENT)
SYSTEM_LOAD1 = _metric("system_load1", "None", Display("processes"), source=_AGENT)
SYSTEM_LOAD5 = _metric("system_load5", "None", Display("processes"), source=_AGENT)
SYSTEM_LOAD15 = _metric("system_load15", "None", Display("processes"), source=_AGENT)

MEM_USED_PERCENT = _percent("mem_used_percent")
MEM_USED = _bytes("mem_used")
MEM_AVAILABLE = _bytes("mem_available")
MEM_TOTAL = _bytes("mem_total")
SWAP_USED_PERCENT = _percent("swap_used_percent")
SWAP_USED = _bytes("swap_used")

DISK_USED_PERCENT = _percent("disk_used_percent", sets=_PATH)
DISK_USED = _bytes("disk_used", sets=_PATH)
DISK_FREE = _bytes("disk_free", sets=_PATH)
DISK_TOTAL = _bytes("disk_total", sets=_PATH)
DISK_INODES_FREE = _count("disk_inodes_free", sets=_PATH)

DISKIO_READ_BYTES = _transferred("diskio_read_bytes")
DISKIO_WRITE_BYTES = _transferred("diskio_write_bytes")
DISKIO_READS = _count("diskio_reads")
DISKIO_WRITES = _count("diskio_writes")
DISKIO_IO_TIME = _metric("diskio_io_time", "Milliseconds", Display("ms"))

NET_BYTES_SENT = _transferred("net_bytes_sent")
NET_BYTES_RECV = _transferred("net_bytes_recv")
NET_PACKETS_SENT = _count("net_packets_sent")
NET_PACKETS_RECV = _count("net_packets_recv")
NET_ERR_IN = _count("net_err_in")
NET_ERR_OUT = _count("net_err_out")
NET_DROP_IN = _count("net_drop_in")
NET_DROP_OUT = _count("net_drop_out")

AGENT_HEARTBEAT = _metric("agent_heartbeat", "Count", Display("heartbeats"), source=_AGENT)
AGENT_COLLECTOR_SUCCESS = _count("agent_collector_success", sets=_COLLECTOR, source=_AGENT, maximum=1.0)
AGENT_COLLECTOR_DURATION = _metric(
    "agent_collector_duration", "Milliseconds", Display("ms"), sets=_COLLECTOR, source=_AGENT
)
# Present only where the agent is told to invent GPUs: their series are then no measurement.
AGENT_SIMULATED_GPUS = _metric("agent_simulated_gpus", "Count", Display("GPUs"), source=_AGENT)

_FOLDED_GPU = (*_HOST, *_GPU)
NVIDIA_SMI_UTILIZATION_GPU = _percent("nvidia_smi_utilization_gpu", sets=_FOLDED_GPU, source=_CLOUDWATCH_AGENT_GPU)
NVIDIA_SMI_UTILIZATION_MEMORY = _percent("nvidia_smi_utilization_memory", sets=_GPU, source=_CLOUDWATCH_AGENT_GPU)
NVIDIA_SMI_MEMORY_USED = _metric(
    "nvidia_smi_memory_used", "Megabytes", Display("MB"), sets=_GPU, source=_CLOUDWATCH_AGENT_GPU
)
NVIDIA_SMI_MEMORY_TOTAL = _metric(
    "nvidia_smi_memory_total", "Megabytes", Display("MB"), sets=_GPU, source=_CLOUDWATCH_AGENT_GPU
)
GPU_MEMORY_USED_PERCENT = _percent("gpu_memory_used_percent", sets=_FOLDED_GPU, source=_AGENT)
NVIDIA_SMI_TEMPERATURE_GPU = _metric(
    "nvidia_smi_temperature_gpu",
    "None",
    Display("°C"),
    sets=_FOLDED_GPU,
    source=_CLOUDWATCH_AGENT_GPU,
    maximum=150.0,
)
NVIDIA_SMI_POWER_DRAW = _metric("nvidia_smi_power_draw", "None", Display("W"), sets=_GPU, source=_CLOUDWATCH_AGENT_GPU)
# New events in the window, 0 included: a last value would hide a repeat, a blank would look like health.
GPU_ECC_UNCORRECTED = _metric("gpu_ecc_uncorrected", "Count", Display("errors"), sets=_FOLDED_GPU, source=_AGENT)
GPU_XID_CRITICAL = _metric("gpu_xid_critical", "Count", Display("errors"), sets=_FOLDED_GPU, source=_AGENT)
GPU_XID_APPLICATION = _metric("gpu_xid_application", "Count", Display("errors"), sets=_GPU, source=_AGENT)
GPU_VISIBLE_COUNT = _metric("gpu_visible_count", "Count", Display("GPUs"), source=_AGENT)

METRICS = (
    CPU_USAGE_ACTIVE,
    CPU_USAGE_USER,
    CPU_USAGE_SYSTEM,
    CPU_USAGE_IOWAIT,
    CPU_USAGE_STEAL,
    CPU_USAGE_ACTIVE_MAX_CORE,
    SYSTEM_LOAD1,
    SYSTEM_LOAD5,
    SYSTEM_LOAD15,
    MEM_USED_PERCENT,
    MEM_USED,
    MEM_AVAILABLE,
    MEM_TOTAL,
    SWAP_USED_PERCENT,
    SWAP_USED,
    DISK_USED_PERCENT,
    DISK_USED,
    DISK_FREE,
    DISK_TOTAL,
    DISK_INODES_FREE,
    DISKIO_READ_BYTES,
    DISKIO_WRITE_BYTES,
    DISKIO_READS,
    DISKIO_WRITES,
    DISKIO_IO_TIME,
    NET_BYTES_SENT,
    NET_BYTES_RECV,
    NET_PACKETS_SENT,
    NET_PACKETS_RECV,
    NET_ERR_IN,
    NET_ERR_OUT,
    NET_DROP_IN,
    NET_DROP_OUT,
    AGENT_HEARTBEAT,
    AGENT_COLLECTOR_SUCCESS,
    AGENT_COLLECTOR_DURATION,
    AGENT_SIMULATED_GPUS,
    NVIDIA_SMI_UTILIZATION_GPU,
    NVIDIA_SMI_UTILIZATION_MEMORY,
    NVIDIA_SMI_MEMORY_USED,
    NVIDIA_SMI_MEMORY_TOTAL,
    GPU_MEMORY_USED_PERCENT,
    NVIDIA_SMI_TEMPERATURE_GPU,
    NVIDIA_SMI_POWER_DRAW,
    GPU_ECC_UNCORRECTED,
    GPU_XID_CRITICAL,
    GPU_XID_APPLICATION,
    GPU_VISIBLE_COUNT,
)


def subject(host: "Host") -> Subject:
    """The host as alarms name it."""
    return Subject("host", host.name)


def dimensions(host: "Host") -> tuple[tuple[str, str], ...]:
    """The dimensions of the host's own series."""
    return (("InstanceId", host.instance_id),) if host.instance_id else (("host", host.host),)
