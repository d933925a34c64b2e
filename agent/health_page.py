"""Whether rounds are taken, as a page on the loopback."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATH = "/healthz"
CLOSE_SECONDS = 1.0


def serve(state: Callable[[], tuple[bool, dict[str, float]]], port: int) -> ThreadingHTTPServer:
    """Listen on 127.0.0.1; 200 while `state` says so, else 503. Raises OSError where the port is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0

        def do_GET(self) -> None:
            if self.path != PATH:
                self.send_error(404, f"only {PATH} is here")
                return
            healthy, figures = state()
            body = json.dumps(figures).encode() + b"\n"
            self.send_response(200 if healthy else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  the base class's name
            """Questions are not logged."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": CLOSE_SECONDS}, name="health", daemon=True
    ).start()
    return server
