"""What every benchmark's table begins with: the machine and the versions that it ran on."""

import os
import platform
import re
import resource
from collections.abc import Iterable, Sequence
from pathlib import Path

_BYTES_IN_MAXRSS = 1024


def machine() -> str:
    """One line: processor, CPUs, kernel, Python."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    processor = found[1] if found else platform.machine()
    return f"{processor}, {os.cpu_count()} CPUs, Linux {platform.release()}, CPython {platform.python_version()}"


def peak_mib() -> float:
    """The most memory that this process has held resident, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _BYTES_IN_MAXRSS / 2**20


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table under the machine's line."""
    print(f"{machine()}\n")
    print(f"| {' | '.join(head)} |")
    print(f"|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |", flush=True)
