"""The policy evaluator: statements and a request in, a decision with its reason out. Pure.

Source of the rules: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from local.access.conditions import PolicyError, holds

_ELEMENTS = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}


class Verdict(StrEnum):
    """What a set of statements says about one request."""

    ALLOWED = "allowed"
    DELEGATED = "delegated to the account's IAM policies"
    UNMENTIONED = "implicitly denied"
    DENIED = "explicitly denied"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a service (`sns.amazonaws.com`) or a role (its ARN), and its account."""

    name: str
    account: str

    @property
    def is_service(self) -> bool:
        """Whether an AWS service asks in its own name."""
        return not self.name.startswith("arn:")


@dataclass(frozen=True, slots=True)
class Request:
    """One action on one resource. `context` maps condition keys (any case) to their values."""

    action: str
    resource: str
    principal: Principal
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and the Sid or number of the statement that made it; "" where none matched."""

    verdict: Verdict
    statement: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the statements by themselves let the request through."""
        return self.verdict is Verdict.ALLOWED


def statements(document: str | bytes | Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The statements of a policy document. Raises PolicyError for an element that is not IAM's."""
    parsed = json.loads(document) if isinstance(document, str | bytes) else document
    found = parsed.get("Statement", [])
    found = [found] if isinstance(found, dict) else found
    for number, statement in enumerate(found):
        if unknown := sorted(statement.keys() - _ELEMENTS):
            raise PolicyError(f"statement {number}: unknown element {unknown[0]}; known: {sorted(_ELEMENTS)}")
    return tuple(found)


def evaluate(policy: Iterable[Mapping[str, Any]], request: Request, *, of_resource: bool) -> Decision:
    """Decide `request` by the statements of identity policies, or (`of_resource`) of one resource's policy.

    An explicit deny wins over every allow. In a resource's policy a principal must match; a match of the whole
    account only (`arn:aws:iam::ACCOUNT:root`) delegates the decision to the account's identity policies.
    """
    best = Decision(Verdict.UNMENTIONED)
    for number, statement in enumerate(policy):
        match = _principal(statement, request.principal) if of_resource else Verdict.ALLOWED
        if match is Verdict.UNMENTIONED or not _applies(statement, request):
            continue
        name = str(statement.get("Sid") or f"statement {number}")
        if statement["Effect"] == "Deny":
            return Decision(Verdict.DENIED, name)
        if best.verdict is not Verdict.ALLOWED:
            best = Decision(match, name)
    return best


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    return (
        _matches(statement, "Action", request.action, fold=True)
        and _matches(statement, "Resource", request.resource, fold=False)
        and holds(statement.get("Condition", {}), request.context)
    )


def _matches(statement: Mapping[str, Any], element: str, value: str, *, fold: bool) -> bool:
    if element in statement:
        return any(like(pattern, value, fold=fold) for pattern in listed(statement[element]))
    if f"Not{element}" in statement:
        return not any(like(pattern, value, fold=fold) for pattern in listed(statement[f"Not{element}"]))
    return element == "Resource"  # a trust policy names no resource


def _principal(statement: Mapping[str, Any], principal: Principal) -> Verdict:
    """ALLOWED for a direct match, DELEGATED for a match of the account, UNMENTIONED for none."""
    if "NotPrincipal" in statement:
        excluded = _match(statement["NotPrincipal"], principal)
        return Verdict.ALLOWED if excluded is Verdict.UNMENTIONED else Verdict.UNMENTIONED
    return _match(statement.get("Principal", {}), principal)


def _match(element: Any, principal: Principal) -> Verdict:
    if element == "*":
        return Verdict.ALLOWED
    if principal.is_service and principal.name in listed(element.get("Service", [])):
        return Verdict.ALLOWED
    accounts = listed(element.get("AWS", []))
    if "*" in accounts or principal.name in accounts:
        return Verdict.ALLOWED
    whole = {principal.account, f"arn:aws:iam::{principal.account}:root"}
    if not principal.is_service and whole & set(accounts):
        return Verdict.DELEGATED
    return Verdict.UNMENTIONED


def listed(value: Any) -> list[str]:
    """IAM lets every list of one be a plain string."""
    return [value] if isinstance(value, str) else list(value)


def like(pattern: str, value: str, *, fold: bool = False) -> bool:
    """Whether `value` matches `pattern`, in which `*` and `?` are wildcards."""
    return _compiled(pattern, fold).fullmatch(value) is not None


@cache
def _compiled(pattern: str, fold: bool) -> re.Pattern[str]:
    body = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(body, re.DOTALL | (re.IGNORECASE if fold else 0))
