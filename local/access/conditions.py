"""The conditions of a policy statement: operators over the keys that a request brings. Pure.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import re
from collections.abc import Callable, Mapping
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


def _number(compare: Callable[[float, float], bool]) -> Test:
    return lambda wanted, given: compare(float(given), float(wanted))


_TESTS: dict[str, Test] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": _like,
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
    "NumericEquals": _number(lambda given, wanted: given == wanted),
    "NumericLessThan": _number(lambda given, wanted: given < wanted),
    "NumericLessThanEquals": _number(lambda given, wanted: given <= wanted),
    "NumericGreaterThan": _number(lambda given, wanted: given > wanted),
    "NumericGreaterThanEquals": _number(lambda given, wanted: given >= wanted),
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
}


def holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether every operator and every key of a Condition element agrees with the request's context.

    Raises PolicyError for an operator that is not known here.
    """
    brought = {key.lower(): values for key, values in context.items()}
    return all(
        _agrees(operator, key, [_text(value) for value in _values(wanted)], brought)
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _agrees(operator: str, key: str, wanted: list[str], brought: Mapping[str, tuple[str, ...]]) -> bool:
    quantifier, _, name = operator.rpartition(":")
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    given = brought.get(key.lower())
    if name == "Null":
        return wanted == ["true" if given is None else "false"]
    negated = name in _NEGATED
    test = _TESTS.get(_NEGATED.get(name, name))
    if test is None or quantifier not in {"", "ForAnyValue", "ForAllValues"}:
        known = ", ".join(sorted({*_TESTS, *_NEGATED, "Null"}))
        raise PolicyError(f"condition operator {operator} is not known here; known: {known}")
    wanted = [_substituted(value, brought) for value in wanted]
    if given is None:
        return optional or quantifier == "ForAllValues" or (negated and quantifier == "")

    def one(value: str) -> bool:
        return any(test(each, value) for each in wanted) is not negated

    return all(map(one, given)) if quantifier == "ForAllValues" else any(map(one, given))


def _substituted(value: str, brought: Mapping[str, tuple[str, ...]]) -> str:
    """Policy variables: `${aws:PrincipalAccount}` stands for the request's own value."""
    return re.sub(r"\$\{([^}]+)\}", lambda found: brought.get(found[1].lower(), (found[0],))[0], value)


def _values(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
