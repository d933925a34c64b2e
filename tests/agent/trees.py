"""Made-up files of /proc and /sys, for what the captured trees do not have."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(root: Path, files: Mapping[str, str]) -> None:
    """The files by their path under `root`."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def group(root: Path, own: str = "", **files: str) -> dict[str, Any]:
    """A container with limits, as a context's roots; `own` is the path of its group, where that is not the root."""
    write(root, {"proc/self/cgroup": f"0::/{own}\n"})
    defaults = {
        "memory.max": "1000000\n",
        "memory.current": "700000\n",
        "memory.stat": "anon 1\ninactive_file 200000\n",
        "memory.events": "low 0\noom 0\noom_kill 0\n",
        "cpu.max": "200000 100000\n",
        "cpu.stat": "usage_usec 1000000\nnr_periods 10\nnr_throttled 1\nthrottled_usec 5\n",
        "pids.current": "12\n",
    }
    write(root / "sys/fs/cgroup" / own, defaults | files)
    return {"proc_root": root / "proc", "sys_root": root / "sys"}


def nitro(root: Path) -> Path:
    """A host's /sys with one ENA interface and one EBS volume."""
    (root / "drivers/ena").mkdir(parents=True)
    (root / "class/net/ens5/device").mkdir(parents=True)
    (root / "class/net/ens5/device/driver").symlink_to(root / "drivers/ena")
    volume(root, "nvme0", "vol0abc")
    return root


def volume(root: Path, device: str, serial: str) -> None:
    """One EBS volume of a host's /sys."""
    folder = f"class/nvme/{device}"
    write(root, {f"{folder}/model": "Amazon Elastic Block Store  \n", f"{folder}/serial": f"{serial}\n"})


def page(*exceeded: int, queue: int = 3, reserved: int = 0) -> bytes:
    """A volume's log page of statistics, with its four times of exceeding."""
    return struct.pack("<2I11Q", 0x3C23B510, reserved, 1, 2, 3, 4, 5, 6, *exceeded, queue).ljust(4096, b"\0")
