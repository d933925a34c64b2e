"""The query protocol: `Action`, `Version` and nested parameters such as `MetricData.member.1.Value`, form-encoded."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.utils import get_service_model
from werkzeug.datastructures import Headers

from local.errors import ServiceError

VERSIONS = {"2010-08-01": "cloudwatch"}
"""Whose API a version is, for a request whose credentials do not say."""


def form(body: bytes) -> dict[str, str]:
    """The fields of a form-encoded body; of a field given twice, the first."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True)
    except ValueError as error:
        raise ServiceError("MalformedQueryString", f"the body is not a form: {error}") from None
    return dict(reversed(pairs))


def parameters(service: str, action: str, protocol: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of an operation, typed as its model has them; timestamps are datetimes. Raises ServiceError."""
    try:
        operation = get_service_model(service).operation_model(action)
    except Exception as error:  # botocore has a class for each way of not knowing a service or an operation
        raise ServiceError(
            "InvalidAction", f"The action {action} is not valid for this web service ({service})."
        ) from error
    parser: Any = PROTOCOL_PARSERS[protocol](operation)
    # Asking every key for every structure takes time quadratic in the number of datums.
    known = set(_prefixes(fields))
    parser._gonna_recurse = lambda _, prefix: prefix != "" and prefix not in known
    values: Any = {"method": "POST", "values": fields, "headers": Headers(), "body": b"", "url_path": "/"}
    try:
        return dict(parser.parse(values | {"url_params": {}}) or {})
    except (ValueError, OverflowError) as error:
        raise ServiceError("MalformedInput", f"a parameter is not of its type: {error}") from None


def _prefixes(fields: Mapping[str, str]) -> Iterator[str]:
    for name in fields:
        yield name
        at = name.find(".")
        while at >= 0:
            yield name[:at]
            at = name.find(".", at + 1)
