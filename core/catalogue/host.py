"""Metrics of hosts that run the agent: namespace CWAgent, in the CloudWatch agent's names where it has them.

Sources: CloudWatch user guide, "Metrics collected by the CloudWatch agent", "Collect network performance metrics" and
"Collect Amazon EBS NVMe driver metrics"; the rest are the agent's own. Every series carries the host (InstanceId on
EC2, else host); those of one path, device or collector carry that too. Where a metric has both, the one without a
device is folded over all devices.
"""

from typing import TYPE_CHECKING

from core.catalogue.agent_metric import (
    CLOUDWATCH_AGENT,
    CLOUDWATCH_AGENT_EBS,
    CLOUDWATCH_AGENT_ETHTOOL,
    HOST,
    all_in,
    events,
    metric,
    milliseconds,
    number,
    percent,
    plain,
    sets,
    size,
    transferred,
)
from core.catalogue.metric import Display, Emitted

if TYPE_CHECKING:
    from core.catalogue.alarm import Subject
    from core.config import Host

_PATH = sets("path")
_FILE = sets("file")
_COLLECTOR = (*HOST, *sets("collector"))
_CORE = (*HOST, *sets("cpu"))
_DISK = (*HOST, *sets("name"))
_VOLUME = (*HOST, *sets("VolumeId"))
_INTERFACE = (*HOST, *sets("interface"))

CPU_USAGE_ACTIVE = percent("cpu_usage_active", sets=_CORE, source=CLOUDWATCH_AGENT)
CPU_USAGE_USER = percent("cpu_usage_user", source=CLOUDWATCH_AGENT)
CPU_USAGE_SYSTEM = percent("cpu_usage_system", source=CLOUDWATCH_AGENT)
CPU_USAGE_IOWAIT = percent("cpu_usage_iowait", source=CLOUDWATCH_AGENT)
CPU_USAGE_STEAL = percent("cpu_usage_steal", source=CLOUDWATCH_AGENT)
CPU_USAGE_ACTIVE_MAX_CORE = percent("cpu_usage_active_max_core")
CPU_USAGE_ACTIVE_MIN_CORE = percent("cpu_usage_active_min_core")
SYSTEM_LOAD1 = plain("system_load1", "processes")
SYSTEM_LOAD5 = plain("system_load5", "processes")
SYSTEM_LOAD15 = plain("system_load15", "processes")

# The kernel's own mean over ten seconds of how long some, or all, tasks waited (Documentation/accounting/psi.rst).
PRESSURE_CPU_SOME = percent("pressure_cpu_some")
PRESSURE_MEMORY_SOME = percent("pressure_memory_some")
PRESSURE_MEMORY_FULL = percent("pressure_memory_full")
PRESSURE_IO_SOME = percent("pressure_io_some")
PRESSURE_IO_FULL = percent("pressure_io_full")

MEM_USED_PERCENT = percent("mem_used_percent", source=CLOUDWATCH_AGENT)
MEM_USED = size("mem_used", source=CLOUDWATCH_AGENT)
MEM_AVAILABLE = size("mem_available", source=CLOUDWATCH_AGENT)
MEM_TOTAL = size("mem_total", source=CLOUDWATCH_AGENT)
MEM_FREE = size("mem_free", source=CLOUDWATCH_AGENT)
MEM_CACHED = size("mem_cached", source=CLOUDWATCH_AGENT)
MEM_BUFFERED = size("mem_buffered", source=CLOUDWATCH_AGENT)
MEM_SHARED = size("mem_shared", source=CLOUDWATCH_AGENT)
MEM_DIRTY = size("mem_dirty")
MEM_OOM_KILLS = events("mem_oom_kills", fault=True, shown="kills")
MEM_MAJOR_FAULTS = events("mem_major_faults", shown="faults")
SWAP_USED_PERCENT = percent("swap_used_percent", source=CLOUDWATCH_AGENT)
SWAP_USED = size("swap_used", source=CLOUDWATCH_AGENT)
SWAP_FREE = size("swap_free", source=CLOUDWATCH_AGENT)

