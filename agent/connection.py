"""One kept-open HTTP connection: requests go one at a time, over TLS for https."""

import os
import select
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agent import __version__

if TYPE_CHECKING:
    import http.client
    import ssl

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

    def __init__(self, url: str, *, authorities: str = "", longest_answer: int = LONGEST_ANSWER) -> None:
        """`url` is the server's: scheme, host and port. Raises ValueError for anything else.

        `authorities` is a file of those that are trusted, in the place of the usual ones.
        """
        self._authorities = authorities
        self._longest_answer = longest_answer
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is not an http or https URL")
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self.host = parts.netloc.rpartition("@")[2]
        """As the Host header says it."""
        self._open: http.client.HTTPConnection | None = None
        self._context: ssl.SSLContext | None = None  # made once: it reads all certificates that are trusted

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None, timeout_seconds: float
    ) -> Response:
        """Send one request and read the whole answer; `timeout_seconds` bounds each wait. Raises ConnectionFailed."""
        import http.client  # and TLS below: a quarter of what starting takes, and the first sample needs neither

        sent = False
        try:
            connection = self._connected(timeout_seconds)
            connection.request(method, path, body=body, headers={**headers, "User-Agent": USER_AGENT})
            sent = True
            answer = connection.getresponse()
            content = answer.read(self._longest_answer)
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

    def _connected(self, timeout_seconds: float) -> "http.client.HTTPConnection":
        if self._open is not None and _hung_up(self._open):
            self.close()
        if self._open is None:
            self._open = self._new(timeout_seconds)
            self._open.connect()
        elif self._open.sock is not None:
            self._open.sock.settimeout(timeout_seconds)
        return self._open

    def _new(self, timeout_seconds: float) -> "http.client.HTTPConnection":
        import ssl

        from agent.plain_http import PlainConnection

        if self._tls and self._context is None:
            self._context = ssl.create_default_context(
                cafile=self._authorities or os.environ.get("AWS_CA_BUNDLE") or None
            )
        return PlainConnection(self._host, self._port, timeout=timeout_seconds, context=self._context)


def _hung_up(connection: "http.client.HTTPConnection") -> bool:
    """Whether the server closed an idle connection: it says nothing unasked, so anything to read is the end.

    Looking first means that a request is not sent into a closed connection, where it could not be told whether it
    was received.
    """
    if connection.sock is None:
        return True
    readable, _, _ = select.select([connection.sock], [], [], 0)
    return bool(readable)
