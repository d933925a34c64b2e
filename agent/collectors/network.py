"""Network traffic from /proc/net/dev, folded over the host's interfaces."""

from collections.abc import Iterator

from agent.collectors.counters import Counters, Deltas
from agent.context import Context
from agent.proc import ProcFile
from agent.sample import NoData, Sample
from core.catalogue import host


def parse_net_dev(text: str) -> dict[str, Counters]:
    """By interface: bytes, packets, errors and drops received, then the same sent; since boot."""
    interfaces: dict[str, Counters] = {}
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(":")
        figures = [int(field) for field in rest.split()]
        interfaces[name.strip()] = (*figures[0:4], *figures[8:12])
    return interfaces


class Network:
    """Counts interfaces with hardware behind them, for bridges and bonds would count the same bytes again.

    Where there are none, as inside a container, counts all but the loopback.
    """

    def __init__(self, context: Context) -> None:
        self._file = ProcFile(context.proc_root / "net" / "dev")
        self._class = context.sys_root / "class" / "net"
        self._hardware: dict[str, bool] = {}
        self._deltas = Deltas()

    def collect(self) -> Iterator[Sample]:
        """What was sent and received since the previous look."""
        grown = self._deltas.since(self._counted(parse_net_dev(self._file.read())))
        if grown is None:
            raise NoData
        bytes_in, packets_in, errors_in, drops_in, bytes_out, packets_out, errors_out, drops_out = grown
        yield Sample(host.NET_BYTES_SENT, bytes_out)
        yield Sample(host.NET_BYTES_RECV, bytes_in)
        yield Sample(host.NET_PACKETS_SENT, packets_out)
        yield Sample(host.NET_PACKETS_RECV, packets_in)
        yield Sample(host.NET_ERR_IN, errors_in)
        yield Sample(host.NET_ERR_OUT, errors_out)
        yield Sample(host.NET_DROP_IN, drops_in)
        yield Sample(host.NET_DROP_OUT, drops_out)

    def _counted(self, interfaces: dict[str, Counters]) -> dict[str, Counters]:
        interfaces.pop("lo", None)
        for name in interfaces.keys() - self._hardware.keys():
            self._hardware[name] = (self._class / name / "device").exists()
        hardware = {name: counters for name, counters in interfaces.items() if self._hardware[name]}
        return hardware or interfaces
