"""NextToken: where the next page starts, opaque to the caller."""

import base64
import binascii
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from local.errors import ServiceError

Item = TypeVar("Item")


def encode(place: object) -> str:
    """The token for a JSON-able place."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def decode(token: str) -> object:
    """The place that a token stands for. Raises ServiceError: InvalidNextToken."""
    try:
        return json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, binascii.Error) as error:
        raise invalid() from error


def invalid() -> ServiceError:
    """The answer to a token that no call gave."""
    return ServiceError("InvalidNextToken", "The next token specified is invalid.")


def walk(items: Iterable[Item], size: int, place: Callable[[Item], object]) -> tuple[list[Item], str | None]:
    """The first `size` items, and the token for the place of the last of them if more follow: no more is looked at."""
    following = iter(items)
    taken = list(itertools.islice(following, size))
    more = next(following, None) is not None
    return taken, encode(place(taken[-1])) if more and taken else None


def page(items: Sequence[Item], size: int, token: str | None) -> tuple[Sequence[Item], str | None]:
    """The items from where `token` points, at most `size`, and the token of the rest, if there is a rest."""
    start = decode(token) if token else 0
    if not isinstance(start, int) or not 0 <= start <= len(items):
        raise invalid()
    end = start + size
    return items[start:end], encode(end) if end < len(items) else None
