"""Swap from /proc/meminfo."""

from collections.abc import Iterator

from agent.collectors.memory import parse_meminfo
from agent.context import Context
from agent.proc import ProcFile
from agent.sample import SELDOM, NoData, Sample
from core.catalogue import host


class Swap:
    """Silent on a host without swap."""

    def __init__(self, context: Context) -> None:
        self._file = ProcFile(context.proc_root / "meminfo", at_once=True)

    def collect(self) -> Iterator[Sample]:
        """Used and free bytes, and used as a share."""
        figures = parse_meminfo(self._file.read(), ("SwapTotal", "SwapFree"))
        total = figures.get("SwapTotal", 0)
        if total == 0:
            raise NoData(SELDOM)
        used = total - figures["SwapFree"]
        yield Sample(host.SWAP_USED_PERCENT, 100.0 * used / total)
        yield Sample(host.SWAP_USED, used)
        yield Sample(host.SWAP_FREE, figures["SwapFree"])
