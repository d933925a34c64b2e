"""CloudFormation properties that an API takes under the same names: converted and checked by botocore's shapes."""

from collections.abc import Mapping
from typing import Any

from botocore.validate import validate_parameters

from local.deployer.properties import Properties
from local.deployer.resources.kind import Context


def request(
    context: Context, p: Properties, service: str, operation: str, *, rename: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The parameters of `operation`: every property that it knows, or that `rename` maps to one of its.

    What it does not know stays untaken. What is inside is for botocore to check when the call is made.
    """
    shape = _shape(context, service, operation)
    renamed = rename or {}
    found: dict[str, Any] = {}
    for name in p.names():
        member = renamed.get(name, name)
        if member in shape.members:
            found[member] = converted(p.take(name), shape.members[member])
    return found


def check(context: Context, service: str, operation: str, params: Mapping[str, Any]) -> None:
    """Raise botocore's ParamValidationError where the API would not accept `params`: for calls that are not made."""
    validate_parameters(params, _shape(context, service, operation))


def converted(value: Any, shape: Any) -> Any:
    """`value` with numbers, strings and booleans turned into what `shape` wants, as CloudFormation does."""
    match shape.type_name:
        case "structure" if isinstance(value, Mapping):
            members = shape.members
            return {key: converted(each, members[key]) if key in members else each for key, each in value.items()}
        case "list" if isinstance(value, list):
            return [converted(each, shape.member) for each in value]
        case "map" if isinstance(value, Mapping):
            return {key: converted(each, shape.value) for key, each in value.items()}
        case "integer" | "long" if isinstance(value, str):
            return int(value) if value.lstrip("-").isdigit() else value
        case "float" | "double" if isinstance(value, str):
            try:
                return float(value)
            except ValueError:
                return value
        case "boolean" if isinstance(value, str):
            return {"true": True, "false": False}.get(value.lower(), value)
        case "string" if isinstance(value, bool):
            return str(value).lower()
        case "string" if isinstance(value, int | float):
            return str(value)
        case _:
            return value


def _shape(context: Context, service: str, operation: str) -> Any:
    return context.client(service).meta.service_model.operation_model(operation).input_shape
