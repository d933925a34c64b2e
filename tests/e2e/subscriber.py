"""A web server on loopback that receives what SNS posts, as a team's own hook would."""

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Subscriber:
    """Confirms its subscription by visiting the link, then answers `status`; `received` are the bodies it was sent."""

    def __init__(self, *, status: int = 200, confirms: bool = True) -> None:
        self.received: list[dict[str, Any]] = []
        self._confirms = confirms
        self._status = status
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """What it was sent of SNS's types, such as `Notification`."""
        return [body for body in self.received if body["Type"] == kind]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        subscriber = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                subscriber.received.append(body)
                if body["Type"] == "SubscriptionConfirmation" and subscriber._confirms:
                    with urllib.request.urlopen(body["SubscribeURL"], timeout=5) as answer:  # noqa: S310  # loopback
                        answer.read()
                self.send_response(subscriber._status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name
                """Say nothing."""

        return Handler
