"""StatsD over UDP on the loopback, with DogStatsD's tags.

Sources: github.com/statsd/statsd, docs/metric_types.md; docs.datadoghq.com, "DogStatsD datagram format", protocols
v1.0 to v1.3.
"""

import logging
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from agent.inputs.intake import LARGEST_COUNT, Intake, Rejected, dimensions
from agent.sample import Dimensions, Sample
from core.catalogue import inputs
from core.catalogue.metric import Metric

log = logging.getLogger(__name__)

NAME = "statsd"
LARGEST_DATAGRAM = 65_535
BUFFER_BYTES = 1 << 20
"""What the kernel keeps of a burst; it may grant less. Beyond it datagrams are lost, as UDP's are."""
STALE_SECONDS = 300.0
"""A gauge stands for so long without being set again."""
MOST_MEMBERS = 10_000
"""So many members of a set are told apart in a round."""


class Kind(StrEnum):
    """Metric types, as datagrams spell them."""

    COUNTER = "c"
    GAUGE = "g"
    TIMER = "ms"
    HISTOGRAM = "h"
    DISTRIBUTION = "d"
    SET = "s"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a datagram. `texts` are the values as they were written; `rate` is from 2^-53 to 1."""

    name: str
    kind: Kind
    texts: tuple[str, ...]
    rate: float
    tags: tuple[tuple[str, str], ...]


def parse_line(line: str) -> Line:
    """`name:value[:value…]|type[|@rate][|#tag:value,…]`. Raises Rejected."""
    head, *sections = line.split("|")
    name, *texts = head.split(":")
    if line.startswith(("_e{", "_sc|")):
        raise Rejected("events and service checks have no place in metrics")
    if not name or not sections or not all(texts) or not texts:
        raise Rejected(f"{line[:80]!r} is not name:value|type")
    try:
        kind = Kind(sections[0])
    except ValueError:
        raise Rejected(f"{name[:80]}: type {sections[0][:20]!r}; known: {', '.join(Kind)}") from None
    rate = 1.0
    tags: tuple[tuple[str, str], ...] = ()
    for section in sections[1:]:
        if section.startswith("@"):
            rate = _rate(name, section[1:])
        elif section.startswith("#"):
            pairs = (tag.partition(":") for tag in section[1:].split(","))
            tags = tuple((key, value) for key, _, value in pairs)
        elif section.startswith("T"):
            raise Rejected(f"{name[:80]}: a datum with a timestamp; only the present is taken")
    return Line(name, kind, tuple(texts), rate, tags)


def _rate(name: str, text: str) -> float:
    rate = _number(name, text)
    if not 1 / LARGEST_COUNT <= rate <= 1:
        raise Rejected(f"{name[:80]}: sample rate {text[:20]!r} is not in [2^-53, 1]")
    return rate


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Rejected(f"{name[:80]}: {text[:20]!r} is not a number") from None


class Statsd:
    """A collector of what arrived at the port since the last round."""

    def __init__(self, *, port: int, tags: Collection[str], intake: Intake, monotonic: Callable[[], float]) -> None:
        """`tags` are those that become dimensions. Raises OSError where the port is taken."""
        self._allowed = frozenset(tags)
        self._intake = intake
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._gauges: dict[tuple[str, Dimensions], tuple[float, float]] = {}
        self._members: dict[tuple[str, Dimensions], set[str]] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            self._socket.bind(("127.0.0.1", port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._closing = False
        self._thread = threading.Thread(target=self._receive, name=NAME, daemon=True)
        self._thread.start()

    def collect(self) -> Iterator[Sample]:
        """What was told since the last round, and the gauges as they stand."""
        now = self._monotonic()
        with self._lock:
            self._gauges = {key: held for key, held in self._gauges.items() if now - held[1] < STALE_SECONDS}
            gauges, members = dict(self._gauges), self._members
            self._members = {}
        for (name, tags), (value, _) in gauges.items():
            self._observe(inputs.gauge(name), value, tags)
        for (name, tags), seen in members.items():
            self._observe(inputs.gauge(name, "Count"), len(seen), tags)
        yield from self._intake.take()

    def close(self) -> None:
        """Stop listening."""
        self._closing = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _receive(self) -> None:
        while not self._closing:
            content = self._socket.recv(LARGEST_DATAGRAM)
            try:
                self.datagram(content)
            except Exception as error:  # noqa: BLE001  no program's datagram ends the others'
                self._intake.reject(f"{type(error).__name__}: {error}")

    def datagram(self, content: bytes) -> None:
        """Take one datagram: lines that are not well formed are counted, the others taken."""
        for line in content.decode("utf-8", "replace").split("\n"):
            if not line:
                continue
            try:
                self._take(parse_line(line))
            except Rejected as error:
                self._intake.reject(error)

    def _observe(self, metric: Metric, value: float, tags: Dimensions) -> None:
        try:
            self._intake.observe(metric, value, tags)
        except Rejected as error:
            self._intake.reject(error)

    def _take(self, line: Line) -> None:
        tags = dimensions(line.tags, self._allowed)
        if line.kind is Kind.SET:
            self._add_members(line, tags)
            return
        numbers = [_number(line.name, text) for text in line.texts]
        if line.kind is Kind.COUNTER:
            for number in numbers:
                self._intake.add(inputs.counter(line.name), number / line.rate, tags)
        elif line.kind is Kind.GAUGE:
            for text, number in zip(line.texts, numbers, strict=True):
                self._set(line.name, number, tags, relative=text.startswith(("+", "-")))
        else:
            metric = inputs.distribution(line.name, "Milliseconds" if line.kind is Kind.TIMER else "None")
            for number in numbers:
                self._intake.observe(metric, number, tags, max(1, round(1 / line.rate)))

    def _set(self, name: str, number: float, tags: Dimensions, *, relative: bool) -> None:
        with self._lock:
            key = (name, tags)
            if relative and key in self._gauges:
                number += self._gauges[key][0]
            if key not in self._gauges and len(self._gauges) >= MOST_MEMBERS:
                raise Rejected(f"{name[:80]}: more than {MOST_MEMBERS} gauges")
            self._gauges[key] = (number, self._monotonic())

    def _add_members(self, line: Line, tags: Dimensions) -> None:
        with self._lock:
            seen = self._members.setdefault((line.name, tags), set())
            if sum(map(len, self._members.values())) + len(line.texts) > MOST_MEMBERS:
                raise Rejected(f"{line.name[:80]}: more than {MOST_MEMBERS} members of sets in a round")
            seen.update(line.texts)
