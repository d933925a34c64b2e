"""Signed calls of AWS's JSON protocols over one kept-open connection."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime

from agent.connection import Connection, Response
from agent.credentials import Provider
from agent.signing import sign

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

    def call(self, operation: str, body: bytes, *, timeout_seconds: float, encoding: str = "") -> Response:
        """One call; once more with new credentials where AWS refuses the present ones.

        Raises ConnectionFailed where no answer came and CredentialsError where there is nothing to sign with.
        """
        response = self._send(operation, body, timeout_seconds, encoding)
        refused = response.status == 403 or error_code(response) in CREDENTIAL_CODES
        if refused and self._provider.refuse(self._now()):
            response = self._send(operation, body, timeout_seconds, encoding)
        return response

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _send(self, operation: str, body: bytes, timeout_seconds: float, encoding: str) -> Response:
        now = self._now()
        headers = {
            "Content-Type": f"application/x-amz-json-{self._protocol}",
            "X-Amz-Target": f"{self._target}.{operation}",
        }
        if encoding:
            headers["Content-Encoding"] = encoding
        signed = sign(
            host=self._connection.host,
            headers=headers,
            body=body,
            credentials=self._provider.get(now),
            region=self._region,
            service=self._name,
            now=now,
        )
        return self._connection.request("POST", "/", headers=signed, body=body, timeout_seconds=timeout_seconds)
