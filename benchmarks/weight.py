"""What processes weigh, as the kernel counts it: processor time to the nanosecond, memory resident and private."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB. `resident` counts what several processes share once for each of them."""

    resident: float
    private: float


def family(pid: int) -> Iterator[int]:
    """The process and those that it started, and they."""
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = file.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


def cpu_seconds(pid: int) -> float:
    """Of every thread of the family that is there now."""
    return sum(_thread_seconds(file) for one in family(pid) for file in Path(f"/proc/{one}/task").glob("*/schedstat"))


def _thread_seconds(file: Path) -> float:
    try:
        return int(file.read_text().split()[0]) / 1e9
    except OSError:
        return 0.0


def memory(pid: int) -> Memory:
    """Of the family now."""
    resident = private = 0.0
    for one in family(pid):
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        found = {name: int(kib) / 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", rollup, re.MULTILINE)}
        resident += found.get("Rss", 0.0)
        private += found.get("Private_Clean", 0.0) + found.get("Private_Dirty", 0.0)
    return Memory(resident, private)
