"""Processes and open files: /proc/stat, /proc/loadavg, /proc/sys/fs/file-nr, and once a minute every process."""

import os
from collections.abc import Iterator

from agent.collectors.counters import Deltas
from agent.context import Context
from agent.every import Every
from agent.proc import ProcFile
from agent.sample import Sample
from core.catalogue import host

EVERY_PROCESS_SECONDS = 60.0
STAT_BYTES = 256
"""More than the number and the name of a process take, before its state."""
MOST_PROCESSES = 5000
"""With more, only their number is told: looking at each would be felt."""

_STAT = ("processes", "procs_running", "procs_blocked")


def parse_stat(text: str) -> tuple[int, int, int]:
    """Processes started since boot, running, and blocked; they are near the end of /proc/stat, after long lines."""
    figures = [text[text.rindex(f"\n{name} ") :].split(None, 2)[1] for name in _STAT]
    started, running, blocked = map(int, figures)
    return started, running, blocked


def parse_file_nr(text: str) -> tuple[int, int]:
    """Open file descriptions, and how many there may be."""
    opened, _, most = text.split()
    return int(opened), int(most)


def is_zombie(stat: bytes) -> bool:
    """Whether /proc/PID/stat tells of a process that has ended and was not waited for; its name may hold anything."""
    return stat[stat.rindex(b")") + 2 : stat.rindex(b")") + 3] == b"Z"


class Processes:
    """How many there are, run, wait for a disk or are zombies; how many files are open."""

    def __init__(self, context: Context) -> None:
        self._root = context.proc_root
        self._stat = ProcFile(context.proc_root / "stat", at_once=True)
        self._load = ProcFile(context.proc_root / "loadavg", at_once=True)
        self._files = ProcFile(context.proc_root / "sys/fs/file-nr", at_once=True, most=128)
        self._each = Every(EVERY_PROCESS_SECONDS, context.monotonic)
        self._deltas = Deltas()

    def collect(self) -> Iterator[Sample]:
        """Counts now, and processes started since the previous look."""
        started, running, blocked = parse_stat(self._stat.read())
        yield Sample(host.PROCESSES_RUNNING, running)
        yield Sample(host.PROCESSES_BLOCKED, blocked)
        yield Sample(host.PROCESSES_TOTAL_THREADS, int(self._load.read().split()[3].partition("/")[2]))
        opened, most = parse_file_nr(self._files.read())
        yield Sample(host.FILE_DESCRIPTORS_OPEN, opened)
        if most:
            yield Sample(host.FILE_DESCRIPTORS_USED_PERCENT, min(100.0, 100.0 * opened / most))
        grown = self._deltas.since({"": (started,)})
        if grown is None:
            return  # the first look is to come soon
        yield Sample(host.PROCESSES_STARTED, grown[0])
        if self._each.due():
            processes = [name for name in os.listdir(self._root) if name.isdigit()]  # noqa: PTH208  names, not 500 Paths
            yield Sample(host.PROCESSES_TOTAL, len(processes))
            if len(processes) <= MOST_PROCESSES:
                yield Sample(host.PROCESSES_ZOMBIES, sum(map(self._zombie, processes)))

    def _zombie(self, process: str) -> bool:
        try:
            descriptor = os.open(f"{self._root}/{process}/stat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False  # it ended meanwhile
        try:
            return is_zombie(os.read(descriptor, STAT_BYTES))
        except (OSError, ValueError):
            return False
        finally:
            os.close(descriptor)
