"""Memory from /proc/meminfo."""

from collections.abc import Iterator

from agent.context import Context
from agent.proc import ProcFile
from agent.sample import Sample
from core.catalogue import host


def parse_meminfo(text: str) -> dict[str, int]:
    """Every figure of /proc/meminfo that is in kB, in bytes, by the kernel's name for it."""
    figures = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        fields = rest.split()
        if len(fields) == 2 and fields[1] == "kB":
            figures[name] = int(fields[0]) * 1024
    return figures


class Memory:
    """Used is what is not available: what the kernel could give to a new program without swapping is not used."""

    def __init__(self, context: Context) -> None:
        self._file = ProcFile(context.proc_root / "meminfo")

    def collect(self) -> Iterator[Sample]:
        """Total, available and used bytes, and used as a share."""
        figures = parse_meminfo(self._file.read())
        total, available = figures["MemTotal"], figures["MemAvailable"]
        used = total - available
        yield Sample(host.MEM_USED_PERCENT, 100.0 * used / total)
        yield Sample(host.MEM_USED, used)
        yield Sample(host.MEM_AVAILABLE, available)
        yield Sample(host.MEM_TOTAL, total)
