"""Reads an AWS request as a call: which service and operation, whose credentials, which parameters.

JSON 1.0 and 1.1 name the operation in X-Amz-Target, the query protocol in Action, REST by method and path. The service
is the one the credentials are scoped to, as in moto.
"""

import gzip
import json
import re
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from local.errors import ServiceError


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
    params: dict[str, Any]
    headers: Headers
    body: bytes
    query_mode: bool = False
    """The client wants error codes as the query protocol spelled them, in the header x-amzn-query-error."""


_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/[^/]+/([^/]+)/aws4_request")
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
_CBOR_PATH = re.compile(r"^/service/([^/]+)/operation/([^/]+)$")


def read(request: Request) -> Call:
    """The call that a request makes; raises ServiceError when its body does not fit its protocol.

    An unsigned request counts as the administrator's. A gzip body is decoded, but for S3, whose objects may be gzip.
    """
    signature = request.headers.get("Authorization") or f"Credential={request.args.get('X-Amz-Credential', '')}"
    credential = _CREDENTIAL.search(signature)
    access_key, scope = (credential[1], credential[2].lower()) if credential else ("", "")
    target = request.headers.get("X-Amz-Target", "")
    service = _SIGNING_NAMES.get(scope, scope) or _TARGETS.get(target.split(".")[0], "")
    body = request.get_data(cache=True)
    if service != "s3" and request.headers.get("Content-Encoding") == "gzip":
        body = _gunzip(body)
    query_mode = request.headers.get("x-amzn-query-mode", "") == "true"

    def call(service: str, operation: str, protocol: Protocol, params: dict[str, Any]) -> Call:
        return Call(service, operation, access_key, protocol, params, request.headers, body, query_mode)

    if target:
        version = Protocol.JSON_1_0 if "json-1.0" in (request.content_type or "") else Protocol.JSON_1_1
        return call(service, target.split(".")[-1], version, _json(body))
    if cbor := _CBOR_PATH.match(request.path):
        return call(service or _TARGETS.get(cbor[1], ""), cbor[2], Protocol.CBOR, {})
    form = _form(request, body)
    if action := form.get("Action", ""):
        service = service or _UNSIGNED_ACTIONS.get(action, "")
        protocol = Protocol.EC2 if service == "ec2" else Protocol.QUERY
        return call(service, action, protocol, _query(service, action, protocol, form))
    return _rest(request, call, service or "s3", body)


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


def _form(request: Request, body: bytes) -> Any:
    if not (request.content_type or "").startswith("application/x-www-form-urlencoded"):
        return request.args
    again = Request.from_primitives("POST", "http://form/", {"Content-Type": request.content_type}, body)
    return again.form or request.args


def _query(service: str, action: str, protocol: Protocol, form: Any) -> dict[str, Any]:
    if not service:
        raise ServiceError("MissingAuthenticationToken", "sign the request: its credentials name the service", 403)
    try:
        operation = get_service_model(service).operation_model(action)
    except Exception as error:  # botocore has a class for each way of not knowing a service or an operation
        raise ServiceError("InvalidAction", f"{service} has no operation {action}: {error}") from error
    parser = PROTOCOL_PARSERS[protocol.value](operation)
    parsed = parser.parse(
        {"method": "POST", "values": form, "headers": Headers(), "body": b"", "url_path": "/", "url_params": {}}
    )
    return dict(parsed or {})


def _rest(request: Request, call: Any, service: str, body: bytes) -> Call:
    protocol = Protocol.REST_XML if service in {"s3", "route53", "cloudfront", "s3control"} else Protocol.REST_JSON
    try:
        operation, uri_params = get_service_router(service).match(request)
    except (HTTPException, NotImplementedError):
        return call(service, "", protocol, {})  # type: ignore[no-any-return]  # read() defines it
    except Exception as error:  # see _query
        raise ServiceError("UnknownService", f"there is no service {service!r}", 404) from error
    params: dict[str, Any] = {}
    if protocol is Protocol.REST_JSON and operation.name != "Invoke" and body[:1] == b"{":
        params = _json(body)
    return call(service, operation.name, protocol, params | uri_params)  # type: ignore[no-any-return]
