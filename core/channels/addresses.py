"""Which addresses a message may be sent to: public ones, and private ones that the configuration lists.

A host name is somebody else's data: it may lead to this function's own loopback, to its link-local credentials or
into a private network. So the addresses that it resolves to are checked, and one of those is connected to.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
HTTPS = 443
MAX_URL = 2_048
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: an IPv4 address in its last 32 bits."""


class BadTarget(Exception):
    """A URL that no message may be sent to; the message names the host, never the path, which may be a secret."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect and what to ask for: `path` with its query. `secure` is TLS."""

    host: str
    port: int
    path: str
    secure: bool


def target(url: str, *, allowed: Iterable[Network] = ()) -> Target:
    """The parts of an https URL; raises BadTarget.

    http is taken only for an address of its own (no name) in one of the `allowed` networks.
    """
    parts = _split(url)
    host = (parts.hostname or "").rstrip(".")
    if not host:
        raise BadTarget("the URL names no host")
    if parts.username is not None or parts.password is not None:
        raise BadTarget(f"{host}: the URL holds credentials; they belong in a secret")
    secure = parts.scheme == "https"
    if not secure and not (parts.scheme == "http" and _listed(host, allowed)):
        raise BadTarget(f"{host}: {parts.scheme or 'no scheme'}; https is needed")
    try:
        port = parts.port or (HTTPS if secure else 80)
    except ValueError:
        raise BadTarget(f"{host}: the port is not a number from 1 to 65535") from None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host, port, path, secure)


def _split(url: str) -> SplitResult:
    if len(url) > MAX_URL or not url.isascii() or any(char <= " " or char == "\x7f" for char in url):
        raise BadTarget(f"the URL holds a character that a URL may not, or more than {MAX_URL}")
    try:
        return urlsplit(url)
    except ValueError:
        raise BadTarget("the URL cannot be read") from None


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks that a configuration lists (`10.2.0.0/16`, `127.0.0.1`); raises ValueError naming a wrong one."""
    return tuple(ipaddress.ip_network(text.strip()) for text in texts if text.strip())


def reachable(address: str, allowed: Iterable[Network] = ()) -> bool:
    """Whether a message may go to `address`: it is public, or in one of the `allowed` networks.

    An IPv4 address inside an IPv6 one (mapped, 6to4, Teredo, NAT64) is judged as the IPv4 address that it leads to.
    """
    found: Address = ipaddress.ip_address(address.partition("%")[0])
    if any(found.version == network.version and found in network for network in allowed):
        return True
    inner = _inner(found) if isinstance(found, IPv6Address) else None
    if inner is not None and inner != found:
        return reachable(str(inner), allowed)
    return found.is_global and not found.is_multicast


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def _listed(host: str, allowed: Iterable[Network]) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(_within(host, network) for network in allowed)


def _within(host: str, network: Network) -> bool:
    found = ipaddress.ip_address(host)
    return found.version == network.version and found in network
