"""What a collector may need to know about where and how it runs."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from agent.sample import Dimensions

GpuMode = Literal["auto", "off", "simulated", "nvidia-smi"]
KubernetesMode = Literal["off", "node", "cluster"]


def _now() -> datetime:
    return datetime.now(UTC)


class Owners:
    """Who has which GPU: the workloads by the device's UUID, told by the Kubernetes collector to the GPUs'."""

    def __init__(self) -> None:
        self.by_uuid: Mapping[str, Collection[Dimensions]] = {}


@dataclass(frozen=True, slots=True)
class Context:
    """`proc_root` and `sys_root` are where the host's /proc and /sys are; `monotonic` and `now` ask the agent's clock.

    `full` asks collectors for a series of each core, disk and interface. `files` are those whose age is measured.
    `disk_root` is put before `disk_paths`, which are the host's own.
    `gpus` is how many GPUs there should be; 0: as many as there are or were. `kubelet_url`, `kubelet_ca`,
    `kubelet_root` and `node`, this node's name, are for Kubernetes' node mode.
    """

    proc_root: Path
    sys_root: Path
    disk_paths: tuple[str, ...]
    gpu: GpuMode
    monotonic: Callable[[], float]
    now: Callable[[], datetime] = _now
    full: bool = False
    files: tuple[str, ...] = ()
    gpus: int = 0
    kubernetes: KubernetesMode = "off"
    kubelet_url: str = ""
    kubelet_ca: str = ""
    disk_root: str = ""
    kubelet_root: Path = Path("/var/lib/kubelet")
    node: str = ""
    owners: Owners = field(default_factory=Owners)
    dev_root: Path = Path("/dev")
