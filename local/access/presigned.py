"""Presigned addresses: what their query says about when they end.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from local.errors import ServiceError

LONGEST = timedelta(days=7)
EARLY = timedelta(minutes=15)
"""How far ahead of S3's clock a signer's may be."""


def check(query: Mapping[str, str], now: datetime) -> None:
    """Raise ServiceError for an address that has ended, or whose time cannot be; nothing for what is not presigned."""
    if "X-Amz-Expires" not in query:
        return
    try:
        signed = datetime.strptime(query.get("X-Amz-Date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _wrong("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"") from None
    text = query["X-Amz-Expires"]
    if not (text.isascii() and text.isdigit()):
        raise _wrong("X-Amz-Expires should be a number")
    if int(text) > LONGEST / timedelta(seconds=1):
        raise _wrong(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be "
            "less than 604800 seconds"
        )
    if now > signed + timedelta(seconds=int(text)):
        raise ServiceError("AccessDenied", "Request has expired", 403)
    if now < signed - EARLY:
        raise ServiceError("AccessDenied", "Request is not valid yet", 403)


def _wrong(message: str) -> ServiceError:
    return ServiceError("AuthorizationQueryParametersError", message, 400)
