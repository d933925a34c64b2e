"""Load averages from /proc/loadavg."""

from collections.abc import Iterator

from agent.context import Context
from agent.proc import ProcFile
from agent.sample import Sample
from core.catalogue import host


def parse_loadavg(text: str) -> tuple[float, float, float]:
    """The averages over one, five and fifteen minutes."""
    one, five, fifteen = text.split()[:3]
    return float(one), float(five), float(fifteen)


class Load:
    """How many tasks ran or waited to, on average."""

    def __init__(self, context: Context) -> None:
        self._file = ProcFile(context.proc_root / "loadavg", at_once=True)

    def collect(self) -> Iterator[Sample]:
        """The three averages."""
        one, five, fifteen = parse_loadavg(self._file.read())
        yield Sample(host.SYSTEM_LOAD1, one)
        yield Sample(host.SYSTEM_LOAD5, five)
        yield Sample(host.SYSTEM_LOAD15, fifteen)
