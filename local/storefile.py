"""The store's file: gzip of lines, the first of which says the format, its version, and the SHA-256 of the rest.

A file is written beside its place, flushed to the disk and then renamed into it, so that a reader finds the old one or
the new one. What cannot be read is set aside under a name of its own.
"""

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

FORMAT = "mlwarden-store"
VERSION = 1


class DamagedError(ValueError):
    """A file that is no whole store of this version; says why."""


def write(path: Path, lines: Iterable[bytes]) -> int:
    """Put a store in the place of the one at `path`; how many bytes it has. Raises OSError."""
    body = b"".join(line + b"\n" for line in lines)
    header = {"format": FORMAT, "version": VERSION, "sha256": hashlib.sha256(body).hexdigest()}
    packed = gzip.compress(json.dumps(header).encode() + b"\n" + body, compresslevel=5, mtime=0)
    beside = path.with_name(f"{path.name}.new")
    with beside.open("wb") as file:
        file.write(packed)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return len(packed)


def read(path: Path) -> list[bytes]:
    """The lines of the store at `path`. Raises DamagedError, and OSError where it cannot be opened."""
    packed = path.read_bytes()
    try:
        text = gzip.decompress(packed)
    except EOFError:
        raise DamagedError("it is truncated") from None
    except (OSError, zlib.error) as error:
        raise DamagedError(f"it is not gzip, or damaged: {error}") from None
    first, _, body = text.partition(b"\n")
    header = _header(first)
    if header.get("format") != FORMAT:
        raise DamagedError(f"it is not of the format {FORMAT}")
    if header.get("version") != VERSION:
        raise DamagedError(f"it has version {header.get('version')}; this mlwarden reads version {VERSION}")
    if header.get("sha256") != hashlib.sha256(body).hexdigest():
        raise DamagedError("its checksum does not match its contents")
    return body.splitlines()


def set_aside(path: Path, now: datetime) -> Path:
    """Rename a damaged store, and where to."""
    stem = f"{path.name}.corrupt-{now:%Y%m%dT%H%M%SZ}"
    aside, number = path.with_name(stem), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{stem}-{number}")
    return path.rename(aside)


def _header(line: bytes) -> dict[str, object]:
    try:
        header = json.loads(line)
    except ValueError:
        return {}
    return header if isinstance(header, dict) else {}
