"""A double of Compute Optimizer: enrollment, and seeded recommendations once the account is enrolled."""

from typing import Any

from local.errors import ServiceError
from local.services import seeds
from local.world import World

MAX_RESULTS = 1000  # GetEC2InstanceRecommendations
MAX_IDLE_RESULTS = 100  # GetIdleRecommendations

NOT_ENROLLED = (
    "Aws account is not registered for recommendations. Opt in with UpdateEnrollmentStatus, or in the console."
)


class ComputeOptimizer:
    """One account's Compute Optimizer, not enrolled at first. `recommendations` may be changed by tests and demos."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._status = "Inactive"
        self._changed = world.clock.now()
        seeded = seeds.load("compute-optimizer.json", world)
        self.instances: list[dict[str, Any]] = seeded["instanceRecommendations"]
        self.idle: list[dict[str, Any]] = seeded["idleRecommendations"]

    def handle(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Answer an operation; raises ServiceError, OptInRequiredException until the account is enrolled."""
        match operation:
            case "GetEnrollmentStatus":
                return {
                    "status": self._status,
                    "statusReason": "",
                    "memberAccountsEnrolled": False,
                    "lastUpdatedTimestamp": self._changed.timestamp(),
                    "numberOfMemberAccountsOptedIn": 0,
                }
            case "UpdateEnrollmentStatus":
                return self._enroll(params)
            case "GetEC2InstanceRecommendations":
                self._require_enrollment()
                return self._list("instanceRecommendations", "instanceArn", self.instances, params, MAX_RESULTS)
            case "GetIdleRecommendations":
                self._require_enrollment()
                return self._list("idleRecommendations", "resourceArn", self.idle, params, MAX_IDLE_RESULTS)
            case _:
                raise ServiceError("InvalidAction", f"the embedded Compute Optimizer does not serve {operation}")

    def _enroll(self, params: dict[str, Any]) -> dict[str, Any]:
        status = params.get("status")
        if status not in {"Active", "Inactive"}:
            raise ServiceError("InvalidParameterValueException", f"status: {status!r} is neither Active nor Inactive")
        self._status, self._changed = str(status), self._world.clock.now()
        return {"status": status, "statusReason": ""}

    def _require_enrollment(self) -> None:
        if self._status != "Active":
            raise ServiceError("OptInRequiredException", NOT_ENROLLED, 403)

    def _list(
        self, key: str, arn: str, items: list[dict[str, Any]], params: dict[str, Any], largest: int
    ) -> dict[str, Any]:
        arns = params.get(f"{arn}s")
        wanted = [item for item in items if not arns or item[arn] in arns]
        for filtered in params.get("filters") or []:
            name = {"Finding": "finding", "ResourceType": "resourceType"}.get(filtered["name"], "")
            wanted = [item for item in wanted if not name or item.get(name) in filtered["values"]]
        found, token = seeds.page(wanted, params.get("nextToken"), params.get("maxResults"), largest)
        answer: dict[str, Any] = {key: found, "errors": []}
        return answer | ({"nextToken": token} if token else {})
