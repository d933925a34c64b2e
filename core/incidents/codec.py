"""Values as compact JSON and back, by their types' annotations: frozen dataclasses, tuples, enums, instants, spans.

Fields that have their default are left out, so that a stored item is small and a new field with a default reads old
ones. Instants are ISO 8601 with microseconds, spans whole microseconds. A set of fingerprints is packed, 8 bytes
each, so that 10,000 of them take 107 KB.
"""

import base64
import dataclasses
import types
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

Reader = Callable[[Any], Any]
Writer = Callable[[Any], Any]

_MICROSECOND = timedelta(microseconds=1)
_DIGITS = 16
"""Of a fingerprint."""


@cache
def writer(kind: Any) -> Writer:
    """What turns a value of `kind` into what JSON can hold; raises TypeError for a kind that has no form."""
    inner = _optional(kind)
    if inner is not None:
        write = writer(inner)
        return lambda value: None if value is None else write(value)
    if kind is datetime:
        return lambda value: value.isoformat()
    if kind is timedelta:
        return lambda value: value // _MICROSECOND
    if kind in (str, int, float, bool) or get_origin(kind) in (Union, types.UnionType):
        return _same
    if kind == frozenset[str]:
        return pack
    if get_origin(kind) is tuple:
        return _tuple_writer(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: value.value
    if dataclasses.is_dataclass(kind):
        return _struct_writer(kind)
    raise TypeError(f"{kind} has no JSON form here")


@cache
def reader(kind: Any) -> Reader:
    """What turns JSON back into a value of `kind`."""
    inner = _optional(kind)
    if inner is not None:
        read = reader(inner)
        return lambda value: None if value is None else read(value)
    if kind is datetime:
        return datetime.fromisoformat
    if kind is timedelta:
        return lambda value: timedelta(microseconds=value)
    if kind in (str, int, float, bool) or get_origin(kind) in (Union, types.UnionType):
        return _same
    if kind == frozenset[str]:
        return unpack
    if get_origin(kind) is tuple:
        return _tuple_reader(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {member.value: member for member in kind}.__getitem__
    if dataclasses.is_dataclass(kind):
        return _struct_reader(kind)
    raise TypeError(f"{kind} has no JSON form here")


def pack(names: frozenset[str]) -> object:
    """A set of fingerprints as base64 text; another set of texts as a list."""
    ordered = sorted(names)
    if any(len(name) != _DIGITS for name in ordered):
        return ordered
    try:
        return base64.b64encode(bytes.fromhex("".join(ordered))).decode()
    except ValueError:
        return ordered


def unpack(packed: Any) -> frozenset[str]:
    """What `pack` wrote."""
    if isinstance(packed, list):
        return frozenset(packed)
    digits = base64.b64decode(packed).hex()
    return frozenset(digits[start : start + _DIGITS] for start in range(0, len(digits), _DIGITS))


def _same(value: Any) -> Any:
    return value


def _optional(kind: Any) -> Any:
    """The other side of `kind | None`."""
    if get_origin(kind) not in (Union, types.UnionType):
        return None
    rest = [option for option in get_args(kind) if option is not type(None)]
    return rest[0] if len(rest) == 1 and len(get_args(kind)) == 2 else None


def _tuple_writer(inner: tuple[Any, ...]) -> Writer:
    if len(inner) == 2 and inner[1] is Ellipsis:
        write = writer(inner[0])
        return lambda value: [write(each) for each in value]
    writers = tuple(writer(each) for each in inner)
    return lambda value: [write(each) for write, each in zip(writers, value, strict=True)]


def _tuple_reader(inner: tuple[Any, ...]) -> Reader:
    if len(inner) == 2 and inner[1] is Ellipsis:
        read = reader(inner[0])
        return lambda value: tuple([read(each) for each in value])
    readers = tuple(reader(each) for each in inner)
    return lambda value: tuple([read(each) for read, each in zip(readers, value, strict=True)])


def _struct_writer(kind: Any) -> Writer:
    fields: list[tuple[str, Writer, Any]] = []

    def write(value: Any) -> dict[str, Any]:
        if not fields:  # not before: a route holds routes
            hints = get_type_hints(kind)
            fields.extend((field.name, writer(hints[field.name]), field.default) for field in dataclasses.fields(kind))
        document = {}
        for name, write_field, default in fields:
            found = getattr(value, name)
            if found is not default and found != default:
                document[name] = write_field(found)
        return document

    return write


def _struct_reader(kind: Any) -> Reader:
    readers: dict[str, Reader] = {}

    def read(document: Any) -> Any:
        if not readers:  # not before: a route holds routes
            hints = get_type_hints(kind)
            readers.update({field.name: reader(hints[field.name]) for field in dataclasses.fields(kind)})
        return kind(**{name: readers[name](value) for name, value in document.items() if name in readers})

    return read
