"""GPUs as the agent sees them, whichever source they come from, and what its fault codes (XIDs) mean."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from core.catalogue import gpu
from core.catalogue.metric import Metric

_MEBIBYTE = 2**20

# nvml.h, nvmlClocksEventReasons. A GPU under load is often at its power cap: no fault. The idle bit says nothing.
THROTTLE_REASONS = {
    0x02: gpu.GPU_THROTTLE_APPLICATION_CLOCKS,
    0x04: gpu.GPU_THROTTLE_POWER_CAP,
    0x08: gpu.GPU_THROTTLE_SLOWDOWN,
    0x10: gpu.GPU_THROTTLE_SYNC_BOOST,
    0x20: gpu.GPU_THROTTLE_SW_THERMAL,
    0x40: gpu.GPU_THROTTLE_HW_THERMAL,
    0x80: gpu.GPU_THROTTLE_POWER_BRAKE,
    0x100: gpu.GPU_THROTTLE_DISPLAY_CLOCKS,
}


class XidClass(StrEnum):
    """Who has to act on an XID."""

    CRITICAL = "critical"
    """The hardware or its link: drain the host, reset or replace the GPU."""
    WARNING = "warning"
    """Contained, or not known to be more: restart what ran there."""
    APPLICATION = "application"
    """The program's own fault; nobody is paged."""


# From the policies of EKS's node monitoring agent, nvidia_gpu_exporter and gpud, over NVIDIA's XID catalogue
# (docs.nvidia.com/deploy/xid-errors). 63 is informational for NVIDIA; EC2 recommends replacement.
CRITICAL_XIDS = frozenset(
    {46, 48, 54, 62, 63, 64, 74, 79, 95, 109, 110, 119, 120, 136, 140, 142, 143, 151, 155, 156, 158}
)
APPLICATION_XIDS = frozenset({13, 31, 43, 45, 68, 69})


def classify(xid: int) -> XidClass:
    """What an XID calls for; a code that the policy does not know is a warning."""
    if xid in CRITICAL_XIDS:
        return XidClass.CRITICAL
    if xid in APPLICATION_XIDS:
        return XidClass.APPLICATION
    return XidClass.WARNING


Values = tuple[tuple[Metric, float], ...]


@dataclass(frozen=True, slots=True)
class Partition:
    """A GPU instance of MIG. `uuids` are its compute instances', which is what is given to programs."""

    number: int
    gauges: Values
    uuids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """One GPU at one look; what it does not support is not there.

    `counters` only go up, since the driver was loaded, in their metric's unit.
    """

    index: int
    gauges: Values
    counters: tuple[tuple[Metric, int], ...] = ()
    uuid: str = ""
    bus: str = ""
    partitions: tuple[Partition, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All GPUs at one look. `lost` says why, by index, of those that are there but no longer answer."""

    readings: tuple[Reading, ...]
    lost: Mapping[int, str] = field(default_factory=dict)


def memory(
    used: int | None, total: int | None, free: int | None, reserved: int | None
) -> Iterator[tuple[Metric, float]]:
    """The memory's metrics, from bytes; None for what is not told."""
    if used is not None:
        yield gpu.NVIDIA_SMI_MEMORY_USED, used / _MEBIBYTE
    if total is not None:
        yield gpu.NVIDIA_SMI_MEMORY_TOTAL, total / _MEBIBYTE
    if free is not None:
        yield gpu.NVIDIA_SMI_MEMORY_FREE, free / _MEBIBYTE
    if reserved is not None:
        yield gpu.GPU_MEMORY_RESERVED, reserved
    if used is not None and total:
        yield gpu.GPU_MEMORY_USED_PERCENT, min(100.0, 100.0 * used / total)


def throttling(reasons: int) -> Iterator[tuple[Metric, float]]:
    """Percent of this instant for each reason: the mean over many is the share of time."""
    for bit, metric in THROTTLE_REASONS.items():
        yield metric, 100.0 if reasons & bit else 0.0


class Source(Protocol):
    """Where readings come from."""

    simulated: bool
    seconds: float
    """How long a look may take before the round goes on without it."""
    ready: bool
    """Whether it has looked for GPUs: none before is no finding."""

    def read(self) -> Report:
        """Look at every GPU, for as long as the driver takes; raises NoData where there is no GPU."""
        ...

    def take_faults(self) -> Mapping[int, tuple[int, ...]]:
        """The XIDs since the previous take, one entry a fault, of every GPU whose faults are reported. Never blocks."""
        ...

    def close(self) -> None:
        """Let go of the GPUs, in the thread that reads them."""
        ...

    def faults_waiting(self) -> bool:
        """Whether a look should not wait for its time. Never blocks."""
        ...

    def notify(self, ring: Callable[[], None]) -> None:
        """Call `ring`, from whatever thread, when that comes to be so."""
        ...
