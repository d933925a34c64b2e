"""What a collector may need to know about where and how it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

GpuMode = Literal["auto", "off", "simulated"]


@dataclass(frozen=True, slots=True)
class Context:
    """`proc_root` and `sys_root` are where the host's /proc and /sys are; `monotonic` is the agent's clock's."""

    proc_root: Path
    sys_root: Path
    disk_paths: tuple[str, ...]
    gpu: GpuMode
    monotonic: Callable[[], float]
