"""Reading fields of parsed JSON: what is missing or of the wrong kind is named by its key and place."""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from core.incidents import instants

_MISSING = object()

Document = Mapping[str, Any]
Pairs = tuple[tuple[str, str], ...]


class MalformedEvent(Exception):
    """An event that cannot be understood; the text names the key and what would be right."""


def table(parent: Document, key: str, place: str = "") -> Document:
    """The object at `key`; `place` is the path of `parent` with its dot, for the error."""
    value = parent.get(key, _MISSING)
    if isinstance(value, dict):
        return value
    raise _wrong(value, key, place, "an object")


def text(parent: Document, key: str, place: str = "") -> str:
    """The text at `key`, not empty."""
    value = parent.get(key, _MISSING)
    if isinstance(value, str) and value:
        return value
    raise _wrong(value, key, place, "a text")


def optional(parent: Document, key: str, place: str = "") -> str:
    """The text at `key`; empty where it is missing, null or empty."""
    value = parent.get(key)
    if isinstance(value, str):
        return value
    return text(parent, key, place) if value else ""


def instant(parent: Document, key: str, place: str = "") -> datetime:
    """The instant at `key`, in any form that AWS writes."""
    try:
        return instants.parse(parent[key])
    except KeyError:
        raise MalformedEvent(f"{place}{key}: missing") from None
    except ValueError as error:
        raise MalformedEvent(f"{place}{key}: {error}") from None


def first_instant(places: tuple[tuple[Document, str, str], ...]) -> datetime:
    """The instant of the first (parent, key, place) that has one; the last's error where none has."""
    for parent, key, place in places[:-1]:
        if parent.get(key) not in (None, ""):
            return instant(parent, key, place)
    return instant(*places[-1])


def number(value: object) -> float | None:
    """The number, None for anything else; JSON as Python reads it may hold NaN and numbers beyond floats."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        finite = float(value)
    except OverflowError:
        return None
    return finite if math.isfinite(finite) else None


def pairs(value: object) -> Pairs:
    """A map, or a list of {name|key, value} in any case, as sorted pairs."""
    if isinstance(value, dict):
        return tuple(sorted([(str(name), str(content)) for name, content in value.items()])) if value else ()
    if not isinstance(value, list):
        return ()
    lowered = [
        {str(key).lower(): content for key, content in entry.items()} for entry in value if isinstance(entry, dict)
    ]
    return tuple(sorted((str(one.get("name", one.get("key", ""))), str(one.get("value", ""))) for one in lowered))


def entries(value: object) -> tuple[Document, ...]:
    """The objects of a list; none of anything else."""
    return tuple(entry for entry in value if isinstance(entry, dict)) if isinstance(value, list) else ()


def decoded(value: object) -> Document:
    """An object, or the text of one: JSON inside JSON. What does not parse is as good as none."""
    if isinstance(value, dict):
        return value
    return _decoded(value) if isinstance(value, str) else {}


@lru_cache(maxsize=64)
def _decoded(value: str) -> Document:
    """Value and threshold of one event are asked one after the other."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def plain(status: str) -> str:
    """A status without case and underscores: `IN_SERVICE` and `InService` are one."""
    return status.replace("_", "").replace(" ", "").lower()


def kind(value: object) -> str:
    """What `value` is, for an error's text."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return "a text" if value else "an empty text"
        case _:
            return json.dumps(value, default=str)[:40]


def _wrong(value: object, key: str, place: str, wanted: str) -> MalformedEvent:
    if value is _MISSING:
        return MalformedEvent(f"{place}{key}: missing")
    return MalformedEvent(f"{place}{key}: {wanted} is needed, found {kind(value)}")
