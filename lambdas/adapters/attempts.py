"""A call to AWS whose failure is an answer, not an error: what looks things up goes on without it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refused:
    """AWS did not answer: its error code (or botocore's error name) and its message."""

    code: str
    message: str


def attempt(call: Callable[[], T]) -> T | Refused:
    """The call's result, or why there is none after botocore's own retries."""
    try:
        return call()
    except ClientError as error:
        told = error.response.get("Error", {})
        return Refused(str(told.get("Code", "Unknown")), str(told.get("Message", "")))
    except BotoCoreError as error:
        return Refused(type(error).__name__, "")