DISK_USED_PERCENT = percent("disk_used_percent", sets=_PATH, source=CLOUDWATCH_AGENT)
DISK_USED = size("disk_used", sets=_PATH, source=CLOUDWATCH_AGENT)
DISK_FREE = size("disk_free", sets=_PATH, source=CLOUDWATCH_AGENT)
DISK_TOTAL = size("disk_total", sets=_PATH, source=CLOUDWATCH_AGENT)
DISK_INODES_FREE = number("disk_inodes_free", sets=_PATH, source=CLOUDWATCH_AGENT)
DISK_INODES_USED_PERCENT = percent("disk_inodes_used_percent", sets=_PATH)

DISKIO_READ_BYTES = transferred("diskio_read_bytes", sets=_DISK, source=CLOUDWATCH_AGENT)
DISKIO_WRITE_BYTES = transferred("diskio_write_bytes", sets=_DISK, source=CLOUDWATCH_AGENT)
DISKIO_READS = events("diskio_reads", sets=_DISK, source=CLOUDWATCH_AGENT)
DISKIO_WRITES = events("diskio_writes", sets=_DISK, source=CLOUDWATCH_AGENT)
DISKIO_READ_TIME = milliseconds("diskio_read_time", sets=_DISK, source=CLOUDWATCH_AGENT, counted=True)
DISKIO_WRITE_TIME = milliseconds("diskio_write_time", sets=_DISK, source=CLOUDWATCH_AGENT, counted=True)
DISKIO_IO_TIME = milliseconds("diskio_io_time", sets=_DISK, source=CLOUDWATCH_AGENT, counted=True)
DISKIO_IOPS_IN_PROGRESS = number("diskio_iops_in_progress", source=CLOUDWATCH_AGENT)
# One sample a disk: its Maximum is the slowest disk's.
DISKIO_REQUEST_TIME = milliseconds("diskio_request_time", sets=_DISK)

# Microseconds in which the volume, or the instance, was asked for more than it is allowed.
EBS_VOLUME_EXCEEDED_IOPS, EBS_VOLUME_EXCEEDED_TP, EBS_INSTANCE_EXCEEDED_IOPS, EBS_INSTANCE_EXCEEDED_TP = (
    metric(
        f"diskio_ebs_{name}",
        "Microseconds",
        Display("ms", 1e-3),
        sets=_VOLUME,
        source=CLOUDWATCH_AGENT_EBS,
        counted=True,
    )
    for name in (
        "volume_performance_exceeded_iops",
        "volume_performance_exceeded_tp",
        "ec2_instance_performance_exceeded_iops",
        "ec2_instance_performance_exceeded_tp",
    )
)
EBS_VOLUME_QUEUE_LENGTH = number("diskio_ebs_volume_queue_length", sets=_VOLUME, source=CLOUDWATCH_AGENT_EBS)

NET_BYTES_SENT = transferred("net_bytes_sent", sets=_INTERFACE, source=CLOUDWATCH_AGENT)
NET_BYTES_RECV = transferred("net_bytes_recv", sets=_INTERFACE, source=CLOUDWATCH_AGENT)
NET_PACKETS_SENT = events("net_packets_sent", sets=_INTERFACE, source=CLOUDWATCH_AGENT)
NET_PACKETS_RECV = events("net_packets_recv", sets=_INTERFACE, source=CLOUDWATCH_AGENT)
NET_ERR_IN = events("net_err_in", sets=_INTERFACE, source=CLOUDWATCH_AGENT)
NET_ERR_OUT = events("net_err_out", sets=_INTERFACE, source=CLOUDWATCH_AGENT)
NET_DROP_IN = events("net_drop_in", sets=_INTERFACE, source=CLOUDWATCH_AGENT)
NET_DROP_OUT = events("net_drop_out", sets=_INTERFACE, source=CLOUDWATCH_AGENT)

# Packets that the instance's allowance queued or dropped (ENA driver).
ETHTOOL_BW_IN_ALLOWANCE_EXCEEDED = events("ethtool_bw_in_allowance_exceeded", source=CLOUDWATCH_AGENT_ETHTOOL)
ETHTOOL_BW_OUT_ALLOWANCE_EXCEEDED = events("ethtool_bw_out_allowance_exceeded", source=CLOUDWATCH_AGENT_ETHTOOL)
ETHTOOL_PPS_ALLOWANCE_EXCEEDED = events("ethtool_pps_allowance_exceeded", source=CLOUDWATCH_AGENT_ETHTOOL)
ETHTOOL_CONNTRACK_ALLOWANCE_EXCEEDED = events("ethtool_conntrack_allowance_exceeded", source=CLOUDWATCH_AGENT_ETHTOOL)
ETHTOOL_LINKLOCAL_ALLOWANCE_EXCEEDED = events("ethtool_linklocal_allowance_exceeded", source=CLOUDWATCH_AGENT_ETHTOOL)

