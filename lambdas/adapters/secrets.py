"""Secrets: Secrets Manager by ARN, Systems Manager's SecureString parameters as `ssm:/name`.

Kept in memory for KEPT and nowhere else; never logged. AWS calls: GetSecretValue, GetParameter.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.adapters.clients import client

KEPT = timedelta(minutes=5)
PARAMETER = "ssm:"
_TRANSIENT = frozenset(
    {"ThrottlingException", "InternalServiceError", "InternalServerError", "DecryptionFailure", "RequestTimeout"}
)


class NoSecret(Exception):
    """A secret cannot be read; the message names it and AWS's code. `again` says whether it may be readable later."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


_kept: dict[str, tuple[datetime, str]] = {}


def read(name: str) -> str:
    """The secret's text; raises NoSecret. A rotated secret is seen KEPT later at the latest."""
    now = datetime.now(UTC)
    found = _kept.get(name)
    if found is not None and now - found[0] < KEPT:
        return found[1]
    text = _fetch(name)
    _kept[name] = (now, text)
    return text


def forget(name: str = "") -> None:
    """Read the secret anew next time, because a service refused what it held; all of them when none is named."""
    if name:
        _kept.pop(name, None)
    else:
        _kept.clear()


def _fetch(name: str) -> str:
    try:
        return _parameter(name.removeprefix(PARAMETER)) if name.startswith(PARAMETER) else _secret(name)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        raise NoSecret(f"{name}: {code}", again=code in _TRANSIENT or status >= 500) from error
    except BotoCoreError as error:
        raise NoSecret(f"{name}: {type(error).__name__}", again=True) from error


def _secret(arn: str) -> str:
    answer: dict[str, Any] = client("secretsmanager").get_secret_value(SecretId=arn)
    if "SecretString" not in answer:
        raise NoSecret(f"{arn}: the secret is binary; text is needed", again=False)
    return str(answer["SecretString"])


def _parameter(name: str) -> str:
    found: dict[str, Any] = client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    if found["Type"] != "SecureString":
        raise NoSecret(f"{PARAMETER}{name}: the parameter is a {found['Type']}; SecureString is needed", again=False)
    return str(found["Value"])
