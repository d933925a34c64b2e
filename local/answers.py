"""Writes results and errors in the protocol of the call: JSON 1.0 and 1.1, query XML, RPC v2 CBOR, REST."""

import base64
import json
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model

from local.errors import ServiceError
from local.protocols import cbor
from local.wire import Call, Protocol, model


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def result(call: Call, value: dict[str, Any], request_id: str) -> Answer:
    """What an operation gives, written as the caller's protocol has it.

    `value` is JSON-able but for blobs, which are bytes; instants are epoch seconds.
    """
    match call.protocol:
        case Protocol.QUERY | Protocol.EC2 | Protocol.REST_XML:
            operation = get_service_model(call.service).operation_model(call.operation)
            serializer = get_serializer_class(call.service, call.protocol.value)
            written = serializer(operation_model=operation, context=SerializationContext(request_id)).serialize(value)
            return _answer(written["status_code"], "text/xml", written["body"], request_id)
        case Protocol.JSON_1_0 | Protocol.JSON_1_1:
            return _answer(200, call.protocol.value, json.dumps(value, default=_blob), request_id)
        case Protocol.CBOR:
            operation = model(call)
            body = cbor.body(value, operation.output_shape if operation else None)
            return _answer(200, cbor.CONTENT_TYPE, body, request_id, cbor.HEADER)
        case Protocol.REST_JSON:
            return _answer(200, "application/json", json.dumps(value), request_id)


def error(call: Call | None, problem: ServiceError, request_id: str) -> Answer:
    """An error response; a request that could not be read gets JSON."""
    fault = "Sender" if problem.status < 500 else "Receiver"
    shape, code = _spellings(call, problem.code)
    both = (("x-amzn-query-error", f"{code};{fault}"),) if call and call.query_mode else ()
    match call.protocol if call else Protocol.JSON_1_1:
        case Protocol.QUERY | Protocol.EC2:
            text = (
                f"<ErrorResponse{_namespace(call)}><Error><Type>{fault}</Type><Code>{escape(code)}</Code>"
                f"<Message>{escape(problem.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
            )
            return _answer(problem.status, "text/xml", text, request_id)
        case Protocol.REST_XML:
            text = f"<Error><Code>{escape(problem.code)}</Code><Message>{escape(problem.message)}</Message></Error>"
            return _answer(problem.status, "application/xml", text, request_id)
        case Protocol.CBOR:
            body = cbor.error(shape, problem.message)
            return _answer(problem.status, cbor.CONTENT_TYPE, body, request_id, cbor.HEADER, *both)
        case Protocol.REST_JSON:
            text = json.dumps({"message": problem.message, "Message": problem.message})
            return _answer(problem.status, "application/json", text, request_id, ("x-amzn-ErrorType", problem.code))
        case Protocol.JSON_1_0 | Protocol.JSON_1_1 as protocol:
            text = json.dumps({"__type": shape, "message": problem.message})
            return _answer(problem.status, protocol.value, text, request_id, *both)


def _spellings(call: Call | None, code: str) -> tuple[str, str]:
    """An error's two names: the class in the service's model, and the code of the query protocol.

    They differ in services that once spoke the query protocol alone: `InvalidParameterValueException` and
    `InvalidParameterValue`.
    """
    if call is not None and call.service in ("cloudwatch", "sqs"):
        operation = model(call)
        own = operation.error_shapes if operation is not None else []
        for shape in (*own, *get_service_model(call.service).error_shapes):
            if code in {shape.name, shape.error_code}:
                return shape.name, shape.error_code
    return code, code


def _namespace(call: Call | None) -> str:
    name = get_service_model(call.service).metadata.get("xmlNamespace", "") if call and call.service else ""
    return f' xmlns="{escape(name)}"' if name else ""


def _blob(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"an answer holds a {type(value).__name__}")


def _answer(status: int, content_type: str, body: str | bytes, request_id: str, *more: tuple[str, str]) -> Answer:
    headers = (("Content-Type", content_type), ("x-amzn-RequestId", request_id), *more)
    return Answer(status, headers, body.encode() if isinstance(body, str) else body)
