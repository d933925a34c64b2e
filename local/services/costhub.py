"""A double of Cost Optimization Hub: enrollment, and seeded recommendations once the account is enrolled."""

from typing import Any

from local.errors import ServiceError
from local.services import seeds
from local.world import World

MAX_RESULTS = 1000  # ListRecommendations

NOT_ENROLLED = "The account is not enrolled in Cost Optimization Hub; enroll with UpdateEnrollmentStatus."

_FILTERS = {
    "accountIds": "accountId",
    "actionTypes": "actionType",
    "implementationEfforts": "implementationEffort",
    "recommendationIds": "recommendationId",
    "regions": "region",
    "resourceArns": "resourceArn",
    "resourceIds": "resourceId",
    "resourceTypes": "currentResourceType",
}


class CostHub:
    """One account's hub, not enrolled at first. `items` may be changed by tests and demos."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._status = "Inactive"
        self._changed = world.clock.now()
        self.items: list[dict[str, Any]] = seeds.load("cost-optimization-hub.json", world)["items"]

    def handle(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Answer an operation; raises ServiceError, AccessDeniedException until the account is enrolled."""
        match operation:
            case "ListEnrollmentStatuses":
                return {"items": [self._enrollment()], "includeMemberAccounts": False}
            case "UpdateEnrollmentStatus":
                if params.get("status") not in {"Active", "Inactive"}:
                    raise ServiceError(
                        "ValidationException", f"status: {params.get('status')!r} is neither Active nor Inactive"
                    )
                self._status, self._changed = str(params["status"]), self._world.clock.now()
                return {"status": self._status}
            case "ListRecommendations":
                return self._list(params)
            case _:
                raise ServiceError("InvalidAction", f"the embedded Cost Optimization Hub does not serve {operation}")

    def _enrollment(self) -> dict[str, Any]:
        return {
            "accountId": self._world.account,
            "status": self._status,
            "lastUpdatedTimestamp": self._changed.timestamp(),
            "createdTimestamp": self._changed.timestamp(),
        }

    def _list(self, params: dict[str, Any]) -> dict[str, Any]:
        if self._status != "Active":
            raise ServiceError("AccessDeniedException", NOT_ENROLLED, 400)
        wanted = list(self.items)
        for name, values in (params.get("filter") or {}).items():
            if key := _FILTERS.get(name):
                wanted = [item for item in wanted if item.get(key) in values]
        order = params.get("orderBy") or {}
        if order.get("dimension", "EstimatedMonthlySavings") == "EstimatedMonthlySavings":
            wanted.sort(key=lambda item: item["estimatedMonthlySavings"], reverse=order.get("order", "Desc") == "Desc")
        found, token = seeds.page(wanted, params.get("nextToken"), params.get("maxResults"), MAX_RESULTS)
        return {"items": found} | ({"nextToken": token} if token else {})
