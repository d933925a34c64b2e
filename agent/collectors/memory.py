"""Memory from /proc/meminfo and /proc/vmstat."""

from collections.abc import Iterable, Iterator
from functools import partial

from agent.collectors.counters import Deltas
from agent.context import Context
from agent.every import Every
from agent.proc import ProcFile
from agent.sample import Look, Sample
from core.catalogue import host

VMSTAT_SECONDS = 5.0
"""Between looks at /proc/vmstat, of which the kernel makes ten times as much as is read."""

_NEEDED = ("MemTotal", "MemAvailable")
_MORE = (
    (host.MEM_FREE, "MemFree"),
    (host.MEM_CACHED, "Cached"),
    (host.MEM_BUFFERED, "Buffers"),
    (host.MEM_SHARED, "Shmem"),
    (host.MEM_DIRTY, "Dirty"),
)


_WANTED = (*_NEEDED, *(name for _, name in _MORE))


def parse_meminfo(text: str, names: Iterable[str]) -> dict[str, int]:
    """Figures of /proc/meminfo in bytes, by the kernel's names for them; without those that it does not have."""
    figures = {}
    text = "\n" + text
    for name in names:
        at = text.find(f"\n{name}:")
        if at >= 0:
            figures[name] = int(text[at + len(name) + 2 : text.index(" kB", at)]) * 1024
    return figures


def parse_vmstat(text: str) -> tuple[int, int]:
    """Processes killed for want of memory, and page faults that waited for a disk; since boot."""
    return _figure(text, "\noom_kill "), _figure(text, "\npgmajfault ")


def _figure(text: str, name: str) -> int:
    at = text.find(name)
    return int(text[at + len(name) : text.index("\n", at + 1)]) if at >= 0 else 0


class Memory:
    """Used is what is not available: what the kernel could give to a new program without swapping is not used."""

    def __init__(self, context: Context) -> None:
        self._file = ProcFile(context.proc_root / "meminfo", at_once=True)
        self._vmstat = ProcFile(context.proc_root / "vmstat")
        self._due = Every(VMSTAT_SECONDS, context.monotonic, first=2)
        self._deltas = Deltas()

    def look(self) -> Look:
        """The figures as they stand."""
        return partial(self._samples, self._file.read(), self._vmstat.read() if self._due.due() else "")

    def collect(self) -> Iterable[Sample]:
        """Bytes by use, used as a share, and what came of there being too little since the previous look."""
        return self.look()()

    def _samples(self, meminfo: str, vmstat: str) -> Iterator[Sample]:
        figures = parse_meminfo(meminfo, _WANTED)
        total, available = figures["MemTotal"], figures["MemAvailable"]
        used = total - available
        yield Sample(host.MEM_USED_PERCENT, 100.0 * used / total)
        yield Sample(host.MEM_USED, used)
        yield Sample(host.MEM_AVAILABLE, available)
        yield Sample(host.MEM_TOTAL, total)
        for metric, name in _MORE:
            if name in figures:
                yield Sample(metric, figures[name])
        if not vmstat:
            return
        grown = self._deltas.since({"": parse_vmstat(vmstat)})
        if grown is not None:
            yield Sample(host.MEM_OOM_KILLS, grown[0])
            yield Sample(host.MEM_MAJOR_FAULTS, grown[1])
