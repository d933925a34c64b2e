"""Stand-ins for the agent's seams: a clock that is set, a loopback CloudWatch."""

import gzip
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from agent.context import Context
from agent.sample import Datum, Sample, Window
from agent.sinks import Answer as Reply
from agent.sinks import Item, Unfit, Verdict
from core.catalogue import host
from core.catalogue.metric import Metric

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TESTDATA = Path(__file__).parent / "testdata"


def context(tree: str = "first", **changes: Any) -> Context:
    """A context over a captured tree."""
    root = TESTDATA / "host" / tree
    values: dict[str, Any] = {
        "proc_root": root / "proc",
        "sys_root": root / "sys",
        "disk_paths": ("/",),
        "gpu": "off",
        "monotonic": lambda: 0.0,
    }
    return Context(**(values | changes))


class FakeClock:
    """Stands still until slept on; `asleep` remembers each sleep."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._start = now
        self.asleep: list[float] = []
        self.woken: Callable[[float], None] = lambda seconds: None

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    def sleep(self, seconds: float, wake: threading.Event) -> None:
        self.asleep.append(seconds)
        if not wake.is_set():
            self._now += timedelta(seconds=seconds)
        self.woken(seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def set(self, now: datetime) -> None:
        """As a person or NTP sets it: `monotonic` goes on from where it is."""
        self._start += now - self._now
        self._now = now


def datum(value: float = 1.0, path: str = "/", metric: Metric = host.DISK_USED) -> Datum:
    """One sample of one series."""
    return Datum(metric, (("host", "h"), ("path", path)), value, value, value, 1, (value,), (1,))


def window(minute: int = 0, count: int = 2, *datums: Datum) -> Window:
    """The window of a minute after noon, with `count` series unless the datums are given."""
    start = NOON + timedelta(minutes=minute)
    return Window(start, timedelta(minutes=1), datums or tuple(datum(minute, f"/{n}") for n in range(count)))


class FakeCollector:
    """Gives its samples, then raises its error."""

    def __init__(self, *samples: Sample, error: Exception | None = None) -> None:
        self.samples = samples
        self.error = error
        self.looks = 0

    def collect(self) -> Iterator[Sample]:
        self.looks += 1
        yield from self.samples
        if self.error is not None:
            raise self.error


class FakeSink:
    """Answers with the verdicts it was given, then takes everything but what is poison to it."""

    name = "fake"
    max_bytes = 1_000_000
    between_bytes = 1
    skew = timedelta()

    def __init__(
        self, *verdicts: Verdict, max_entries: int = 1000, poison: Callable[[Item], bool] | None = None
    ) -> None:
        self.verdicts = list(verdicts)
        self.max_entries = max_entries
        self.poison = poison or (lambda _: False)
        self.requests: list[list[Item]] = []
        self.taken: list[Item] = []
        self.sent = threading.Event()

    def item(self, start: datetime, length: timedelta, datum: Datum) -> Item | None:
        if datum.metric.name == "agent_heartbeat":
            return None
        if ("path", "unfit") in datum.dimensions:
            raise Unfit("value of dimension path")
        return Item(start, datum, b"x" * 100)

    def send(self, items: Sequence[Item], *, timeout_seconds: float) -> Reply:
        self.requests.append(list(items))
        verdict = self.verdicts.pop(0) if self.verdicts else Verdict.TAKEN
        if verdict is Verdict.TAKEN and any(map(self.poison, items)):
            verdict = Verdict.REFUSED
        if verdict is Verdict.TAKEN:
            self.taken += items
        self.sent.set()
        return Reply(verdict, "" if verdict is Verdict.TAKEN else verdict.value)

    def close(self) -> None:
        pass


@dataclass
class Request:
    """One request that the loopback server saw."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        body = gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body
        parsed: dict[str, Any] = json.loads(body)
        return parsed


Answer = tuple[int, dict[str, Any] | str]


@dataclass
class Loopback:
    """An HTTP server on the loopback that answers as `answer` says and keeps what it was asked."""

    answer: Callable[[Request], Answer]
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    date: str = ""
    """The Date header, if not the real one."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20) -> bool:
        """Wait until a request makes the condition true."""
        with self.changed:
            return self.changed.wait_for(condition, timeout=seconds)

    def puts(self) -> list[dict[str, Any]]:
        """The bodies of all PutMetricData requests."""
        return [r.json() for r in list(self.requests) if r.headers.get("x-amz-target", "").endswith("PutMetricData")]


@contextmanager
def loopback(answer: Callable[[Request], Answer], *, tls: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    """Serve until the block ends."""
    state = Loopback(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            state.connections += 1

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, self.rfile.read(length))
            with state.changed:
                state.requests.append(request)
                try:
                    status, content = state.answer(request)
                except ConnectionError:
                    self.close_connection = True  # hang up without an answer
                    return
                finally:
                    state.changed.notify_all()
            body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response_only(status)
            self.send_header("Date", state.date or self.date_time_string())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
