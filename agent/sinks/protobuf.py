"""The few forms of protobuf's wire format that OTLP metrics take (protobuf.dev, "Encoding")."""

import struct

_VARINT, _FIXED64, _BYTES = 0, 1, 2


def varint(number: int) -> bytes:
    """A whole number, not negative, seven bits a byte."""
    content = bytearray()
    while number > 0x7F:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    content.append(number)
    return bytes(content)


def whole(field: int, number: int) -> bytes:
    """A field of type enum, bool or uint."""
    return varint(field << 3 | _VARINT) + varint(number)


def fixed(field: int, number: int) -> bytes:
    """A field of type fixed64."""
    return varint(field << 3 | _FIXED64) + struct.pack("<Q", number)


def double(field: int, number: float) -> bytes:
    """A field of type double."""
    return varint(field << 3 | _FIXED64) + struct.pack("<d", number)


def message(field: int, *parts: bytes) -> bytes:
    """A field that is a message of the parts."""
    content = b"".join(parts)
    return varint(field << 3 | _BYTES) + varint(len(content)) + content


def text(field: int, content: str) -> bytes:
    """A field of type string."""
    return message(field, content.encode())
