"""Smithy RPC v2 CBOR, as AWS SDKs of 2025 and later speak to CloudWatch: botocore's own codec, from the other side.

https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

import re
from typing import Any

from botocore.model import Shape
from botocore.parsers import ResponseParserError, ResponseParserFactory
from botocore.serialize import create_serializer

from local.errors import ServiceError

CONTENT_TYPE = "application/cbor"
HEADER = ("smithy-protocol", "rpc-v2-cbor")

_PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)$")

_factory = ResponseParserFactory()
_factory.set_parser_defaults(timestamp_parser=float)
_parser = _factory.create_parser("smithy-rpc-v2-cbor")
_serializer = create_serializer("smithy-rpc-v2-cbor", include_validation=False)


def address(path: str) -> tuple[str, str] | None:
    """The service's shape name and the operation, when a path is of this protocol."""
    found = _PATH.search(path)
    return (found[1].rpartition(".")[2], found[2]) if found else None


def parameters(body: bytes) -> dict[str, Any]:
    """What a body holds, timestamps as epoch seconds. Raises ServiceError: SerializationException."""
    if not body:
        return {}
    try:
        stream = _parser.get_peekable_stream_from_bytes(body)
        found = _parser.parse_data_item(stream)
    except (ResponseParserError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ServiceError("SerializationException", f"the body is not CBOR: {error}") from None
    if not isinstance(found, dict):
        raise ServiceError("SerializationException", "the body must be a CBOR map")
    if stream.read(1):
        raise ServiceError("SerializationException", "the body goes on after its CBOR map")
    return found


def body(value: dict[str, Any], shape: Shape | None) -> bytes:
    """A result as its output shape has it; instants are epoch seconds. No shape: the empty map."""
    written = bytearray()
    if shape is None:
        return b"\xa0"
    _serializer._serialize_data_item(written, value, shape)
    return bytes(written)


def error(kind: str, message: str) -> bytes:
    """An error's body."""
    return b"\xa2" + b"".join(_text(each) for each in ("__type", kind, "message", message))


def _text(text: str) -> bytes:
    written = bytearray()
    _serializer._serialize_type_string(written, text, None, None)
    return bytes(written)
