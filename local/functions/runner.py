"""One function's worker process, seen from the parent: started when first needed, killed when it takes too long."""

import contextlib
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_WORKER = Path(__file__).with_name("worker.py")
_START_SECONDS = 10.0
"""Lambda's limit on a function's initialisation, which does not count towards its timeout.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""


@dataclass(frozen=True, slots=True)
class Start:
    """What a worker is started with. `path` is its sys.path before the standard library, first to last."""

    root: Path
    path: tuple[Path, ...]
    handler: str
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """A handler's `value`, or `failure` (AWS's error object), with what it printed and how long it took (real)."""

    value: Any
    failure: dict[str, Any] | None
    lines: tuple[str, ...]
    duration_ms: float


class Worker:
    """A running process. `ask` is for one thread at a time; `stop` must be called in the end."""

    def __init__(self, start: Start, *, now: float) -> None:
        """`now` is the virtual instant of the first invocation, in epoch seconds."""
        child_requests, self._requests = os.pipe()
        self._replies, child_replies = os.pipe()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the worker
        self._logged = 0
        self._cold = True
        self._unread = b""
        settings = {
            "site": _site(),
            "path": [str(each) for each in start.path],
            "root": str(start.root),
            "handler": start.handler,
            "requests": child_requests,
            "replies": child_replies,
            "now": now,
        }
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-X", "utf8", str(_WORKER), json.dumps(settings)],
                env=start.environment,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=(child_requests, child_replies),
                process_group=0,
            )
        finally:
            os.close(child_requests)
            os.close(child_replies)

    @property
    def alive(self) -> bool:
        """Whether the process can take another request."""
        return self._process.poll() is None

    def ask(self, request: dict[str, Any]) -> Reply:
        """Run the handler once; `request` has request_id, event, arn, now, timeout_seconds.

        A worker that takes too long is killed, one that ends by itself is reported; either is not `alive` after.
        """
        started = time.monotonic()
        limit = request["timeout_seconds"]
        patience = limit + _START_SECONDS if self._cold else limit
        with contextlib.suppress(BrokenPipeError):
            _write(self._requests, json.dumps(request).encode() + b"\n")
        line = self._line(started + patience)
        self._cold = False
        duration = (time.monotonic() - started) * 1000
        request_id = request["request_id"]
        if line is not None and line:
            answer = json.loads(line)
            return Reply(answer.get("value"), answer.get("failure"), self._lines(), duration)
        if line is None:
            message = f"RequestId: {request_id} Error: Task timed out after {limit:.2f} seconds"
            return self._ended("Sandbox.Timedout", message, limit * 1000.0)
        status = self._process.wait()
        how = f"exit status {status}" if status >= 0 else f"signal: {signal.Signals(-status).name}"
        message = f"RequestId: {request_id} Error: Runtime exited with error: {how}"
        return self._ended("Runtime.ExitError", message, duration)

    def kill(self) -> None:
        """Kill the process and everything it started; `ask`, on another thread, then returns."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the process and release what it held. A second call does nothing; never while `ask` runs."""
        if self._log.closed:
            return
        self.kill()
        self._process.wait()
        os.close(self._requests)
        os.close(self._replies)
        self._log.close()

    def _ended(self, kind: str, message: str, duration_ms: float) -> Reply:
        lines = self._lines()
        self.stop()
        return Reply(None, {"errorType": kind, "errorMessage": message}, (*lines, message), duration_ms)

    def _line(self, deadline: float) -> bytes | None:
        """One line from the worker: None when the deadline passed, b"" when it ended."""
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._replies], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            chunk = os.read(self._replies, 65536)
            if not chunk:
                return b""
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _lines(self) -> tuple[str, ...]:
        size = os.fstat(self._log.fileno()).st_size
        text = os.pread(self._log.fileno(), size - self._logged, self._logged).decode(errors="replace")
        self._logged = size
        return tuple(line for line in text.splitlines() if line.strip())


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


@cache
def _site() -> str:
    spec = importlib.util.find_spec("time_machine")
    if spec is None or spec.origin is None:
        raise RuntimeError("time-machine is not installed; functions need it to live on virtual time")
    return str(Path(spec.origin).parent.parent)
