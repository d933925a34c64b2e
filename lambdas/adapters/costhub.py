"""Cost Optimization Hub, read only. Its one endpoint, in us-east-1, answers for all regions.

AWS calls: ListEnrollmentStatuses, ListRecommendations.
"""

from typing import Any

from lambdas.adapters.clients import client

REGION = "us-east-1"


def enrolled() -> bool:
    """Whether this account is."""
    answer = client("cost-optimization-hub", REGION).list_enrollment_statuses()
    return any(item.get("status") == "Active" for item in answer.get("items") or ())


def recommendations() -> list[dict[str, Any]]:
    """The whole list, greatest saving first."""
    pages = (
        client("cost-optimization-hub", REGION)
        .get_paginator("list_recommendations")
        .paginate(orderBy={"dimension": "EstimatedMonthlySavings", "order": "Desc"})
    )
    return [item for page in pages for item in page.get("items") or ()]
