"""OTLP metrics in protobuf: field numbers of metrics.proto, common.proto and metrics_service.proto."""

import struct
from collections.abc import Iterator

from agent.inputs.otlp_model import Attributes, Form, Malformed, Point, Told

Field = tuple[int, int | bytes]
"""Number, and what it holds: a whole number (varints and fixed ones alike) or bytes."""

_FORMS = {5: Form.GAUGE, 7: Form.SUM, 9: Form.HISTOGRAM, 10: Form.EXPONENTIAL_HISTOGRAM, 11: Form.SUMMARY}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def parse(content: bytes) -> Iterator[Told]:
    """Every metric of an ExportMetricsServiceRequest. Raises Malformed."""
    for resource_metrics in messages(content, 1):
        resource = next(iter(messages(resource_metrics, 1)), b"")
        attributes = _attributes(resource, 1)
        for scope_metrics in messages(resource_metrics, 2):
            for metric in messages(scope_metrics, 2):
                yield from _metric(metric, attributes)


def _metric(content: bytes, resource: Attributes) -> Iterator[Told]:
    name = unit = ""
    data: tuple[Form, bytes] | None = None
    for number, held in _fields(content):
        if number == 1:
            name = _text(held)
        elif number == 3:
            unit = _text(held)
        elif number in _FORMS:
            data = (_FORMS[number], _bytes(held))
    if data is None:
        return
    form, body = data
    points: list[Point] = []
    temporality = monotonic = 0
    for number, held in _fields(body):
        if number == 1:
            points.append(_point(_bytes(held), form))
        elif number == 2 and form is not Form.SUMMARY:
            temporality = _whole(held)
        elif number == 3 and form is Form.SUM:
            monotonic = _whole(held)
    yield Told(name, unit, form, resource, tuple(points), temporality, bool(monotonic))


def _point(content: bytes, form: Form) -> Point:
    if form is Form.HISTOGRAM:
        return _histogram_point(content)
    start = flags = 0
    value: float | None = None
    for number, held in _fields(content):
        if number == 2:
            start = _whole(held)
        elif number == 4:
            value = _double(held)
        elif number == 6 and form in {Form.GAUGE, Form.SUM}:
            value = float(_signed(held))
        elif number == 8:
            flags = held if isinstance(held, int) else 0
    return Point(_attributes(content, 7), start, flags, value)


def _histogram_point(content: bytes) -> Point:
    start = flags = count = 0
    bounds: list[float] = []
    counts: list[int] = []
    total: float | None = None
    for number, held in _fields(content):
        if number == 2:
            start = _whole(held)
        elif number == 4:
            count = _whole(held)
        elif number == 5:
            total = _double(held)
        elif number == 6:  # packed, or one by one
            counts += [held] if isinstance(held, int) else _packed(held)
        elif number == 7:
            bounds += map(_double, [held] if isinstance(held, int) else _packed(held))
        elif number == 10:
            flags = _whole(held)
    return Point(_attributes(content, 9), start, flags, None, tuple(bounds), tuple(counts) or (count,), total)


def _attributes(content: bytes, field: int) -> Attributes:
    found = []
    for pair in messages(content, field):
        key = value = ""
        for number, held in _fields(pair):
            if number == 1:
                key = _text(held)
            elif number == 2:
                value = _any(_bytes(held))
        found.append((key, value))
    return tuple(sorted(found))


def _any(content: bytes) -> str:
    """An AnyValue as text; empty for what is none of text, bool, whole and real number."""
    for number, held in _fields(content):
        if number == 1:
            return _text(held)
        if number == 2:
            return "true" if held else "false"
        if number == 3:
            return str(_signed(held))
        if number == 4:
            return f"{_double(held):g}"
    return ""


def messages(content: bytes, field: int) -> Iterator[bytes]:
    """What each field of that number holds, of those that are text, bytes or messages. Raises Malformed."""
    return (_bytes(held) for number, held in _fields(content) if number == field)


def _fields(content: bytes) -> Iterator[Field]:
    at = 0
    end = len(content)
    while at < end:
        key, at = _varint(content, at)
        kind = key & 7
        if kind == _VARINT:
            number, at = _varint(content, at)
            yield key >> 3, number
            continue
        if kind == _BYTES:
            length, at = _varint(content, at)
        elif kind in {_FIXED64, _FIXED32}:
            length = 8 if kind == _FIXED64 else 4
        else:
            raise Malformed(f"byte {at}: wire type {kind}")
        if at + length > end:
            raise Malformed(f"byte {at}: field {key >> 3} ends beyond its message")
        held = content[at : at + length]
        at += length
        yield key >> 3, held if kind == _BYTES else int.from_bytes(held, "little")


def _varint(content: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(content) and shift < 70:
        byte = content[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise Malformed(f"byte {at}: a number without an end")


def _bytes(held: int | bytes) -> bytes:
    if isinstance(held, int):
        raise Malformed("a number where a message or text should be")
    return held


def _text(held: int | bytes) -> str:
    return _bytes(held).decode("utf-8", "replace")


def _whole(held: int | bytes) -> int:
    if isinstance(held, bytes):
        raise Malformed("bytes where a number should be")
    return held


def _signed(held: int | bytes) -> int:
    number = _whole(held)
    return number - (1 << 64) if number >> 63 else number


def _double(held: int | bytes) -> float:
    return float(struct.unpack("<d", _whole(held).to_bytes(8, "little"))[0])


def _packed(held: bytes) -> list[int]:
    """Eight bytes each, as whole numbers."""
    if len(held) % 8:
        raise Malformed("packed numbers that are not of eight bytes each")
    return [number for (number,) in struct.iter_unpack("<Q", held)]
