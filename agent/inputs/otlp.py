"""A receiver of OTLP over HTTP on the loopback: protobuf or JSON, gzip, at `/v1/metrics`.

Source: opentelemetry.io, "OTLP Specification", OTLP/HTTP. A request is taken whole, in part (`partialSuccess` says
what was not taken and why) or refused.
"""

import json
import threading
import time
import zlib
from collections.abc import Callable, Collection, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import isfinite
from typing import Any

from agent.inputs import otlp_json, otlp_protobuf, units
from agent.inputs.growth import Growth
from agent.inputs.histogram import spread
from agent.inputs.intake import Intake, Rejected, check_count, dimensions
from agent.inputs.otlp_model import CUMULATIVE, DELTA, NO_RECORDED_VALUE, Form, Malformed, Point, Told
from agent.sample import Dimensions, Sample
from agent.sinks import protobuf
from core.catalogue import inputs

NAME = "otlp"
PATH = "/v1/metrics"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
LARGEST_BYTES = 4 << 20
"""Of a request, before and after decompression."""
MOST_AT_ONCE = 4
"""So many requests are worked on; further ones are told to come back."""
WAIT_SECONDS = 10.0
CLOSE_SECONDS = 1.0
"""How often the server looks whether it is to stop."""
_GZIP = 31  # zlib's window bits for gzip


class Receiver:
    """What requests tell, into the intake."""

    def __init__(
        self, *, attributes: Collection[str], intake: Intake, monotonic: Callable[[], float], started_ns: int
    ) -> None:
        """`attributes`, of points or of their resource, become dimensions; `started_ns` is now."""
        self._allowed = frozenset(attributes)
        self._intake = intake
        self._growth = Growth(monotonic=monotonic)
        self._started = started_ns
        self._lock = threading.Lock()

    def take(self, told: Iterator[Told]) -> tuple[int, str]:
        """Take what can be taken; how many points were not, and why the last of them. Raises Malformed."""
        rejected, reason = 0, ""
        metrics = list(told)  # all is well formed, or nothing is taken
        for metric in metrics:
            for point in metric.points:
                try:
                    with self._lock:
                        self._take(metric, point)
                except (Rejected, ValueError) as error:
                    rejected += 1
                    reason = str(error)
        if rejected:
            self._intake.reject(reason, rejected)
        return rejected, reason

    def _take(self, told: Told, point: Point) -> None:
        if told.form in {Form.EXPONENTIAL_HISTOGRAM, Form.SUMMARY}:
            raise Rejected(f"{told.name}: {told.form} is not taken; gauge, sum and histogram are")
        if point.flags & NO_RECORDED_VALUE:
            return
        tags = dimensions((*told.resource, *point.attributes), self._allowed)
        if told.form is not Form.GAUGE and told.temporality not in {DELTA, CUMULATIVE}:
            raise Rejected(f"{told.name}: no aggregation temporality")
        if told.form is Form.HISTOGRAM:
            self._take_histogram(told, point, tags)
            return
        if point.value is None:
            raise Rejected(f"{told.name}: a point without a value")
        unit = units.from_ucum(told.unit)
        if told.form is Form.SUM and told.monotonic:
            grown = self._grown(told, point, (point.value,))
            if grown is not None:
                self._intake.add(inputs.counter(told.name, "Count" if unit == "None" else unit), grown[0], tags)
        elif told.form is Form.SUM and told.temporality == DELTA:
            raise Rejected(f"{told.name}: a sum that may fall is taken cumulative, not as deltas")
        else:
            self._intake.observe(inputs.gauge(told.name, unit), point.value, tags)

    def _take_histogram(self, told: Told, point: Point, tags: Dimensions) -> None:
        if len(point.counts) != len(point.bounds) + 1:
            raise Rejected(f"{told.name}: {len(point.counts)} buckets for {len(point.bounds)} bounds")
        if list(point.bounds) != sorted(set(point.bounds)):
            raise Rejected(f"{told.name}: bounds that do not rise")
        if not all(map(isfinite, (*point.bounds, point.total or 0.0))):
            raise Rejected(f"{told.name}: a bound or a sum that is no number")
        for count in point.counts:
            check_count(told.name, count, least=0)
        grown = self._grown(told, point, (*point.counts, point.total or 0.0))
        if grown is None:
            return
        counts = [int(count) for count in grown[:-1]]
        metric = inputs.distribution(told.name, units.from_ucum(told.unit))
        for value, count in spread(point.bounds, counts, grown[-1] if point.total is not None else None):
            self._intake.observe(metric, value, tags, count)

    def _grown(self, told: Told, point: Point, totals: tuple[float, ...]) -> tuple[float, ...] | None:
        if told.temporality == DELTA:
            return totals
        key = (told.name, told.resource, point.attributes, point.bounds)
        return self._growth.since(key, totals, start=point.start, born=point.start >= self._started)


