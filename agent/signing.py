"""AWS Signature Version 4 for the agent's few requests: POSTs without a query, header by header as botocore signs.

Source: AWS General Reference, "Create a signed AWS API request". Own code because botocore's signer brings botocore,
10 MiB that would stay resident; the tests hold it to botocore's, byte by byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key, valid until `expires_at` (UTC; None: until revoked). Its repr shows no secret."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    expires_at: datetime | None = None


def sign(
    *,
    host: str,
    path: str = "/",
    headers: Mapping[str, str],
    body: bytes,
    credentials: Credentials,
    region: str,
    service: str,
    now: datetime,
) -> dict[str, str]:
    """The headers of a POST to `host` with the signature over all of them.

    `host` has the port where it is not the scheme's own; `path` needs no escaping and has no query.
    `now` must be within 15 minutes of AWS's clock.
    """
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    signed = {**headers, "Host": host, "X-Amz-Date": moment}
    if credentials.token:
        signed["X-Amz-Security-Token"] = credentials.token
    canonical = sorted((name.lower(), " ".join(value.split())) for name, value in signed.items())
    names = ";".join(name for name, _ in canonical)
    request = "\n".join(["POST", path, "", *(f"{name}:{value}" for name, value in canonical), "", names, _hash(body)])
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, _hash(request.encode())])
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (moment[:8], region, service, "aws4_request"):
        key = _mac(key, part)
    signature = _mac(key, text).hex()
    signed["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return signed


def _hash(content: bytes) -> str:
    import hashlib  # OpenSSL, which the first sample does not wait for

    return hashlib.sha256(content).hexdigest()


def _mac(key: bytes, text: str) -> bytes:
    import hmac

    return hmac.digest(key, text.encode(), "sha256")
