"""TCP from /proc/net: states of the sockets, segments sent again, connections that failed."""

from collections import Counter
from collections.abc import Iterator

from agent.collectors.counters import Deltas
from agent.context import Context
from agent.every import Every
from agent.proc import ProcFile
from agent.sample import Sample
from core.catalogue import host

MOST_SOCKETS = 5000
"""With more, /proc/net/tcp takes the kernel too long: only the states that it counts anyway are told."""

STATES_SECONDS = 60.0

# include/net/tcp_states.h
_STATES = {
    "01": host.NETSTAT_TCP_ESTABLISHED,
    "02": host.NETSTAT_TCP_SYN_SENT,
    "03": host.NETSTAT_TCP_SYN_RECV,
    "04": host.NETSTAT_TCP_FIN_WAIT1,
    "05": host.NETSTAT_TCP_FIN_WAIT2,
    "06": host.NETSTAT_TCP_TIME_WAIT,
    "07": host.NETSTAT_TCP_CLOSE,
    "08": host.NETSTAT_TCP_CLOSE_WAIT,
    "09": host.NETSTAT_TCP_LAST_ACK,
    "0A": host.NETSTAT_TCP_LISTEN,
    "0B": host.NETSTAT_TCP_CLOSING,
}
_TOLD_EACH_LOOK = frozenset({"01", "06"})


def parse_snmp(text: str) -> dict[str, int]:
    """The protocol's figures in /proc/net/snmp, by the kernel's name for them."""
    names: list[str] = []
    for line in text.splitlines():
        if line.startswith("Tcp:"):
            if names:
                return dict(zip(names, map(int, line.split()[1:]), strict=True))
            names = line.split()[1:]
    raise ValueError("no Tcp lines in /proc/net/snmp")


def parse_sockstat(text: str) -> tuple[int, int]:
    """Sockets in use, and those in TIME_WAIT, of /proc/net/sockstat."""
    for line in text.splitlines():
        if line.startswith("TCP:"):
            fields = line.split()
            figures = dict(zip(fields[1::2], map(int, fields[2::2]), strict=True))
            return figures["inuse"], figures["tw"]
    raise ValueError("no TCP line in /proc/net/sockstat")


def parse_states(text: str) -> Counter[str]:
    """How many sockets of /proc/net/tcp, or tcp6, are in each state, by its number in hexadecimal."""
    return Counter(line.split(None, 4)[3] for line in text.splitlines()[1:])


class Tcp:
    """The two states that matter most at each look; all of them once a minute where all series are wanted."""

    def __init__(self, context: Context) -> None:
        folder = context.proc_root / "net"
        self._snmp = ProcFile(folder / "snmp", at_once=True)
        self._sockstat = ProcFile(folder / "sockstat", at_once=True)
        self._sockets = [ProcFile(folder / name) for name in ("tcp", "tcp6") if (folder / name).exists()]
        self._full = context.full
        self._states = Every(STATES_SECONDS, context.monotonic)
        self._deltas = Deltas()

    def collect(self) -> Iterator[Sample]:
        """States now; segments and failed connections since the previous look."""
        snmp = parse_snmp(self._snmp.read())
        in_use, time_wait = parse_sockstat(self._sockstat.read())
        yield Sample(host.NETSTAT_TCP_ESTABLISHED, snmp["CurrEstab"])
        yield Sample(host.NETSTAT_TCP_TIME_WAIT, time_wait)
        grown = self._deltas.since({"": (snmp["OutSegs"], snmp["RetransSegs"], snmp["AttemptFails"])})
        if grown is not None:
            yield Sample(host.TCP_SEGMENTS_SENT, grown[0])
            yield Sample(host.TCP_SEGMENTS_RETRANSMITTED, grown[1])
            yield Sample(host.TCP_CONNECTIONS_FAILED, grown[2])
        else:
            return  # the first look is to come soon
        if self._full and self._states.due() and in_use + time_wait <= MOST_SOCKETS:
            counted = sum((parse_states(file.read()) for file in self._sockets), Counter())
            for state, metric in _STATES.items():
                if state not in _TOLD_EACH_LOOK:
                    yield Sample(metric, counted[state])
