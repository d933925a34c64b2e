"""Holds parameters against a service's model: their types, and the constraints that AWS's front end checks first."""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from local.errors import ServiceError
from local.protocols import patterns

Fits = Callable[[Any], bool]

_NUMBERS = {"float", "double"}
_WHOLE = {"integer", "long", "short", "byte"}

OWN_RULES = frozenset(
    {
        "PutMetricData",
        "GetMetricStatistics",
        "ListMetrics",
        "GetMetricWidgetImage",
        "PutDashboard",
        "GetDashboard",
        "ListDashboards",
        "DeleteDashboards",
    }
)
"""CloudWatch's operations that answer with messages of their own (`The parameter Namespace is required.`)."""


def check_types(operation: OperationModel, params: Mapping[str, Any]) -> None:
    """Raise ServiceError (SerializationException) for the first value that is not of its member's type."""
    if operation.input_shape is not None and not _fitting(operation)(params):
        for problem in _mistyped(operation.input_shape, params, ""):
            raise ServiceError("SerializationException", problem)


def check_constraints(operation: OperationModel, params: Mapping[str, Any]) -> None:
    """Raise ServiceError (ValidationError) with every constraint of the model that does not hold.

    Types must have been checked.
    """
    if (shape := operation.input_shape) is not None:
        _refuse("ValidationError", [*_unsatisfied(shape, params, ""), *patterns.unmatched(shape, params, "")])


def check_whole(operation: OperationModel, params: Mapping[str, Any]) -> None:
    """Check types, constraints and patterns for a service whose errors are ValidationExceptions."""
    check_types(operation, params)
    if (shape := operation.input_shape) is not None:
        _refuse("ValidationException", [*_unsatisfied(shape, params, ""), *patterns.unmatched(shape, params, "")])


def _refuse(code: str, found: list[str]) -> None:
    if found:
        count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: "
        raise ServiceError(code, count + "; ".join(found))


@cache
def _fitting(operation: OperationModel) -> Fits:
    """Whether parameters are of their members' types: what `_mistyped` says nothing of, many times faster."""
    return _fits(operation.input_shape, {}) if operation.input_shape is not None else lambda _: True


def _fits(shape: Shape, made: dict[str, Fits]) -> Fits:
    """`made`, by shape name, ends the recursion of shapes that hold themselves."""

    def fits(value: Any) -> bool:
        return made[shape.name](value)

    if shape.name not in made:
        made[shape.name] = fits
        made[shape.name] = _fits_anew(shape, made)
    return made[shape.name]


def _fits_anew(shape: Shape, made: dict[str, Fits]) -> Fits:
    if isinstance(shape, StructureShape):
        members = {name: _fits(member, made) for name, member in shape.members.items()}

        def is_structure(value: Any) -> bool:
            if not isinstance(value, dict):
                return False
            for name, each in value.items():
                if each is not None and name in members and not members[name](each):
                    return False
            return True

        return is_structure
    if isinstance(shape, ListShape):
        member = _fits(shape.member, made)
        return lambda value: isinstance(value, list) and all(map(member, value))
    if isinstance(shape, MapShape):
        each_value = _fits(shape.value, made)
        return lambda value: isinstance(value, dict) and all(map(each_value, value.values()))
    if shape.type_name == "string":
        return lambda value: isinstance(value, str)
    kind = shape.type_name
    return lambda value: _is_scalar(kind, value)


def _mistyped(shape: Shape, value: Any, path: str) -> Iterator[str]:
    kind = shape.type_name
    if isinstance(shape, StructureShape):
        if not isinstance(value, Mapping):
            yield _expected("an object", value, path)
            return
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _mistyped(member, value[name], f"{path}.{name}" if path else name)
    elif isinstance(shape, ListShape):
        if not isinstance(value, list):
            yield _expected("a list", value, path)
            return
        for number, each in enumerate(value, start=1):
            yield from _mistyped(shape.member, each, f"{path}.{number}")
    elif isinstance(shape, MapShape):
        if not isinstance(value, Mapping):
            yield _expected("an object", value, path)
            return
        for key, each in value.items():
            yield from _mistyped(shape.value, each, f"{path}.{key}")
    elif not _is_scalar(kind, value):
        yield _expected(f"a {kind}", value, path)


def _is_scalar(kind: str, value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in _NUMBERS:
        return is_number or value in ("NaN", "Infinity", "-Infinity")
    if kind in _WHOLE:
        return is_number and math.isfinite(value) and value == int(value)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "timestamp":
        return is_number or isinstance(value, str | datetime)
    if kind == "blob":
        return isinstance(value, str | bytes)
    return kind != "string" or isinstance(value, str)


def _expected(what: str, value: Any, path: str) -> str:
    return f"{path or 'the request'}: expected {what}, got {type(value).__name__} {value!r:.80}"


def _unsatisfied(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            if value.get(name) is None:
                where = _member(path, name)
                yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _unsatisfied(member, value[name], _member(path, name))
        return
    if isinstance(shape, ListShape):
        yield from _length(shape, value, path)
        for number, each in enumerate(value, start=1):
            yield from _unsatisfied(shape.member, each, f"{path}.{number}.member")
        return
    if isinstance(shape, MapShape):
        yield from _length(shape, value, path)
        for key, each in value.items():
            yield from _unsatisfied(shape.value, each, f"{path}.{key}.member")
        return
    if shape.type_name == "string":
        yield from _length(shape, value, path)
        allowed = getattr(shape, "enum", None)
        if allowed and value not in allowed:
            listed = ", ".join(allowed)
            yield _failed(value, path, f"Member must satisfy enum value set: [{listed}]")
    elif shape.type_name in _WHOLE | _NUMBERS and not isinstance(value, str):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and value < least:
            yield _failed(value, path, f"Member must have value greater than or equal to {least}")
        if most is not None and value > most:
            yield _failed(value, path, f"Member must have value less than or equal to {most}")


def _length(shape: Shape, value: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and len(value) < least:
        yield _failed(value, path, f"Member must have length greater than or equal to {least}")
    if most is not None and len(value) > most:
        yield _failed(value, path, f"Member must have length less than or equal to {most}")


def _failed(value: Any, path: str, constraint: str) -> str:
    shown = f"[{', '.join(str(each) for each in value)}]" if isinstance(value, list) else value
    return f"Value '{shown!s:.1024}' at '{path}' failed to satisfy constraint: {constraint}"


def _member(path: str, name: str) -> str:
    """A member as AWS's messages name it: `metrics.1.member.metricStat`."""
    own = name[:1].lower() + name[1:]
    return f"{path}.{own}" if path else own
