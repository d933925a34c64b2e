"""The limits of the container that the agent runs in, and how near it is to them: cgroup v2.

Source: Documentation/admin-guide/cgroup-v2.rst.
"""

from collections.abc import Iterator
from pathlib import Path

from agent.collectors.counters import Deltas
from agent.context import Context
from agent.proc import ProcFile
from agent.sample import FOR_GOOD, SELDOM, NoData, Sample
from core.catalogue import kubernetes


def parse_flat(text: str) -> dict[str, int]:
    """A file of lines "name figure"."""
    return {name: int(figure) for name, _, figure in (line.partition(" ") for line in text.splitlines())}


def parse_limit(text: str) -> int | None:
    """A limit, or None for `max`."""
    return None if text.strip() == "max" else int(text)


def parse_cpu_max(text: str) -> float | None:
    """How many processors' time may be used, or None for no limit."""
    quota, period = text.split()
    return None if quota == "max" else int(quota) / int(period)


def parse_own(text: str) -> str:
    """The path of the process's own group, of /proc/self/cgroup; raises NoData without cgroup v2, and in a service."""
    for line in text.splitlines():
        if line.startswith("0::"):
            if line.endswith(".service"):
                raise NoData(FOR_GOOD)
            return line[3:].lstrip("/")
    raise NoData


class Container:
    """Silent outside containers: the root group has no figures of its own, and one without limits is no container.

    Nor is a service of systemd, whose limits are its own.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._deltas = Deltas()
        self._files: dict[str, ProcFile] = {}
        self._seen_at = 0.0

    def collect(self) -> Iterator[Sample]:
        """Memory and processor against their limits, and kills for want of memory since the previous look."""
        memory_most, cpus = parse_limit(self._read("memory.max")), parse_cpu_max(self._read("cpu.max"))
        if memory_most is None and cpus is None:
            raise NoData(SELDOM)
        yield from self._memory(memory_most)
        cpu = parse_flat(self._read("cpu.stat"))
        now = self._context.monotonic()
        passed, self._seen_at = now - self._seen_at, now
        kills = parse_flat(self._read("memory.events")).get("oom_kill", 0)
        counted = (cpu["usage_usec"], cpu.get("nr_periods", 0), cpu.get("nr_throttled", 0), kills)
        grown = self._deltas.since({"": counted})
        if grown is None:
            return
        used, periods, throttled, killed = grown
        yield Sample(kubernetes.CONTAINER_OOM_KILLS, killed)
        if cpus and passed > 0:
            yield Sample(kubernetes.CONTAINER_CPU_USED_PERCENT, min(100.0, used / passed / 1e4 / cpus))
            share = 100.0 * throttled / periods if periods else 0.0
            yield Sample(kubernetes.CONTAINER_CPU_THROTTLED_PERCENT, min(100.0, share))

    def _memory(self, most: int | None) -> Iterator[Sample]:
        current = int(self._read("memory.current"))
        # What was read from files and not looked at again is given up first: not counted, as the kubelet does not.
        working_set = max(0, current - parse_flat(self._read("memory.stat")).get("inactive_file", 0))
        yield Sample(kubernetes.CONTAINER_MEMORY_WORKING_SET, working_set)
        yield Sample(kubernetes.CONTAINER_PROCESSES, int(self._read("pids.current")))
        if most:
            yield Sample(kubernetes.CONTAINER_MEMORY_LIMIT, most)
            yield Sample(kubernetes.CONTAINER_MEMORY_USED_PERCENT, min(100.0, 100.0 * working_set / most))

    def _read(self, name: str) -> str:
        try:
            if name not in self._files:
                self._files[name] = ProcFile(self._group() / name)
            return self._files[name].read()
        except FileNotFoundError:
            raise NoData(SELDOM) from None

    def _group(self) -> Path:
        own = parse_own((self._context.proc_root / "self/cgroup").read_text())
        root = self._context.sys_root / "fs/cgroup"
        # In a container of its own namespace the path is "/", or leads outside; its group is then the root.
        return root / own if own and ".." not in own and (root / own).is_dir() else root
