"""Signed calls of AWS's JSON protocols over one kept-open connection."""

import json
import logging
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from agent.connection import Connection, Response
from agent.credentials import Provider
from agent.signing import sign

log = logging.getLogger(__name__)

COMPRESS_OVER_BYTES = 10_240
"""From where on a smaller body is worth its making: the SDKs' own limit."""
_GZIP = 31  # zlib's window bits for gzip
_LEVEL = 1

# Codes that may say: your clock is wrong. (IAM user guide, "Troubleshoot SigV4 requests".)
CLOCK_CODES = frozenset(
    {
        "InvalidSignatureException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
LEAST_SKEW = timedelta(minutes=4)
"""AWS takes signatures within 5 to 15 minutes of its clock; a smaller difference is not what it refused."""

# Codes that say: these credentials, not this request. (IAM user guide, "Common errors"; JSON services answer 400 too.)
CREDENTIAL_CODES = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "MissingAuthenticationToken",
    }
)


def default_url(service: str, region: str) -> str:
    """A regional endpoint's address. `service` as in host names: `monitoring`, `ssm`."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{service}.{region}.{suffix}"


def endpoint(service: str, *, name: str, region: str, configured: str, environment: Mapping[str, str]) -> str:
    """Where a service is. `name` as AWS_ENDPOINT_URL_… spells it."""
    return (
        configured
        or environment.get(f"AWS_ENDPOINT_URL_{name}", "")
        or environment.get("AWS_ENDPOINT_URL", "")
        or default_url(service, region)
    )


def error_code(response: Response) -> str:
    """The code of a refusal, without its namespace: `ThrottlingException`; empty where there is none."""
    query_error = response.headers.get("x-amzn-query-error", "").partition(";")[0]
    if query_error:
        return query_error
    try:
        code = json.loads(response.body).get("__type", "")
    except (ValueError, AttributeError):
        return ""
    return str(code).rpartition("#")[2].partition(":")[0]


def error_message(response: Response) -> str:
    """What a refusal says, in one line."""
    try:
        content = json.loads(response.body)
        message = content.get("message") or content.get("Message") or ""
    except (ValueError, AttributeError):
        return ""
    return " ".join(str(message).split())


def compressed(body: bytes) -> tuple[bytes, str]:
    """The body as it is sent, and its Content-Encoding: gzip where it is large, else empty."""
    if len(body) <= COMPRESS_OVER_BYTES:
        return body, ""
    return zlib.compress(body, _LEVEL, _GZIP), "gzip"


class Service:
    """One service in one region. Used from one thread."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        region: str,
        protocol: str,
        target: str,
        provider: Provider,
        now: Callable[[], datetime],
    ) -> None:
        """`name` is the signing name; `protocol` is `1.0` or `1.1`; `target` precedes the operation's name."""
        self._connection = Connection(url)
        self._name = name
        self._region = region
        self._protocol = protocol
        self._target = target
        self._provider = provider
        self._now = now
        self.skew = timedelta()
        """What AWS's clock is ahead of this one, as far as it was refused for."""

    def call(
        self,
        operation: str,
        body: bytes,
        *,
        timeout_seconds: float,
        encoding: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Response:
        """One call; once more with new credentials, or by AWS's clock, where AWS refuses the present ones.

        Raises ConnectionFailed where no answer came and CredentialsError where there is nothing to sign with.
        """
        headers = {
            **headers,
            "Content-Type": f"application/x-amz-json-{self._protocol}",
            "X-Amz-Target": f"{self._target}.{operation}",
        }
        return self.post("/", body, headers=headers, timeout_seconds=timeout_seconds, encoding=encoding)

    def post(
        self, path: str, body: bytes, *, headers: Mapping[str, str], timeout_seconds: float, encoding: str = ""
    ) -> Response:
        """One POST, as `call` makes it."""
        if encoding:
            headers = {**headers, "Content-Encoding": encoding}
        response = self._send(path, body, headers, timeout_seconds)
        if self._learn_skew(response):
            response = self._send(path, body, headers, timeout_seconds)
        refused = response.status == 403 or error_code(response) in CREDENTIAL_CODES
        if refused and self._provider.refuse(self._now() + self.skew):
            response = self._send(path, body, headers, timeout_seconds)
        return response

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _learn_skew(self, response: Response) -> bool:
        """Whether the answer refuses the time of the signature, and tells a better one."""
        if response.status == 200 or error_code(response) not in CLOCK_CODES:
            return False
        try:
            from email.utils import parsedate_to_datetime  # which is seldom needed

            skew = parsedate_to_datetime(response.headers.get("date", "")) - self._now()
        except (TypeError, ValueError):
            return False
        if abs(skew - self.skew) < LEAST_SKEW:
            return False
        self.skew = skew
        log.warning("clock differs from AWS's: signing by theirs", extra={"seconds": round(skew.total_seconds())})
        return True

    def _send(self, path: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> Response:
        now = self._now() + self.skew
        signed = sign(
            host=self._connection.host,
            path=path,
            headers=headers,
            body=body,
            credentials=self._provider.get(now),
            region=self._region,
            service=self._name,
            now=now,
        )
        return self._connection.request("POST", path, headers=signed, body=body, timeout_seconds=timeout_seconds)
