"""Compute Optimizer, read only. It has no paginators for these operations: the tokens are followed here.

AWS calls: GetEnrollmentStatus, GetEC2InstanceRecommendations, GetIdleRecommendations.
"""

from collections.abc import Callable
from typing import Any

from lambdas.adapters.clients import client

MAX_RESULTS = 100  # GetIdleRecommendations
MAX_PAGES = 50

Page = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def enrollment() -> str:
    """Active, Inactive, Pending or Failed."""
    return str(client("compute-optimizer").get_enrollment_status()["status"])


def instances() -> Page:
    """All instance recommendations, and the errors that came inside good answers."""
    return _pages(client("compute-optimizer").get_ec2_instance_recommendations, "instanceRecommendations")


def idle() -> Page:
    """All idle resources, and the errors that came inside good answers."""
    return _pages(client("compute-optimizer").get_idle_recommendations, "idleRecommendations")


def _pages(call: Callable[..., dict[str, Any]], key: str) -> Page:
    entries: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    for _ in range(MAX_PAGES):
        answer = call(maxResults=MAX_RESULTS, **token)
        entries += answer.get(key) or []
        errors += answer.get("errors") or []
        if not answer.get("nextToken"):
            break
        token = {"nextToken": answer["nextToken"]}
    return entries, errors
