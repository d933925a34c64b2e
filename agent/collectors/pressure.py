"""How long tasks wait for processor, memory and disks, from /proc/pressure (Documentation/accounting/psi.rst)."""

from collections.abc import Iterator

from agent.context import Context
from agent.proc import ProcFile
from agent.sample import SELDOM, NoData, Sample
from core.catalogue import host

_METRICS = {
    ("cpu", "some"): host.PRESSURE_CPU_SOME,
    ("memory", "some"): host.PRESSURE_MEMORY_SOME,
    ("memory", "full"): host.PRESSURE_MEMORY_FULL,
    ("io", "some"): host.PRESSURE_IO_SOME,
    ("io", "full"): host.PRESSURE_IO_FULL,
}


def parse_pressure(text: str) -> dict[str, float]:
    """By `some` and `full`, the percent of the last ten seconds in which some, or all, tasks waited."""
    found = {}
    for line in text.splitlines():
        kind, _, rest = line.partition(" avg10=")
        if rest:
            found[kind] = float(rest.split(" ", 1)[0])
    return found


class Pressure:
    """Silent where the kernel does not measure it."""

    def __init__(self, context: Context) -> None:
        folder = context.proc_root / "pressure"
        self._files = {name: ProcFile(folder / name, at_once=True) for name in ("cpu", "memory", "io")}

    def collect(self) -> Iterator[Sample]:
        """The shares of the last ten seconds."""
        for resource, file in self._files.items():
            try:
                found = parse_pressure(file.read())
            except OSError:  # built without, or booted with psi=0: missing, or not supported
                raise NoData(SELDOM) from None
            for kind, share in found.items():
                metric = _METRICS.get((resource, kind))
                if metric is not None:
                    yield Sample(metric, share)
