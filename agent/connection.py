"""One kept-open HTTP connection: requests go one at a time, over TLS for https."""

import http.client
import os
import select
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent import __version__

USER_AGENT = f"mlwarden-agent/{__version__}"
LONGEST_ANSWER = 1 << 20
"""No answer that the agent reads is longer; the rest is not read."""


class ConnectionFailed(Exception):
    """No answer came. `sent` tells whether the request may have been received all the same."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whatever its status. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """To one server, opened when first needed and again after any failure."""

    def __init__(self, url: str) -> None:
        """`url` is the server's: scheme, host and port. Raises ValueError for anything else."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is not an http or https URL")
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self.host = parts.netloc.rpartition("@")[2]
        """As the Host header says it."""
        self._open: http.client.HTTPConnection | None = None

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None, timeout_seconds: float
    ) -> Response:
        """Send one request and read the whole answer; `timeout_seconds` bounds each wait. Raises ConnectionFailed."""
        sent = False
        try:
            connection = self._connected(timeout_seconds)
            connection.request(method, path, body=body, headers={**headers, "User-Agent": USER_AGENT})
            sent = True
            answer = connection.getresponse()
            content = answer.read(LONGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ConnectionFailed(f"{self.host}: {str(error) or type(error).__name__}", sent=sent) from None
        if answer.will_close or not answer.isclosed():
            self.close()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status, headers, content)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connected(self, timeout_seconds: float) -> http.client.HTTPConnection:
        if self._open is not None and _hung_up(self._open):
            self.close()
        if self._open is None:
            self._open = self._new(timeout_seconds)
            self._open.connect()
        elif self._open.sock is not None:
            self._open.sock.settimeout(timeout_seconds)
        return self._open

    def _new(self, timeout_seconds: float) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout_seconds)
        context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout_seconds, context=context)


def _hung_up(connection: http.client.HTTPConnection) -> bool:
    """Whether the server closed an idle connection: it says nothing unasked, so anything to read is the end.

    Looking first means that a request is not sent into a closed connection, where it could not be told whether it
    was received.
    """
    if connection.sock is None:
        return True
    readable, _, _ = select.select([connection.sock], [], [], 0)
    return bool(readable)
