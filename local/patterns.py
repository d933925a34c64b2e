"""EventBridge's event patterns, and Lambda's event filters, which are the same: reading, refusing, matching. Pure.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html and
https://github.com/aws/event-ruler, whose words the refusals use. Values are equal when they are written alike: 300 is
not 300.0.
"""

import ipaddress
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_LENGTH = 4096  # PutRule, EventPattern

Test = Callable[[Any], bool]

_ABSENT = object()
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class PatternError(ValueError):
    """A pattern that EventBridge would refuse; the message is its reason."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was read."""

    _matches: Callable[[Mapping[str, Any]], bool]

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether an event agrees with all of it."""
        return self._matches(event)


def read(text: str) -> Pattern:
    """Read a pattern; raises PatternError."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise PatternError(f"Invalid JSON: {error}") from None
    if not isinstance(document, dict):
        raise PatternError("Filter is not an object")
    return Pattern(_node(document))


def _node(node: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool]:
    if not node:
        raise PatternError("Empty objects are not allowed")
    parts = [_alternatives(value) if name == "$or" else _field(name, value) for name, value in node.items()]
    return lambda event: all(part(event) for part in parts)


def _alternatives(value: Any) -> Callable[[Mapping[str, Any]], bool]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise PatternError("$or must be an array of objects")
    if len(value) < 2:
        raise PatternError("There must have at least 2 Objects for $or relationship")
    nodes = [_node(each) for each in value]
    return lambda event: any(node(event) for node in nodes)


def _field(name: str, value: Any) -> Callable[[Mapping[str, Any]], bool]:
    match value:
        case dict():
            inner = _node(value)
            return lambda event: any(inner(each) for each in _objects(event.get(name)))
        case []:
            raise PatternError("Empty arrays are not allowed")
        case list():
            tests = [_leaf(each) for each in value]
            return lambda event: any(test(each) for each in _leaves(event.get(name, _ABSENT)) for test in tests)
        case _:
            raise PatternError(f"'{name}' must be an object or an array")


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects that a nested pattern may match; where there is none, one without fields, for `exists: false`."""
    found = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]
    yield from found or [{}]


def _leaves(value: Any) -> Iterator[Any]:
    """The values that a field has; an object is none, and an empty array is absent."""
    values = value if isinstance(value, list) else [value]
    found = [each for each in values if not isinstance(each, dict)]
    yield from found or [_ABSENT]


def _leaf(wanted: Any) -> Test:
    if isinstance(wanted, list):
        raise PatternError("Match value must be String, number, true, false, or null")
    if not isinstance(wanted, dict):
        return _literal(wanted)
    if len(wanted) != 1:
        raise PatternError("Only one key allowed in match expression" if wanted else "Empty objects are not allowed")
    ((name, value),) = wanted.items()
    if name == "exists":
        if not isinstance(value, bool):
            raise PatternError("exists match pattern must be either true or false.")
        return lambda given: (given is not _ABSENT) is value
    test = _operator(name, value)
    return lambda given: given is not _ABSENT and test(given)


def _literal(wanted: Any) -> Test:
    written = json.dumps(wanted)
    return lambda given: given is not _ABSENT and json.dumps(given) == written


def _operator(name: str, value: Any) -> Test:
    match name:
        case "prefix" | "suffix":
            return _affix(name, value)
        case "equals-ignore-case":
            folded = _text(name, value).lower()
            return lambda given: isinstance(given, str) and given.lower() == folded
        case "wildcard":
            return _wildcard(value)
        case "numeric":
            return _numeric(value)
        case "cidr":
            return _cidr(value)
        case "anything-but":
            return _anything_but(value)
        case _:
            raise PatternError(f"Unrecognized match type {name}")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise PatternError(f"{name} match pattern must be a string")
    return value


def _affix(name: str, value: Any) -> Test:
    ends = str.startswith if name == "prefix" else str.endswith
    if isinstance(value, dict) and value.keys() == {"equals-ignore-case"}:
        folded = _text("equals-ignore-case", value["equals-ignore-case"]).lower()
        return lambda given: isinstance(given, str) and ends(given.lower(), folded)
    text = _text(name, value)
    return lambda given: isinstance(given, str) and ends(given, text)


def _wildcard(value: Any) -> Test:
    """`*` is any run of characters; `\\\\*` and `\\\\\\\\` are a star and a backslash."""
    text = _text("wildcard", value)
    parts = re.findall(r"\\.|.|\\$", text, re.DOTALL)
    pieces: list[str] = []
    for position, part in enumerate(parts):
        if part == "*" and pieces[-1:] == [".*"]:
            raise PatternError(f"Consecutive wildcard characters at pos {position - 1}")
        if part.startswith("\\") and part not in {"\\*", "\\\\"}:
            raise PatternError(f"Invalid escape character at pos {position}")
        pieces.append(".*" if part == "*" else re.escape(part[-1]))
    pattern = re.compile("".join(pieces), re.DOTALL)
    return lambda given: isinstance(given, str) and pattern.fullmatch(given) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numeric(value: Any) -> Test:
    if not isinstance(value, list):
        raise PatternError("Value of numeric must be an array.")
    if len(value) not in {2, 4}:
        raise PatternError(
            "Too many elements in numeric expression" if len(value) > 4 else "Invalid numeric expression"
        )
    pairs = list(zip(value[::2], value[1::2], strict=True))
    for sign, number in pairs:
        if sign not in _COMPARISONS:
            raise PatternError(f"Unrecognized numeric range operator: {sign}")
        if not _is_number(number):
            raise PatternError(f"Value of {sign} must be numeric")
    if len(pairs) == 2:
        (low, bottom), (high, top) = pairs
        if not low.startswith(">") or not high.startswith("<"):
            raise PatternError(f"Bad numeric range operator: {high if low.startswith('>') else low}")
        if bottom >= top:
            raise PatternError("Bottom must be less than top")
    return lambda given: _is_number(given) and all(_COMPARISONS[sign](given, number) for sign, number in pairs)


def _cidr(value: Any) -> Test:
    text = _text("cidr", value)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise PatternError(f"Malformed CIDR: {text}") from None

    def test(given: Any) -> bool:
        try:
            return isinstance(given, str) and ipaddress.ip_address(given) in network
        except ValueError:
            return False

    return test


def _anything_but(value: Any) -> Test:
    if isinstance(value, dict):
        if len(value) != 1:
            raise PatternError("Only one key allowed in match expression")
        ((name, inner),) = value.items()
        if name not in {"prefix", "suffix", "equals-ignore-case", "wildcard"}:
            raise PatternError(f"Unsupported anything-but pattern: {name}")
        tests = [_operator(name, each) for each in (inner if isinstance(inner, list) else [inner])]
        return lambda given: not any(test(given) for test in tests)
    values = value if isinstance(value, list) else [value]
    if not values:
        raise PatternError("Empty arrays are not allowed")
    if not (all(isinstance(each, str) for each in values) or all(map(_is_number, values))):
        raise PatternError(
            "Inside anything but list, either all values are number or string, mixed type is not supported"
        )
    written = {json.dumps(each) for each in values}
    return lambda given: json.dumps(given) not in written
