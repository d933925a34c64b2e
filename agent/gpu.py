"""GPUs as the agent sees them, whichever source they come from, and what its fault codes (XIDs) mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


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


@dataclass(frozen=True, slots=True)
class Reading:
    """One GPU at one look; None for what it does not support.

    `uncorrected_errors` is the volatile ECC counter, since the driver was loaded.
    """

    index: int
    utilization_percent: float | None = None
    memory_utilization_percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature_celsius: float | None = None
    power_watts: float | None = None
    uncorrected_errors: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All GPUs at one look. `lost` says why, by index, of those that are there but no longer answer."""

    readings: tuple[Reading, ...]
    lost: Mapping[int, str] = field(default_factory=dict)


class Source(Protocol):
    """Where readings come from."""

    simulated: bool

    def read(self) -> Report:
        """Look at every GPU, for as long as the driver takes; raises NoData where there is no GPU."""
        ...

    def take_faults(self) -> Mapping[int, tuple[int, ...]]:
        """The XIDs since the previous take, one entry a fault, of every GPU whose faults are reported. Never blocks."""
        ...
