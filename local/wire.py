"""Reads an AWS request as a call: which service, region and operation, whose credentials, which parameters.

JSON 1.0 and 1.1 name the operation in X-Amz-Target, the query protocol in Action, RPC v2 in the path, REST by method
and path. The service is the one the credentials are scoped to, as in moto.
"""

import gzip
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from botocore.model import OperationModel
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from core.cloudwatch.limits import MAX_REQUEST
from local.errors import ServiceError
from local.protocols import cbor, query, shapes


class Protocol(StrEnum):
    """How a request is written, and so how its answer must be."""

    JSON_1_0 = "application/x-amz-json-1.0"
    JSON_1_1 = "application/x-amz-json-1.1"
    QUERY = "query"
    EC2 = "ec2"
    CBOR = "rpc-v2-cbor"
    REST_JSON = "rest-json"
    REST_XML = "rest-xml"


@dataclass(frozen=True, slots=True)
class Call:
    """One API call. `service` is boto3's name for it; `operation` is "" where the request fits none."""

    service: str
    operation: str
    access_key: str
    protocol: Protocol
    headers: Headers
    body: bytes
    region: str = ""
    """The region that the credentials are scoped to; "" where the request is not signed."""
    params: dict[str, Any] = field(default_factory=dict)
    query_mode: bool = False
    """The client wants error codes as the query protocol spelled them, in the header x-amzn-query-error."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """The form of the query protocol."""


_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_SIGNING_NAMES = {"monitoring": "cloudwatch", "states": "stepfunctions", "email": "ses", "eventbridge": "events"}
_TARGETS = {
    "GraniteServiceVersion20100801": "cloudwatch",
    "AWSEvents": "events",
    "AmazonSQS": "sqs",
    "AmazonSSM": "ssm",
    "ComputeOptimizerService": "compute-optimizer",
    "CostOptimizationHubService": "cost-optimization-hub",
    "DynamoDB_20120810": "dynamodb",
    "Logs_20140328": "logs",
    "SageMaker": "sagemaker",
    "TrentService": "kms",
}
_UNSIGNED_ACTIONS = {"ConfirmSubscription": "sns", "Unsubscribe": "sns"}


def credential(request: Request) -> tuple[str, str, str]:
    """The access key, region and service, lower case, that a request is signed with; "" each where it is not."""
    signature = request.headers.get("Authorization") or f"Credential={request.args.get('X-Amz-Credential', '')}"
    found = _CREDENTIAL.search(signature)
    return (found[1], found[2], found[3].lower()) if found else ("", "", "")


def read(request: Request) -> Call:
    """Which call a request makes, its parameters still to be read; raises ServiceError for a body that is not gzip.

    An unsigned request counts as the administrator's. A gzip body is decoded, but for S3, whose objects may be gzip.
    """
    access_key, region, scope = credential(request)
    target = request.headers.get("X-Amz-Target", "")
    service = _SIGNING_NAMES.get(scope, scope) or _TARGETS.get(target.split(".")[0], "")
    body = request.get_data(cache=True)
    if service != "s3" and request.headers.get("Content-Encoding") == "gzip":
        body = _gunzip(body)
    query_mode = request.headers.get("x-amzn-query-mode", "") == "true"

    def call(service: str, operation: str, protocol: Protocol, **more: Any) -> Call:
        return Call(
            service, operation, access_key, protocol, request.headers, body, region, query_mode=query_mode, **more
        )

    if target:
        version = Protocol.JSON_1_0 if "json-1.0" in (request.content_type or "") else Protocol.JSON_1_1
        return call(service, target.split(".")[-1], version)
    if addressed := cbor.address(request.path):
        return call(service or _TARGETS.get(addressed[0], ""), addressed[1], Protocol.CBOR)
    fields = _form(request, body)
    if action := fields.get("Action", ""):
        service = service or query.VERSIONS.get(fields.get("Version", "")) or _UNSIGNED_ACTIONS.get(action, "")
        return call(service, action, Protocol.EC2 if service == "ec2" else Protocol.QUERY, fields=fields)
    return _rest(request, call, service or "s3", body)


def parsed(call: Call) -> Call:
    """The call with its parameters; raises ServiceError when its body does not fit its protocol or its model."""
    if call.operation == "PutMetricData" and call.service == "cloudwatch" and len(call.body) > MAX_REQUEST:
        message = f"Request size {len(call.body)} exceeded {MAX_REQUEST} bytes"
        raise ServiceError("RequestEntityTooLarge", message, 413)
    match call.protocol:
        case Protocol.JSON_1_0 | Protocol.JSON_1_1:
            call = replace(call, params=_json(call.body))
        case Protocol.CBOR:
            call = replace(call, params=cbor.parameters(call.body))
        case Protocol.QUERY | Protocol.EC2 if not call.service:
            raise ServiceError("MissingAuthenticationToken", "sign the request: its credentials name the service", 403)
        case Protocol.QUERY | Protocol.EC2:
            params = query.parameters(call.service, call.operation, call.protocol.value, call.fields)
            call = replace(call, params=params)
        case Protocol.REST_JSON | Protocol.REST_XML:
            return call
    if call.service == "cloudwatch" and (operation := model(call)) is not None:
        _check(operation, call.params)
    return call


def model(call: Call) -> OperationModel | None:
    """The model of a call's operation; None for an operation that the service's model lacks."""
    service = get_service_model(call.service)
    return service.operation_model(call.operation) if call.operation in service.operation_names else None


def _check(operation: OperationModel, params: dict[str, Any]) -> None:
    shapes.check_types(operation, params)
    if operation.name not in shapes.OWN_RULES:
        shapes.check_constraints(operation, params)


def _gunzip(body: bytes) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise ServiceError("SerializationException", f"the body is not the gzip that it says it is: {error}") from None


def _json(body: bytes) -> dict[str, Any]:
    try:
        params = json.loads(body or b"{}")
    except ValueError as error:
        raise ServiceError("SerializationException", f"the body is not JSON: {error}") from None
    if not isinstance(params, dict):
        raise ServiceError("SerializationException", "the body must be a JSON object")
    return params


def _form(request: Request, body: bytes) -> dict[str, str]:
    if (request.content_type or "").startswith("application/x-www-form-urlencoded") and body:
        return query.form(body)
    return request.args.to_dict()


def _rest(request: Request, call: Any, service: str, body: bytes) -> Call:
    protocol = Protocol.REST_XML if service in {"s3", "route53", "cloudfront", "s3control"} else Protocol.REST_JSON
    try:
        operation, uri_params = get_service_router(service).match(request)
    except (HTTPException, NotImplementedError):
        return call(service, "", protocol)  # type: ignore[no-any-return]  # read() defines it
    except Exception as error:  # see _query
        raise ServiceError("UnknownService", f"there is no service {service!r}", 404) from error
    params: dict[str, Any] = {}
    if protocol is Protocol.REST_JSON and operation.name != "Invoke" and body[:1] == b"{":
        params = _json(body)
    return call(service, operation.name, protocol, params=params | uri_params)  # type: ignore[no-any-return]
