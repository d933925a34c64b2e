"""The present values as a Prometheus page on the loopback: the only listener that the agent has, and only if asked for.

Source: prometheus.io, "Exposition formats", text format 0.0.4.
"""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agent.sample import Dimensions, Sample, Window
from core.catalogue.metric import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STALE_SECONDS = 300.0
"""A series without a sample for so long is no longer shown."""
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_]")


class Page:
    """The last value of every gauge, the total since the agent's start of what is counted."""

    def __init__(self, identity: Dimensions, *, monotonic: Callable[[], float]) -> None:
        self._identity = identity
        self._monotonic = monotonic
        self._series: dict[tuple[str, Dimensions], tuple[Metric, float, float]] = {}
        self._lock = threading.Lock()

    def observe(self, sample: Sample) -> None:
        """Take a sample."""
        key = (sample.metric.name, sample.dimensions)
        with self._lock:
            value = float(sample.value)  # a truth value is a number too
            if sample.metric.counted and key in self._series:
                value += self._series[key][1]
            self._series[key] = (sample.metric, value, self._monotonic())

    def text(self) -> str:
        """The page."""
        oldest = self._monotonic() - STALE_SECONDS
        with self._lock:
            self._series = {key: seen for key, seen in self._series.items() if seen[0].counted or seen[2] >= oldest}
            series = sorted(self._series.items(), key=lambda item: item[0])
        return "".join(f"{line}\n" for line in self._lines(series))

    def _lines(self, series: list[tuple[tuple[str, Dimensions], tuple[Metric, float, float]]]) -> Iterator[str]:
        before = ""
        for (_, dimensions), (metric, value, _) in series:
            name = _ILLEGAL.sub("_", metric.name) + ("_total" if metric.counted else "")
            if name != before:
                yield f"# TYPE {name} {'counter' if metric.counted else 'gauge'}"
                before = name
            labels = ",".join(
                f'{_ILLEGAL.sub("_", key)}="{_escape(text)}"' for key, text in (*self._identity, *dimensions)
            )
            yield f"{name}{{{labels}}} {value!r}"


class Prometheus:
    """Serves the page at /metrics; never durable, whoever does not scrape misses what was."""

    name = "prometheus"

    def __init__(self, page: Page, *, port: int) -> None:
        """Listens on 127.0.0.1. Raises OSError where the port is taken."""
        self._page = page

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = self.path.partition("?")[0] == "/metrics"
                body = page.text().encode() if found else b"see /metrics\n"
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", CONTENT_TYPE if found else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  the base class's name
                """Scrapes are not logged."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, name="prometheus", daemon=True).start()

    def show(self, window: Window) -> None:
        """The page has shown its samples already."""

    def observe(self, sample: Sample) -> None:
        """Take a sample to the page."""
        self._page.observe(sample)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
