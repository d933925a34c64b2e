"""What roles are granted, and which of it nobody used: the least privilege that a test suite can show. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.access.policy import like, listed


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One action on one resource that a role's policies allow, as they write them, wildcards included."""

    role: str
    action: str
    resource: str


def granted(roles: Mapping[str, Iterable[Mapping[str, Any]]]) -> tuple[Grant, ...]:
    """Every grant of every role, sorted; `roles` maps an ARN to the statements of the role's policies.

    What a statement excludes (NotAction, NotResource) is granted as `*`.
    """
    found = {
        Grant(role, action, resource)
        for role, statements in roles.items()
        for statement in statements
        if statement["Effect"] == "Allow"
        for action in listed(statement.get("Action", "*"))
        for resource in listed(statement.get("Resource", "*"))
    }
    return tuple(sorted(found))


def unused(grants: Iterable[Grant], used: Iterable[tuple[str, str, str]]) -> tuple[Grant, ...]:
    """The grants that no use (role, action, resource) fell under, in the order given."""
    uses = list(used)
    return tuple(
        grant
        for grant in grants
        if not any(
            role == grant.role and like(grant.action, action, fold=True) and like(grant.resource, resource)
            for role, action, resource in uses
        )
    )
