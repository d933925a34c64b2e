"""Function URLs: an HTTP request becomes an event, what the function returns an HTTP answer.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html and
https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html. On AWS a URL has a host name of its own; here it is a path
on the loopback, which functions do not see.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from local.answers import Answer
from local.errors import ServiceError
from local.functions.model import AuthType, FunctionUrl, Invocation
from local.wire import credential

if TYPE_CHECKING:
    from moto.core.request import Request

    from local.world import World

PREFIX = "/_lambda-url/"
MAX_PAYLOAD_BYTES = (
    6_291_456  # of request and answer, https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
)
_TEXTUAL = ("text/", "application/json", "application/javascript", "application/xml", "application/vnd.aws.")
"""Bodies of other types reach the function in Base64, those of forms too."""
_FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


def address(world: "World", url: FunctionUrl) -> str:
    """Where the function is reached; it ends with a slash, as on AWS."""
    return f"{world.url}{PREFIX}{url.id}/"


def respond(world: "World", request: "Request", request_id: str) -> Answer:
    """Invoke the function behind the URL that was asked for, unless its caller may not. Holds no lock meanwhile."""
    asked_for = str(request.environ.get("RAW_URI", request.path)).partition("?")[0]
    identity, _, path = asked_for.removeprefix(PREFIX).partition("/")
    found = [(each, url) for each in list(world.regions.values()) for url in each.functions.urls if url.id == identity]
    if not found:
        return _said(403, _FORBIDDEN, request_id, "AccessDeniedException")
    here, url = found[0]
    access_key = credential(request)[0]
    try:
        if url.auth_type is AuthType.AWS_IAM and not access_key:
            raise ServiceError("AccessDeniedException", _FORBIDDEN, 403)
        arn = here.functions.arn(url.function_name)
        signed = access_key if url.auth_type is AuthType.AWS_IAM else None
        here.access.check_url(function_arn=arn, auth_type=url.auth_type.value, access_key=signed)
    except ServiceError:
        return _said(403, _FORBIDDEN, request_id, "AccessDeniedException")
    body = request.get_data(cache=True)
    if len(body) > MAX_PAYLOAD_BYTES:
        return _said(413, f"The request has {len(body)} bytes; {MAX_PAYLOAD_BYTES} at most.", request_id)
    role = here.access.role_of(access_key)
    asked = event(
        request,
        url,
        f"/{path}",
        body,
        now=here.clock.now(),
        request_id=request_id,
        caller=_caller(here, url, access_key, role),
    )
    try:
        return answer(here.functions.invoke(url.function_name, asked), request_id)
    except ServiceError as problem:
        return _said(problem.status, problem.message, request_id, problem.code)


def event(
    request: "Request",
    url: FunctionUrl,
    path: str,
    body: bytes,
    *,
    now: datetime,
    request_id: str,
    caller: Mapping[str, Any],
) -> dict[str, Any]:
    """The event of payload format 2.0."""
    query = request.query_string.decode("ascii", "replace")
    domain = f"{url.id}.lambda-url.{url.region}.on.aws"
    headers = {name.lower(): ",".join(request.headers.getlist(name)) for name in request.headers.keys()}  # noqa: SIM118
    cookies = [part.strip() for part in headers.pop("cookie", "").split(";") if part.strip()]
    headers |= {
        "host": domain,
        "x-forwarded-for": request.remote_addr or "",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            **caller,
            "apiId": url.id,
            "domainName": domain,
            "domainPrefix": url.id,
            "http": {
                "method": request.method,
                "path": path,
                "protocol": str(request.environ.get("SERVER_PROTOCOL", "HTTP/1.1")),
                "sourceIp": request.remote_addr or "",
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": f"{now:%d/%b/%Y:%H:%M:%S} +0000",
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        made["cookies"] = cookies
    if query:
        made["queryStringParameters"] = {name: ",".join(request.args.getlist(name)) for name in request.args}
    if body:
        textual = (request.content_type or "").lower().startswith(_TEXTUAL)
        made |= {"body": _text(body) if textual else base64.b64encode(body).decode(), "isBase64Encoded": not textual}
    return made


def answer(invocation: Invocation, request_id: str) -> Answer:
    """What a client gets of a run: `statusCode`, `headers`, `cookies` and `body`, or 200 with the result as JSON."""
    if invocation.error:
        return _said(502, "Internal Server Error", request_id)
    value = invocation.value
    if not (isinstance(value, dict) and "statusCode" in value):
        return _answer(200, {}, json.dumps(value).encode(), (), request_id)
    try:
        status = int(value["statusCode"])
        headers = {str(name): _header(each) for name, each in (value.get("headers") or {}).items()}
        cookies = tuple(_header(each) for each in value.get("cookies") or ())
        body = _body(value)
    except (AttributeError, TypeError, ValueError, binascii.Error):
        return _said(502, "Internal Server Error", request_id)
    if not 100 <= status <= 599 or len(body) > MAX_PAYLOAD_BYTES:
        return _said(502, "Internal Server Error", request_id)
    return _answer(status, headers, body, cookies, request_id)


def _caller(world: "World", url: FunctionUrl, access_key: str, role: str) -> dict[str, Any]:
    """Who asked, as the event says it."""
    if url.auth_type is AuthType.NONE:
        return {"accountId": "anonymous"}
    arn = role or f"arn:aws:iam::{world.account}:root"
    iam = {
        "accessKey": access_key,
        "accountId": world.account,
        "callerId": access_key,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": arn,
        "userId": access_key,
    }
    return {"accountId": world.account, "authorizer": {"iam": iam}}


def _body(value: Mapping[str, Any]) -> bytes:
    body = value.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        return json.dumps(body).encode()
    return base64.b64decode(body, validate=True) if value.get("isBase64Encoded") else body.encode()


def _header(value: object) -> str:
    """A header's value; ValueError where it would end the header."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\r" in text or "\n" in text:
        raise ValueError("a header's value has one line")
    return text


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _said(status: int, message: str, request_id: str, code: str = "") -> Answer:
    more = {"x-amzn-ErrorType": code} if code else {}
    return _answer(status, more, json.dumps({"Message": message}).encode(), (), request_id)


def _answer(status: int, headers: Mapping[str, str], body: bytes, cookies: tuple[str, ...], request_id: str) -> Answer:
    given = {name.lower() for name in headers}
    kind = () if "content-type" in given else (("Content-Type", "application/json"),)
    own = tuple((name, value) for name, value in headers.items() if name.lower() != "content-length")
    return Answer(
        status, (*kind, *own, *(("Set-Cookie", each) for each in cookies), ("x-amzn-RequestId", request_id)), body
    )
