"""Resolves what a template computes: references, functions, conditions, dynamic references.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from local.deployer.errors import DeployError


class Scope(Protocol):
    """What names in a template stand for while a stack is being created."""

    def reference(self, name: str, path: str) -> Any:
        """The value of Ref: a parameter's, a pseudo parameter's, or a resource's physical name."""

    def attribute(self, logical_id: str, name: str, path: str) -> Any:
        """The value of Fn::GetAtt."""

    def exported(self, name: str, path: str) -> Any:
        """The value that another stack exports."""

    def mapped(self, name: str, first: str, second: str, path: str) -> Any:
        """A value of the template's Mappings."""

    def condition(self, name: str, path: str) -> bool:
        """Whether a condition of the template holds."""

    def dynamic(self, service: str, key: str, path: str) -> str:
        """The value of `{{resolve:service:key}}`."""


class _NoValue:
    """AWS::NoValue: the property is as good as not there."""


NO_VALUE = _NoValue()
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""What stands in a change set for a value that only its execution will tell."""
_DYNAMIC = re.compile(r"\{\{resolve:([a-z-]+):([^}]+)\}\}")
_VARIABLE = re.compile(r"\$\{(!?)([^}]+)\}")


def resolve(value: Any, scope: Scope, path: str) -> Any:
    """`value` with every intrinsic replaced. DeployError, with the path of it, for one that does not resolve."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name in FUNCTIONS:
                return FUNCTIONS[name](argument, scope, path)
            if name.startswith("Fn::"):
                raise DeployError(path, f"unknown intrinsic function {name}")
        found = {key: resolve(each, scope, f"{path}.{key}") for key, each in value.items()}
        return {key: each for key, each in found.items() if each is not NO_VALUE}
    if isinstance(value, list):
        listed = [resolve(each, scope, f"{path}.{number}") for number, each in enumerate(value)]
        return [each for each in listed if each is not NO_VALUE]
    if isinstance(value, str) and "{{resolve:" in value:
        return _DYNAMIC.sub(lambda found: scope.dynamic(found[1], found[2], path), value)
    return value


def holds(value: Any, scope: Scope, path: str) -> bool:
    """Whether a condition's expression is true."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Mapping) and len(value) == 1:
        name, argument = next(iter(value.items()))
        match name:
            case "Condition":
                return scope.condition(argument, path)
            case "Fn::Equals":
                first, second = (resolve(each, scope, path) for each in argument)
                return bool(first == second)
            case "Fn::And":
                return all(holds(each, scope, path) for each in argument)
            case "Fn::Or":
                return any(holds(each, scope, path) for each in argument)
            case "Fn::Not":
                return not holds(argument[0], scope, path)
            case "Fn::Contains":
                members, value = (resolve(each, scope, path) for each in argument)
                return value in members
            case "Fn::EachMemberEquals":
                members, value = (resolve(each, scope, path) for each in argument)
                return all(member == value for member in members)
            case "Fn::EachMemberIn":
                members, others = (resolve(each, scope, path) for each in argument)
                return all(member in others for member in members)
            case _:
                raise DeployError(path, f"{name} is no condition function")
    raise DeployError(path, f"not a condition: {value!r}")


def _ref(argument: Any, scope: Scope, path: str) -> Any:
    return NO_VALUE if argument == "AWS::NoValue" else scope.reference(argument, path)


def _get_att(argument: Any, scope: Scope, path: str) -> Any:
    logical_id, _, name = argument.partition(".") if isinstance(argument, str) else (argument[0], "", argument[1])
    return scope.attribute(logical_id, resolve(name, scope, path), path)


def _join(argument: Any, scope: Scope, path: str) -> str:
    separator, parts = argument
    return str(separator).join(_text(each, path) for each in _list(resolve(parts, scope, path), path))


def _sub(argument: Any, scope: Scope, path: str) -> str:
    template, own = (argument, {}) if isinstance(argument, str) else argument
    given = resolve(own, scope, path)

    def variable(found: re.Match[str]) -> str:
        literal, name = found[1], found[2].strip()
        if literal:
            return f"${{{name}}}"
        if name in given:
            return _text(given[name], path)
        if "." in name:
            return _text(_get_att(name, scope, path), path)
        return _text(scope.reference(name, path), path)

    return _VARIABLE.sub(variable, template)


def _select(argument: Any, scope: Scope, path: str) -> Any:
    index, values = int(str(resolve(argument[0], scope, path))), _list(resolve(argument[1], scope, path), path)
    if not 0 <= index < len(values):
        if any(UNKNOWN in str(each) for each in values):
            return UNKNOWN
        raise DeployError(path, f"Fn::Select: there is no item {index} in a list of {len(values)}")
    return values[index]


def _split(argument: Any, scope: Scope, path: str) -> list[str]:
    return _text(resolve(argument[1], scope, path), path).split(argument[0])


def _if(argument: Any, scope: Scope, path: str) -> Any:
    name, when_true, when_false = argument
    return resolve(when_true if scope.condition(name, path) else when_false, scope, path)


def _find_in_map(argument: Any, scope: Scope, path: str) -> Any:
    name, first, second = (resolve(each, scope, path) for each in argument[:3])
    return scope.mapped(name, first, second, path)


def _import(argument: Any, scope: Scope, path: str) -> Any:
    return scope.exported(_text(resolve(argument, scope, path), path), path)


def _base64(argument: Any, scope: Scope, path: str) -> str:
    return base64.b64encode(_text(resolve(argument, scope, path), path).encode()).decode()


def _text(value: Any, path: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise DeployError(path, f"needs a string here, not {value!r}")


def _list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise DeployError(path, f"needs a list here, not {value!r}")
    return value


FUNCTIONS: dict[str, Callable[[Any, Scope, str], Any]] = {
    "Ref": _ref,
    "Fn::Base64": _base64,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
}
