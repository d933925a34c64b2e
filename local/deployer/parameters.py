"""A stack's parameters: which values they have, and whether those are allowed.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from local.deployer.errors import DeployError

HIDDEN = "****"
"""What is shown of a parameter with NoEcho."""

_SSM_NAME = "AWS::SSM::Parameter::Name"
_SSM_VALUE = "AWS::SSM::Parameter::Value<"
_KEYS = {
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
}
_PLAIN = re.compile(
    r"^(String|Number|CommaDelimitedList|List<(String|Number|AWS::[A-Za-z0-9:]+)>|AWS::(EC2|Route53)::[A-Za-z0-9:]+)$"
)

Stored = Callable[[str], str]
"""The value of an SSM parameter by its name; DeployError when there is none."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a stack. `given` is what the template was called with, `value` what Ref gives."""

    given: str
    value: str | tuple[str, ...]
    stored: bool = False
    """The value was read from SSM, where `given` is its name."""
    hidden: bool = False

    def masked(self) -> "Parameter":
        """What may be shown of it, in its place."""
        if not self.hidden:
            return self
        return replace(self, value=HIDDEN if isinstance(self.value, str) else tuple(HIDDEN for _ in self.value))

    def shown(self) -> dict[str, str]:
        """As DescribeStacks shows it, less its key."""
        if self.hidden:
            return {"ParameterValue": HIDDEN}
        value = self.value if isinstance(self.value, str) else ",".join(self.value)
        return {"ParameterValue": self.given, **({"ResolvedValue": value} if self.stored else {})}


def check(stack: str, declared: Mapping[str, Mapping[str, Any]]) -> None:
    """DeployError for a declaration that is not known here."""
    for name, each in declared.items():
        path = f"{stack}.Parameters.{name}"
        if unknown := sorted(set(each) - _KEYS):
            raise DeployError(f"{path}.{unknown[0]}", "unknown key")
        kind = str(each.get("Type", ""))
        plain = kind.removeprefix(_SSM_VALUE).removesuffix(">") if kind.startswith(_SSM_VALUE) else kind
        if kind != _SSM_NAME and not _PLAIN.match(plain):
            raise DeployError(f"{path}.Type", f"unknown parameter type {kind!r}")


def values(
    stack: str, declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, str], stored: Stored
) -> dict[str, Parameter]:
    """The value of every parameter, in the template's order; DeployError for one that is missing or not allowed."""
    for name in given:
        if name not in declared:
            raise DeployError(f"{stack}.Parameters.{name}", "the template has no such parameter")
    return {
        name: _value(f"{stack}.Parameters.{name}", each, given.get(name), stored) for name, each in declared.items()
    }


def _value(path: str, declared: Mapping[str, Any], given: str | None, stored: Stored) -> Parameter:
    kind = str(declared["Type"])
    if given is None:
        if "Default" not in declared:
            raise DeployError(path, "has neither a value nor a default")
        given = _spelled(declared["Default"])
    reads = kind.startswith(_SSM_VALUE)
    text, kind = (stored(given), kind.removeprefix(_SSM_VALUE).removesuffix(">")) if reads else (given, kind)
    value: str | tuple[str, ...] = text
    if kind.startswith(("List<", "CommaDelimitedList")):
        value = tuple(each.strip() for each in text.split(","))
    members = (given,) if reads or isinstance(value, str) else value
    for each in members:
        _allowed(path, declared, kind, each, reads)
    return Parameter(given, value, stored=reads, hidden=_spelled(declared.get("NoEcho", "")).lower() == "true")


def _allowed(path: str, declared: Mapping[str, Any], kind: str, value: str, reads: bool) -> None:
    """Constraints hold for what is given: of a parameter that SSM keeps, for its name."""
    why = declared.get("ConstraintDescription")
    if "AllowedValues" in declared and value not in [_spelled(each) for each in declared["AllowedValues"]]:
        allowed = ", ".join(_spelled(each) for each in declared["AllowedValues"])
        raise DeployError(path, f"must be one of {allowed}, not {value!r}{_because(why)}")
    if "AllowedPattern" in declared and not re.fullmatch(declared["AllowedPattern"], value):
        raise DeployError(path, f"{value!r} does not match {declared['AllowedPattern']}{_because(why)}")
    if not int(declared.get("MinLength", 0)) <= len(value) <= int(declared.get("MaxLength", len(value))):
        raise DeployError(path, f"{value!r} has {len(value)} characters, which is not allowed{_because(why)}")
    if "Number" in kind and not reads:
        try:
            number = float(value)
        except ValueError:
            raise DeployError(path, f"must be a number, not {value!r}{_because(why)}") from None
        if not float(declared.get("MinValue", number)) <= number <= float(declared.get("MaxValue", number)):
            raise DeployError(path, f"{value} is out of range{_because(why)}")


def _because(why: str | None) -> str:
    return f": {why}" if why else ""


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