NETSTAT_TCP_ESTABLISHED = number("netstat_tcp_established", source=CLOUDWATCH_AGENT)
NETSTAT_TCP_SYN_SENT = number("netstat_tcp_syn_sent", source=CLOUDWATCH_AGENT)
NETSTAT_TCP_SYN_RECV = number("netstat_tcp_syn_recv", source=CLOUDWATCH_AGENT)
NETSTAT_TCP_FIN_WAIT1 = number("netstat_tcp_fin_wait1", source=CLOUDWATCH_AGENT)
NETSTAT_TCP_FIN_WAIT2 = number("netstat_tcp_fin_wait2", source=CLOUDWATCH_AGENT)
NETSTAT_TCP_TIME_WAIT = number("netstat_tcp_time_wait", source=CLOUDWATCH_AGENT)
NETSTAT_TCP_CLOSE = number("netstat_tcp_close", source=CLOUDWATCH_AGENT)
NETSTAT_TCP_CLOSE_WAIT = number("netstat_tcp_close_wait", source=CLOUDWATCH_AGENT)
NETSTAT_TCP_LAST_ACK = number("netstat_tcp_last_ack", source=CLOUDWATCH_AGENT)
NETSTAT_TCP_LISTEN = number("netstat_tcp_listen", source=CLOUDWATCH_AGENT)
NETSTAT_TCP_CLOSING = number("netstat_tcp_closing", source=CLOUDWATCH_AGENT)
TCP_SEGMENTS_SENT = events("tcp_segments_sent", shown="segments")
TCP_SEGMENTS_RETRANSMITTED = events("tcp_segments_retransmitted", shown="segments")
TCP_CONNECTIONS_FAILED = events("tcp_connections_failed", shown="connections")

PROCESSES_RUNNING = number("processes_running", source=CLOUDWATCH_AGENT)
PROCESSES_BLOCKED = number("processes_blocked", source=CLOUDWATCH_AGENT)
PROCESSES_TOTAL = number("processes_total", source=CLOUDWATCH_AGENT)
PROCESSES_ZOMBIES = number("processes_zombies", source=CLOUDWATCH_AGENT)
PROCESSES_TOTAL_THREADS = number("processes_total_threads", source=CLOUDWATCH_AGENT)
PROCESSES_STARTED = events("processes_started", shown="processes")
FILE_DESCRIPTORS_OPEN = number("file_descriptors_open")
FILE_DESCRIPTORS_USED_PERCENT = percent("file_descriptors_used_percent")

CLOCK_OFFSET = metric("clock_offset", "Microseconds", Display("ms", 1e-3), signed=True)
CLOCK_ERROR = metric("clock_error", "Microseconds", Display("ms", 1e-3))
CLOCK_SYNCHRONISED = number("clock_synchronised", maximum=1.0)

FILE_AGE = metric("file_age", "Seconds", Display("s"), sets=_FILE)
FILE_MISSING = number("file_missing", sets=_FILE, maximum=1.0)

AGENT_HEARTBEAT = events("agent_heartbeat", shown="heartbeats")
# Folded over the collectors, so that the Minimum is 0 while any of them fails.
AGENT_COLLECTOR_SUCCESS = number("agent_collector_success", sets=_COLLECTOR, maximum=1.0)
AGENT_COLLECTOR_DURATION = milliseconds("agent_collector_duration", sets=_COLLECTOR)
AGENT_SERIES_SUPPRESSED = number("agent_series_suppressed", shown="series", emitted=Emitted.ON_EVENT)
# Present only where the agent is told to invent GPUs: their series are then no measurement.
AGENT_SIMULATED_GPUS = number("agent_simulated_gpus", shown="GPUs", emitted=Emitted.ON_EVENT)

METRICS = all_in(dict(globals()))


def subject(host: "Host") -> "Subject":
    """The host as alarms name it."""
    from core.catalogue.alarm import Subject  # which the agent does without

    return Subject("host", host.name)


def dimensions(host: "Host") -> tuple[tuple[str, str], ...]:
    """The dimensions of the host's own series."""
    return (("InstanceId", host.instance_id),) if host.instance_id else (("host", host.host),)