class Otlp:
    """A collector of what arrived at the port since the last round."""

    def __init__(
        self, *, port: int, attributes: Collection[str], intake: Intake, monotonic: Callable[[], float]
    ) -> None:
        """Listens on 127.0.0.1. Raises OSError where the port is taken."""
        self._intake = intake
        receiver = Receiver(attributes=attributes, intake=intake, monotonic=monotonic, started_ns=time.time_ns())
        room = threading.BoundedSemaphore(MOST_AT_ONCE)

        class Handler(_Handler):
            def do_POST(self) -> None:
                if not room.acquire(blocking=False):
                    self.refuse(503, "busy: come back")
                    return
                try:
                    self.answer(receiver)
                finally:
                    room.release()

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": CLOSE_SECONDS}, name=NAME, daemon=True
        ).start()

    def collect(self) -> Iterator[Sample]:
        """What was told since the last round."""
        yield from self._intake.take()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = WAIT_SECONDS

    def answer(self, receiver: Receiver) -> None:
        """Read the request, take it, and say what was not taken."""
        form = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if self.path.partition("?")[0] != PATH:
            self.refuse(404, f"only {PATH} is here")
            return
        if form not in {PROTOBUF, JSON}:
            self.refuse(415, f"Content-Type {form[:80]!r}; known: {PROTOBUF}, {JSON}")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.refuse(411, "a Content-Length is needed")
            return
        if int(length) > LARGEST_BYTES:
            self.refuse(413, f"more than {LARGEST_BYTES} bytes")
            return
        try:
            content = _plain(self.rfile.read(int(length)), self.headers.get("Content-Encoding", ""))
            parse = otlp_protobuf.parse if form == PROTOBUF else otlp_json.parse
            rejected, reason = receiver.take(parse(content))
        except Malformed as error:
            self.refuse(400, str(error))
            return
        self.reply(200, form, _success(form, rejected, reason))

    def refuse(self, status: int, reason: str) -> None:
        """Answer with an error, and end the connection: what was not read may still come."""
        self.close_connection = True
        self.reply(status, "text/plain", f"{reason}\n".encode())

    def reply(self, status: int, form: str, body: bytes) -> None:
        """Send an answer."""
        self.send_response(status)
        self.send_header("Content-Type", form)
        self.send_header("Content-Length", str(len(body)))
        if status == 503:
            self.send_header("Retry-After", "1")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  the base class's name
        """Requests are not logged."""


def _plain(content: bytes, encoding: str) -> bytes:
    if encoding in {"", "identity"}:
        return content
    if encoding != "gzip":
        raise Malformed(f"Content-Encoding {encoding[:40]!r}; known: gzip")
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(content, LARGEST_BYTES)
    except zlib.error as error:
        raise Malformed(f"not gzip: {error}") from None
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise Malformed(f"gzip that is cut short or holds more than {LARGEST_BYTES} bytes")
    return plain


def _success(form: str, rejected: int, reason: str) -> bytes:
    """An ExportMetricsServiceResponse."""
    if form == JSON:
        said = {"partialSuccess": {"rejectedDataPoints": str(rejected), "errorMessage": reason}} if rejected else {}
        return json.dumps(said).encode()
    if not rejected:
        return b""
    return protobuf.message(1, protobuf.whole(1, rejected), protobuf.text(2, reason))
