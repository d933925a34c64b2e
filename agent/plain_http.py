"""The standard library's HTTP connection without what it loads for names in other scripts."""

import http.client
import socket
import ssl
from typing import Any


class PlainConnection(http.client.HTTPConnection):
    """Asks for its host in ASCII, which an address of AWS is: for other text Python loads the tables of all scripts."""

    def __init__(self, host: str, port: int | None, *, timeout: float, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port or (http.client.HTTPS_PORT if context else http.client.HTTP_PORT), timeout=timeout)
        self._context = context

    def connect(self) -> None:
        """Connect, and wrap in TLS where there is a context for it."""
        name = self.host.encode("idna" if not self.host.isascii() else "ascii")
        address: Any = (name, self.port)  # bytes are taken too, whatever the stubs say
        self.sock = socket.create_connection(address, self.timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=name)
