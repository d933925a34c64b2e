"""The conditions of a policy statement: operators over the keys that a request brings. Pure.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

Test = Callable[[str, str], bool]
"""(what the policy says, what the request brings) → whether they agree."""


class PolicyError(ValueError):
    """A policy says something that this evaluator does not know; it refuses to guess."""


def _like(wanted: str, given: str) -> bool:
    return _pattern(wanted).fullmatch(given) is not None


@cache
def _pattern(wanted: str) -> re.Pattern[str]:
    return re.compile(re.escape(wanted).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _arn(wanted: str, given: str) -> bool:
    """Each of an ARN's six parts is compared by itself, so that a wildcard stays within its part."""
    ours, theirs = wanted.split(":", 5), given.split(":", 5)
    return len(ours) == len(theirs) and all(map(_like, ours, theirs))


def _compared(read: Callable[[str], Any], compare: Callable[[Any, Any], bool]) -> Test:
    """A test of two values that are read first; what cannot be read as such agrees with nothing."""

    def test(wanted: str, given: str) -> bool:
        try:
            return compare(read(given), read(wanted))
        except ValueError:
            return False

    return test


def _date(text: str) -> datetime:
    """ISO 8601, or seconds of the epoch."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), tz=UTC)
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _in_network(wanted: str, given: str) -> bool:
    try:
        return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}
_TESTS: dict[str, Test] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": _like,
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
    "BinaryEquals": _compared(_bytes, operator.eq),
    "IpAddress": _in_network,
    **{f"Numeric{name}": _compared(float, compare) for name, compare in _COMPARISONS.items()},
    **{f"Date{name}": _compared(_date, compare) for name, compare in _COMPARISONS.items()},
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
}


def holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether every operator and every key of a Condition element agrees with the request's context.

    Raises PolicyError for an operator that is not known here.
    """
    brought = {key.lower(): values for key, values in context.items()}
    return all(
        _agrees(name, key, [_text(value) for value in _values(wanted)], brought)
        for name, keys in condition.items()
        for key, wanted in keys.items()
    )


def _agrees(written: str, key: str, wanted: list[str], brought: Mapping[str, tuple[str, ...]]) -> bool:
    quantifier, _, name = written.rpartition(":")
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    given = brought.get(key.lower())
    if name == "Null":
        return wanted == ["true" if given is None else "false"]
    negated = name in _NEGATED
    test = _TESTS.get(_NEGATED.get(name, name))
    if test is None or quantifier not in {"", "ForAnyValue", "ForAllValues"}:
        known = ", ".join(sorted({*_TESTS, *_NEGATED, "Null"}))
        raise PolicyError(f"condition operator {written} is not known here; known: {known}")
    wanted = [_substituted(value, brought) for value in wanted]
    if given is None:
        return optional or quantifier == "ForAllValues" or (negated and quantifier == "")

    def one(value: str) -> bool:
        return any(test(each, value) for each in wanted) is not negated

    return all(map(one, given)) if quantifier == "ForAllValues" else any(map(one, given))


def _substituted(value: str, brought: Mapping[str, tuple[str, ...]]) -> str:
    """Policy variables: `${aws:PrincipalAccount}` stands for the request's own value, or for `, 'a default'}`."""

    def fill(found: re.Match[str]) -> str:
        key, default = found[1].strip().lower(), found[2]
        return brought.get(key, (found[0] if default is None else default,))[0]

    return re.sub(r"\$\{([^},]+)(?:,\s*'([^']*)')?\}", fill, value)


def _values(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
