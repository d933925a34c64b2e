"""Network traffic from /proc/net/dev, folded over the host's interfaces."""

from collections.abc import Iterable, Iterator
from functools import partial

from agent.collectors.counters import Counters, Deltas, total
from agent.context import Context
from agent.proc import ProcFile
from agent.sample import Look, NoData, Sample
from core.catalogue import host

COUNTED = (
    host.NET_BYTES_RECV,
    host.NET_PACKETS_RECV,
    host.NET_ERR_IN,
    host.NET_DROP_IN,
    host.NET_BYTES_SENT,
    host.NET_PACKETS_SENT,
    host.NET_ERR_OUT,
    host.NET_DROP_OUT,
)


def parse_net_dev(text: str) -> dict[str, Counters]:
    """By interface: bytes, packets, errors and drops received, then the same sent; since boot."""
    interfaces: dict[str, Counters] = {}
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(":")
        fields = rest.split()
        interfaces[name.strip()] = tuple(map(int, fields[0:4] + fields[8:12]))
    return interfaces


class Network:
    """Counts interfaces with hardware behind them, for bridges and bonds would count the same bytes again.

    Where there are none, as inside a container, counts all but the loopback.
    """

    def __init__(self, context: Context) -> None:
        self._file = ProcFile(context.proc_root / "net" / "dev")
        self._class = context.sys_root / "class" / "net"
        self._full = context.full
        self._hardware: dict[str, bool] = {}
        self._deltas = Deltas()

    def look(self) -> Look:
        """The counters as they stand."""
        return partial(self._samples, self._file.read())

    def collect(self) -> Iterable[Sample]:
        """What was sent and received since the previous look."""
        return self.look()()

    def _samples(self, text: str) -> Iterator[Sample]:
        by_interface = self._deltas.by_device(self._counted(parse_net_dev(text)))
        grown = total(by_interface)
        if grown is None:
            raise NoData
        for metric, value in zip(COUNTED, grown, strict=True):
            yield Sample(metric, value)
        for name, growth in by_interface.items():
            if self._full or growth[2] or growth[6]:  # an interface with errors shows itself
                for metric, value in zip(COUNTED, growth, strict=True):
                    yield Sample(metric, value, (("interface", name),))

    def _counted(self, interfaces: dict[str, Counters]) -> dict[str, Counters]:
        interfaces.pop("lo", None)
        for name in interfaces.keys() - self._hardware.keys():
            self._hardware[name] = (self._class / name / "device").exists()
        hardware = {name: counters for name, counters in interfaces.items() if self._hardware[name]}
        return hardware or interfaces
