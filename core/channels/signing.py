"""Signatures of https messages: HMAC-SHA256 over time and body, by one or two live keys.

    X-Mlwarden-Timestamp: 1795258800
    X-Mlwarden-Signature: 2026b=<hex>, 2026a=<hex>

Each hex is HMAC-SHA256(key, timestamp + "." + body). During a rotation both live keys sign, so a receiver may change
over whenever it likes. It takes a message when one signature is by a key that it knows and the timestamp is at most
TOLERANCE off: a recorded message cannot be played again later.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

TOLERANCE = timedelta(minutes=5)
MIN_KEY = 32
"""Bytes: as long as SHA-256's digest, which RFC 2104 asks for at least."""
MAX_KEYS = 2
"""The one in use and, during a rotation, the one before or after it."""
TIMESTAMP, SIGNATURE = "X-Mlwarden-Timestamp", "X-Mlwarden-Signature"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FORM = '{"keys": [{"id": "2026b", "key": "at least 32 bytes"}]}'


class BadKeys(Exception):
    """A secret does not hold usable keys; the message says what is wrong and shows no key."""


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key and its id; a repr leaves the key out."""

    id: str
    secret: bytes = field(repr=False)


def keys(text: str) -> tuple[Key, ...]:
    """The live keys that a secret holds, as JSON: one or two, the first in use; raises BadKeys."""
    try:
        found = json.loads(text)
    except ValueError:
        raise BadKeys(f"not JSON; {_FORM} would be right") from None
    entries = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_KEYS:
        raise BadKeys(f"keys: a list of one or {MAX_KEYS} is needed; {_FORM} would be right")
    live = tuple(_key(entry, number) for number, entry in enumerate(entries))
    if len({key.id for key in live}) != len(live):
        raise BadKeys("keys: the ids are the same; a receiver could not tell the keys apart")
    return live


def _key(entry: Any, number: int) -> Key:
    match entry:
        case {"id": str(name), "key": str(secret)}:
            pass
        case _:
            raise BadKeys(f"keys[{number}]: id and key are needed, both texts")
    if not _ID.fullmatch(name):
        raise BadKeys(f"keys[{number}].id: 1 to 64 of A-Z a-z 0-9 . _ - are needed")
    if len(secret.encode()) < MIN_KEY:
        raise BadKeys(f"keys[{number}].key: {len(secret.encode())} bytes; at least {MIN_KEY} are needed")
    return Key(name, secret.encode())


def sign(body: bytes, live: Iterable[Key], *, now: datetime) -> dict[str, str]:
    """The headers that sign `body`."""
    timestamp = str(int(now.timestamp()))
    signatures = ", ".join(f"{key.id}={_digest(key, timestamp, body)}" for key in live)
    return {TIMESTAMP: timestamp, SIGNATURE: signatures}


def verify(body: bytes, headers: Mapping[str, str], live: Iterable[Key], *, now: datetime) -> bool:
    """Whether `body` is signed by one of the `live` keys and fresh; what a receiver does."""
    given = {name.lower(): value for name, value in headers.items()}
    timestamp = given.get(TIMESTAMP.lower(), "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        return False
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > TOLERANCE:
        return False
    pairs = (part.strip().partition("=") for part in given.get(SIGNATURE.lower(), "").split(","))
    signatures = {name: digest for name, _, digest in pairs}
    # Every key is tried, so that the time taken tells nothing about which fitted.
    fits = [
        hmac.compare_digest(signatures.get(key.id, "").encode(), _digest(key, timestamp, body).encode()) for key in live
    ]
    return any(fits)


def _digest(key: Key, timestamp: str, body: bytes) -> str:
    return hmac.new(key.secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
