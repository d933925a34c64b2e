"""Stand-ins for the agent's seams: a clock that is set, a loopback CloudWatch, a driver without hardware."""

import ctypes
import gzip
import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from agent.context import Context
from agent.sample import Sample, Window
from agent.sinks import Outcome

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
    """Answers with the outcomes it was given, then takes everything."""

    def __init__(self, *outcomes: Callable[[Window], Outcome]) -> None:
        self.outcomes = list(outcomes)
        self.offered: queue.Queue[Window] = queue.Queue()

    def send(self, window: Window, *, timeout_seconds: float) -> Outcome:
        outcome = self.outcomes.pop(0)(window) if self.outcomes else Outcome()
        self.offered.put(window)
        return outcome

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
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20) -> bool:
        """Wait until a request makes the condition true."""
        with self.changed:
            return self.changed.wait_for(condition, timeout=seconds)

    def puts(self) -> list[dict[str, Any]]:
        """The bodies of all PutMetricData requests."""
        return [r.json() for r in list(self.requests) if r.headers.get("x-amz-target", "").endswith("PutMetricData")]


@contextmanager
def loopback(answer: Callable[[Request], Answer]) -> Iterator[Loopback]:
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
                status, content = state.answer(request)
                state.changed.notify_all()
            body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class FakeGpu:
    """One device of the fake driver. `errors` maps an NVML function to the code that it returns."""

    utilization: int = 50
    memory_utilization: int = 20
    memory_total: int = 80 * 2**30
    memory_used: int = 20 * 2**30
    temperature: int = 60
    milliwatts: int = 250_000
    uncorrected: int = 0
    events: bool = True
    errors: dict[str, int] = field(default_factory=dict)


class FakeNvml:
    """NVML at its C interface: what pynvml loads as libnvidia-ml.so.1, with devices that can be broken.

    Methods have the library's names and fill the structures they are given, as the library does. A name without a
    method is a symbol that the library lacks.
    """

    def __init__(self, *gpus: FakeGpu) -> None:
        self.gpus = list(gpus)
        self.errors: dict[str, int] = {}
        self.calls: list[str] = []
        self.opened = 0
        self.xids: queue.Queue[tuple[int, int]] = queue.Queue()

    def break_everything(self, code: int) -> None:
        self.errors = dict.fromkeys(["nvmlInitWithFlags", "nvmlDeviceGetUtilizationRates"], code)

    def nvmlInitWithFlags(self, flags: int) -> int:
        self.opened += not self.errors.get("nvmlInitWithFlags")
        return self._answer("nvmlInitWithFlags")

    def nvmlShutdown(self) -> int:
        return self._answer("nvmlShutdown")

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = len(self.gpus)
        return self._answer("nvmlDeviceGetCount_v2")

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, device: Any) -> int:
        _point(device._obj, _ADDRESS + index.value)
        return self._answer("nvmlDeviceGetHandleByIndex_v2", self.gpus[index.value])

    def nvmlDeviceGetUtilizationRates(self, device: Any, rates: Any) -> int:
        gpu = self._gpu(device)
        rates._obj.gpu, rates._obj.memory = gpu.utilization, gpu.memory_utilization
        return self._answer("nvmlDeviceGetUtilizationRates", gpu)

    def nvmlDeviceGetMemoryInfo(self, device: Any, memory: Any) -> int:
        gpu = self._gpu(device)
        memory._obj.total, memory._obj.used = gpu.memory_total, gpu.memory_used
        return self._answer("nvmlDeviceGetMemoryInfo", gpu)

    def nvmlDeviceGetMemoryInfo_v2(self, device: Any, memory: Any) -> int:
        gpu = self._gpu(device)
        memory._obj.total, memory._obj.used = gpu.memory_total, gpu.memory_used
        return self._answer("nvmlDeviceGetMemoryInfo_v2", gpu)

    def nvmlDeviceGetTemperature(self, device: Any, sensor: Any, degrees: Any) -> int:
        gpu = self._gpu(device)
        degrees._obj.value = gpu.temperature
        return self._answer("nvmlDeviceGetTemperature", gpu)

    def nvmlDeviceGetPowerUsage(self, device: Any, milliwatts: Any) -> int:
        gpu = self._gpu(device)
        milliwatts._obj.value = gpu.milliwatts
        return self._answer("nvmlDeviceGetPowerUsage", gpu)

    def nvmlDeviceGetTotalEccErrors(self, device: Any, kind: Any, counter: Any, count: Any) -> int:
        gpu = self._gpu(device)
        count._obj.value = gpu.uncorrected
        return self._answer("nvmlDeviceGetTotalEccErrors", gpu)

    def nvmlDeviceGetSupportedEventTypes(self, device: Any, types: Any) -> int:
        types._obj.value = 0x8 if self._gpu(device).events else 0
        return self._answer("nvmlDeviceGetSupportedEventTypes", self._gpu(device))

    def nvmlEventSetCreate(self, events: Any) -> int:
        return self._answer("nvmlEventSetCreate")

    def nvmlDeviceRegisterEvents(self, device: Any, types: Any, events: Any) -> int:
        return self._answer("nvmlDeviceRegisterEvents", self._gpu(device))

    def nvmlEventSetWait_v2(self, events: Any, data: Any, milliseconds: Any) -> int:
        try:
            index, xid = self.xids.get(timeout=milliseconds.value / 1000)
        except queue.Empty:
            return 10
        _point(data._obj, _ADDRESS + index)  # the structure begins with the device
        data._obj.eventType, data._obj.eventData = 0x8, xid
        self.xids.task_done()
        return 0

    def _gpu(self, device: Any) -> FakeGpu:
        return self.gpus[(ctypes.cast(device, ctypes.c_void_p).value or 0) - _ADDRESS]

    def _answer(self, function: str, gpu: FakeGpu | None = None) -> int:
        self.calls.append(function)
        return self.errors.get(function, 0) or (gpu.errors.get(function, 0) if gpu is not None else 0)


_ADDRESS = 0x1000


def _point(pointer: Any, address: int) -> None:
    ctypes.memmove(ctypes.addressof(pointer), ctypes.byref(ctypes.c_void_p(address)), 8)
