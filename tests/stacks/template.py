"""Looking things up in a CloudFormation template."""

from collections.abc import Iterator
from typing import Any

Template = dict[str, Any]


def of_type(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Resources of a type by logical id."""
    return {logical: resource for logical, resource in template["Resources"].items() if resource["Type"] == kind}


def properties(template: Template, kind: str) -> list[dict[str, Any]]:
    """The properties of each resource of a type."""
    return [resource["Properties"] for resource in of_type(template, kind).values()]


def named(template: Template, kind: str, start: str) -> tuple[str, dict[str, Any]]:
    """The logical id and properties of the one resource of a type whose logical id begins so."""
    [(logical, resource)] = [entry for entry in of_type(template, kind).items() if entry[0].startswith(start)]
    return logical, resource["Properties"]


def role_statements(template: Template, function: str) -> list[dict[str, Any]]:
    """All that a function's role says."""
    _, role = named(template, "AWS::IAM::Role", f"{function}Role")
    return [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]


def actions(statements: list[dict[str, Any]]) -> set[str]:
    """Every action that the statements name."""
    found: set[str] = set()
    for statement in statements:
        found |= {statement["Action"]} if isinstance(statement["Action"], str) else set(statement["Action"])
    return found


def strings(value: object) -> Iterator[str]:
    """Every string anywhere in a value."""
    match value:
        case str():
            yield value
        case dict():
            for entry in value.values():
                yield from strings(entry)
        case list():
            for entry in value:
                yield from strings(entry)
        case _:
            return
