"""HTTP to services outside AWS: one POST, to an address that was checked, without redirects.

The host name is resolved once, every address that it has is checked, and the connection goes to one of those: a name
that answers differently the second time (DNS rebinding) changes nothing. The certificate is checked against the name.
An answer's body is read up to MAX_ANSWER bytes and never logged.
"""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from core.channels import addresses
from core.channels.addresses import BadTarget, Network, Target
from core.channels.outcome import Outcome, judge, refused, retry

TIMEOUT_SECONDS = 4.0
"""Of connecting, and of each wait for data."""
DEADLINE_SECONDS = 8.0
"""Of request and answer together: a service that answers a byte at a time holds nothing up."""
MAX_ANSWER = 65_536
AGENT = "mlwarden"


class Unreachable(Exception):
    """No answer came: the name does not resolve, the connection failed or took too long. Worth trying again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A service's answer; `body` is cut at MAX_ANSWER bytes."""

    status: int
    retry_after: str
    body: bytes

    def judged(self, service: str, *, reference: str = "") -> Outcome:
        """What the status means for the message."""
        return judge(self.status, self.retry_after, service=service, now=datetime.now(UTC), reference=reference)


def post(url: str, body: bytes, headers: Mapping[str, str], *, allowed: Iterable[Network] = ()) -> Answer:
    """POST `body`; raises BadTarget for a URL that must not be called and Unreachable where none answered."""
    allowed = tuple(allowed)
    target = addresses.target(url, allowed=allowed)
    connection = _connect(target, _resolve(target, allowed))
    try:
        with _deadline(connection.sock):
            connection.request("POST", target.path, body, {"User-Agent": AGENT, **headers})
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheader("Retry-After", ""), answer.read(MAX_ANSWER))
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{target.host}: {_named(error)}") from error
    finally:
        connection.close()


def deliver(
    service: str, url: str, body: bytes, headers: Mapping[str, str], *, allowed: Iterable[Network] = ()
) -> Answer | Outcome:
    """The answer to a POST; an outcome where none came: refused for a URL that must not be called, else again."""
    try:
        return post(url, body, headers, allowed=allowed)
    except BadTarget as error:
        return refused(f"{service}: {error}")
    except Unreachable as error:
        return retry(f"{service}: {error}")


def _resolve(target: Target, allowed: tuple[Network, ...]) -> tuple[str, ...]:
    """The addresses of the host, all of them checked."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{target.host}: {_named(error)}") from error
    resolved = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    wrong = [address for address in resolved if not addresses.reachable(address, allowed)]
    if wrong:
        raise BadTarget(f"{target.host} is {wrong[0]}, a private address that the configuration does not list")
    return resolved


def _connect(target: Target, resolved: tuple[str, ...]) -> http.client.HTTPConnection:
    """A connection to the first address that takes one."""
    problem: OSError = OSError("no address")
    for address in resolved:
        try:
            plain = socket.create_connection((address, target.port), timeout=TIMEOUT_SECONDS)
        except OSError as error:
            problem = error
            continue
        try:
            wrapped = context().wrap_socket(plain, server_hostname=target.host) if target.secure else plain
        except OSError as error:
            plain.close()
            raise Unreachable(f"{target.host}: {_named(error)}") from error
        connection = http.client.HTTPConnection(target.host, target.port, timeout=TIMEOUT_SECONDS)
        connection.sock = wrapped
        return connection
    raise Unreachable(f"{target.host}: {_named(problem)}") from problem


@contextlib.contextmanager
def _deadline(connected: socket.socket) -> Iterator[None]:
    """Ends the connection, and with it every wait on it, DEADLINE_SECONDS from now."""

    def end() -> None:
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(DEADLINE_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@cache
def context() -> ssl.SSLContext:
    """TLS that checks certificates and names, 1.2 or newer."""
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def _named(error: Exception) -> str:
    return type(error).__name__ if not isinstance(error, OSError) else (error.strerror or type(error).__name__)
