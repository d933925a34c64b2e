"""Processor time from /proc/stat: the whole host's shares, and how busy the busiest core is."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from agent.context import Context
from agent.proc import ProcFile
from agent.sample import Look, NoData, Sample
from core.catalogue import host


class CpuTimes(NamedTuple):
    """Clock ticks since boot, as /proc/stat counts them (proc_stat(5)). Guest time is inside `user` and `nice`."""

    user: int
    nice: int
    system: int
    idle: int
    iowait: int
    irq: int
    softirq: int
    steal: int
    guest: int
    guest_nice: int

    @property
    def total(self) -> int:
        """All ticks, each once."""
        return self.user + self.nice + self.system + self.idle + self.iowait + self.irq + self.softirq + self.steal


def parse_stat(text: str) -> tuple[CpuTimes, tuple[tuple[str, int, int], ...]]:
    """The host's times, and for each online core its name, total and idle ticks."""
    folded: CpuTimes | None = None
    cores = []
    for line in text[: text.find("\nintr")].splitlines():  # the cpu lines come first
        if not line.startswith("cpu"):
            break
        name, *fields = line.split()
        ticks = list(map(int, fields[:10]))
        if folded is None:
            folded = CpuTimes(*(ticks + [0] * (10 - len(ticks))))
        else:
            cores.append((name, sum(ticks[:8]), ticks[3]))
    if folded is None:
        raise ValueError("no cpu line in /proc/stat")
    return folded, tuple(cores)


def shares(before: CpuTimes, after: CpuTimes) -> dict[str, float] | None:
    """Percent of the host's processor time between two looks; None where no tick has passed between them.

    As the CloudWatch agent counts: `active` is all but idle, so waiting for I/O counts as active; `user` is without
    guests. The kernel lets iowait and steal go back now and then: a share is never below zero.
    """
    total = after.total - before.total
    if total <= 0:
        return None

    def share(ticks: int) -> float:
        return min(100.0, max(0.0, 100.0 * ticks / total))

    return {
        "active": share(total - (after.idle - before.idle)),
        "user": share((after.user - before.user) - (after.guest - before.guest)),
        "system": share(after.system - before.system),
        "iowait": share(after.iowait - before.iowait),
        "steal": share(after.steal - before.steal),
    }


class Cpu:
    """Shares of the processor's time since the previous look; the first look has none."""

    def __init__(self, context: Context) -> None:
        self._file = ProcFile(context.proc_root / "stat", at_once=True)
        self._full = context.full
        self._before: CpuTimes | None = None
        self._cores: dict[str, tuple[int, int]] = {}

    def look(self) -> Look:
        """The times as they stand."""
        return partial(self._samples, self._file.read())

    def collect(self) -> Iterable[Sample]:
        """The host's shares, those of the busiest and the idlest core, and each core's where all are wanted."""
        return self.look()()

    def _samples(self, text: str) -> Iterator[Sample]:
        times, cores = parse_stat(text)
        before, self._before = self._before, times
        cores_before, self._cores = self._cores, {name: (total, idle) for name, total, idle in cores}
        found = shares(before, times) if before is not None else None
        if found is None:
            raise NoData
        yield Sample(host.CPU_USAGE_ACTIVE, found["active"])
        yield Sample(host.CPU_USAGE_USER, found["user"])
        yield Sample(host.CPU_USAGE_SYSTEM, found["system"])
        yield Sample(host.CPU_USAGE_IOWAIT, found["iowait"])
        yield Sample(host.CPU_USAGE_STEAL, found["steal"])
        active = by_core(cores_before, self._cores)
        if active:
            yield Sample(host.CPU_USAGE_ACTIVE_MAX_CORE, max(active.values()))
            yield Sample(host.CPU_USAGE_ACTIVE_MIN_CORE, min(active.values()))
        if self._full:
            for name, share in active.items():
                yield Sample(host.CPU_USAGE_ACTIVE, share, (("cpu", name),))


def by_core(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> dict[str, float]:
    """Percent that each core was active, from its (total, idle) ticks; without those that came online since."""
    active = {}
    for name, (total, idle) in after.items():
        if name in before:
            passed = total - before[name][0]
            if passed > 0:
                active[name] = min(100.0, max(0.0, 100.0 * (passed - (idle - before[name][1])) / passed))
    return active
