"""Debian's prometheus-alertmanager as a process of its own on the loopback, and the messages it sends."""

import http.client
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BINARY = "prometheus-alertmanager"
READY_SECONDS = 20


def binary() -> str | None:
    """Where it is installed, None where it is not."""
    return shutil.which(BINARY)


@dataclass
class Alertmanager:
    """A running one. `heard` are (seconds since the epoch, webhook payload), in order of arrival."""

    port: int
    process: int
    heard: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    _connection: http.client.HTTPConnection | None = None

    def post(self, path: str, document: object) -> None:
        """POST to its API; raises RuntimeError for a refusal."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self._connection.request("POST", path, json.dumps(document), {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {said[:200]!r}")

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def cpu_seconds(self) -> float:
        """CPU time that it has used."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(program: str, configuration: dict[str, Any]) -> Iterator[Alertmanager]:
    """It with `configuration`, whose receivers are webhooks to this process: give them the url `HOOK`."""
    heard: list[tuple[float, dict[str, Any]]] = []
    with _hooks(heard) as hook, tempfile.TemporaryDirectory() as folder:
        text = json.dumps(configuration).replace('"HOOK"', f'"http://127.0.0.1:{hook}/"')
        (Path(folder) / "config.yml").write_text(text)
        port = _free_port()
        arguments: Sequence[str] = (
            program,
            f"--config.file={folder}/config.yml",
            f"--storage.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=error",
        )
        with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            real = Alertmanager(port, process.pid, heard)
            try:
                _wait(port)
                yield real
            finally:
                real.close()
                process.terminate()


@contextmanager
def _hooks(heard: list[tuple[float, dict[str, Any]]]) -> Iterator[int]:
    class Hook(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            now = time.time()
            heard.append((now, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def _free_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return server.server_address[1]


def _wait(port: int) -> None:
    deadline = time.time() + READY_SECONDS
    while time.time() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/-/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise RuntimeError(f"{BINARY} was not ready within {READY_SECONDS} s")
