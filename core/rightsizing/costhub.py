"""Cost Optimization Hub's list as recommendations.

Shape: API reference of Cost Optimization Hub, ListRecommendations.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.messages.figures import plain
from core.rightsizing.numbers import finite
from core.rightsizing.recommendation import Action, Money, Recommendation, Source

ENROL = (
    "Cost Optimization Hub is not enrolled in this account; enrol with `aws cost-optimization-hub "
    "update-enrollment-status --status Active --region us-east-1` (free), first recommendations follow within a day"
)

_ACTIONS = {"Rightsize": Action.RIGHTSIZE, "Delete": Action.DELETE, "Stop": Action.STOP}
_KINDS = {"Ec2Instance": "EC2 instance", "SageMakerEndpoint": "SageMaker endpoint"}


def items(entries: Sequence[Mapping[str, Any]]) -> tuple[Recommendation, ...]:
    """Every item of the list."""
    return tuple(_item(entry) for entry in entries)


def _item(entry: Mapping[str, Any]) -> Recommendation:
    action = str(entry.get("actionType") or "")
    kind = str(entry.get("currentResourceType") or "resource")
    amount = finite(entry.get("estimatedMonthlySavings"))
    cost = finite(entry.get("estimatedMonthlyCost"))
    currency = str(entry.get("currencyCode") or "USD")
    arn = str(entry.get("resourceArn") or "")
    name = str(entry.get("resourceId") or arn.rpartition("/")[2] or entry.get("recommendationId") or "")
    facts = (
        f"costs {plain(round(cost, 2))} {currency} a month" if cost is not None else "",
        f"effort {entry['implementationEffort']}" if entry.get("implementationEffort") else "",
        "needs a restart" if entry.get("restartNeeded") else "",
        "cannot be rolled back" if entry.get("rollbackPossible") is False else "",
    )
    return Recommendation(
        source=Source.COST_OPTIMIZATION_HUB,
        action=_ACTIONS.get(action, Action.OTHER),
        kind=_KINDS.get(kind, kind),
        resource=arn or name,
        name=name,
        current=str(entry.get("currentResourceSummary") or ""),
        proposed=str(entry.get("recommendedResourceSummary") or ""),
        saving=None if amount is None else Money(amount, currency),
        saving_percent=finite(entry.get("estimatedSavingsPercentage")),
        detail=action,
        evidence=tuple(fact for fact in facts if fact),
    )
