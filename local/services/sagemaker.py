"""SageMaker beyond moto: endpoint updates that take their time, the events they give, Inference Recommender's jobs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.utils import get_service_model
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig, sagemaker_backends

from local.clock import Order
from local.errors import ServiceError
from local.services import seeds
from local.world import World

Endpoint = Any
"""moto's FakeEndpoint; what it lacks is put on it under the names that its DescribeEndpoint then shows."""

MAX_RESULTS = 100  # ListInferenceRecommendationsJobs

PROVISIONING = timedelta(minutes=2)
"""How long an update takes to bring up the new fleet, before what its deployment configuration waits for."""

_EVENT_STATUS = {"InService": "IN_SERVICE", "OutOfService": "OUT_OF_SERVICE", "RollingBack": "ROLLING_BACK"}
_SUMMARY = {
    "JobName", "JobDescription", "JobType", "JobArn", "Status", "CreationTime", "CompletionTime", "RoleArn",
    "LastModifiedTime", "FailureReason",
}  # fmt: skip


class SageMaker:
    """One account's endpoints, kept by moto. `jobs` may be changed by tests and demos."""

    def __init__(self, world: World) -> None:
        FakeEndpointConfig.validate_instance_type = _validate_instance_type  # type: ignore[method-assign, assignment]
        self._world = world
        self.jobs: list[dict[str, Any]] = seeds.load("inference-recommender.json", world)["jobs"]
        for job in self.jobs:
            job.setdefault("JobDescription", "")
        self._leaving: dict[str, Any] | None = None

    def handle(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """UpdateEndpoint and the Inference Recommender's reads; raises ServiceError."""
        match operation:
            case "UpdateEndpoint":
                return self._update(params)
            case "ListInferenceRecommendationsJobs":
                return self._list_jobs(params)
            case "DescribeInferenceRecommendationsJob":
                return self._describe_job(str(params.get("JobName")))
            case _:
                raise ServiceError("InvalidAction", f"SageMaker {operation} is not served here")

    def before(self, operation: str, params: dict[str, Any]) -> None:
        """Note what a deletion is about to remove."""
        endpoint = self._endpoints().get(params.get("EndpointName"))
        self._leaving = _detail(endpoint, "DELETING") if operation == "DeleteEndpoint" and endpoint else None

    def after(self, operation: str, params: dict[str, Any]) -> None:
        """Tell of what moto did: an endpoint created, deleted, or given other weights and capacities."""
        endpoint = self._endpoints().get(params.get("EndpointName"))
        if operation == "DeleteEndpoint" and self._leaving is not None:
            self._emit("SageMaker Endpoint State Change", self._leaving)
        elif endpoint and operation == "CreateEndpoint":
            self._state_change(endpoint, "CREATING")
            self._state_change(endpoint)
        elif endpoint and operation == "UpdateEndpointWeightsAndCapacities":
            endpoint.endpoint_status = "InService"
            self._state_change(endpoint, "UPDATING")
            self._state_change(endpoint)

    def fail(self, endpoint_name: str, reason: str) -> None:
        """Let an endpoint fail, for scenarios: its status, its FailureReason and the event."""
        with self._world.lock:
            endpoint = self._endpoint(endpoint_name)
            endpoint.endpoint_status, endpoint.failure_reason = "Failed", reason
            endpoint.last_modified_time = self._now()
            self._state_change(endpoint)

    def serving_config(self, endpoint_name: str) -> str:
        """The configuration that answers an endpoint's requests now; raises ServiceError for an unknown endpoint."""
        with self._world.lock:
            return str(self._endpoint(endpoint_name).endpoint_config_name)

    def _update(self, params: dict[str, Any]) -> dict[str, Any]:
        endpoint = self._endpoint(str(params.get("EndpointName")))
        name = str(params.get("EndpointConfigName"))
        config = self._backend().endpoint_configs.get(name)
        if config is None:
            arn = endpoint.arn.replace(f"endpoint/{endpoint.endpoint_name}", f"endpoint-config/{name}")
            raise _invalid(f'Could not find endpoint configuration "{arn}".')
        if endpoint.endpoint_status not in {"InService", "Failed"}:
            raise _invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        variants = endpoint._process_production_variants(config.production_variants)
        if params.get("RetainAllVariantProperties"):
            _retain(variants, endpoint.production_variants)
        if params.get("DeploymentConfig"):
            deployment = params["DeploymentConfig"]
        else:
            deployment = (
                getattr(endpoint, "last_deployment_config", None) if params.get("RetainDeploymentConfig") else None
            )
        self._begin(endpoint, name, variants, deployment)
        return {"EndpointArn": endpoint.arn}

    def _begin(
        self, endpoint: Endpoint, config: str, variants: list[dict[str, Any]], deployment: dict[str, Any] | None
    ) -> None:
        now = self._now()
        endpoint.endpoint_status, endpoint.failure_reason = "Updating", None
        endpoint.last_modified_time = now
        pending = {"EndpointConfigName": config, "StartTime": now, "ProductionVariants": variants}
        endpoint.pending_deployment_summary = pending
        self._phase(endpoint, pending, "Creating", "Creating the new fleet.")
        self._state_change(endpoint)
        self._deployment_change(endpoint)
        baking, terminating = _waits(deployment or {})
        clock, start = self._world.clock, self._world.clock.now()

        def bake() -> None:
            with self._world.lock:
                if endpoint.pending_deployment_summary is pending:
                    text = f"Baking for {int(baking.total_seconds())} seconds with traffic enabled on the new fleet."
                    self._phase(endpoint, pending, "Baking", text)
                    self._deployment_change(endpoint)

        def finish() -> None:
            with self._world.lock:
                if endpoint.pending_deployment_summary is pending:
                    self._finish(endpoint, config, variants, deployment)

        if baking:
            clock.schedule(start + PROVISIONING, bake, Order.ACTIONS)
        clock.schedule(start + PROVISIONING + baking + terminating, finish, Order.ACTIONS)

    def _finish(
        self, endpoint: Endpoint, config: str, variants: list[dict[str, Any]], deployment: dict[str, Any] | None
    ) -> None:
        for variant in variants:
            variant.pop("VariantStatus", None)
        endpoint.endpoint_config_name, endpoint.production_variants = config, variants
        endpoint.endpoint_status, endpoint.last_modified_time = "InService", self._now()
        endpoint.pending_deployment_summary = None
        endpoint.last_deployment_config = deployment
        self._state_change(endpoint)
        self._deployment_change(endpoint)

    def _phase(self, endpoint: Endpoint, pending: dict[str, Any], status: str, message: str) -> None:
        now = self._now()
        for variant in pending["ProductionVariants"]:
            variant["VariantStatus"] = [{"Status": status, "StatusMessage": message, "StartTime": now}]
        endpoint.last_modified_time = now

    def _state_change(self, endpoint: Endpoint, status: str = "") -> None:
        self._emit("SageMaker Endpoint State Change", _detail(endpoint, status))

    def _deployment_change(self, endpoint: Endpoint) -> None:
        detail = _detail(endpoint) | {"ProductionVariants": [_numbers(v) for v in endpoint.production_variants]}
        pending = getattr(endpoint, "pending_deployment_summary", None)
        if pending is not None:
            detail["PendingDeploymentSummary"] = _numbers(pending)
        self._emit("SageMaker Endpoint Deployment State Change", detail)

    def _emit(self, detail_type: str, detail: dict[str, Any]) -> None:
        self._world.events.put(
            source="aws.sagemaker", detail_type=detail_type, detail=detail, resources=[detail["EndpointArn"]]
        )

    def _list_jobs(self, params: dict[str, Any]) -> dict[str, Any]:
        wanted = [
            job
            for job in self.jobs
            if params.get("StatusEquals", job["Status"]) == job["Status"]
            and params.get("NameContains", "") in job["JobName"]
            and params.get("CreationTimeAfter", 0) <= job["CreationTime"] <= params.get("CreationTimeBefore", 1e12)
        ]
        wanted.sort(key=lambda job: job["CreationTime"], reverse=params.get("SortOrder", "Descending") == "Descending")
        found, token = seeds.page(wanted, params.get("NextToken"), params.get("MaxResults"), MAX_RESULTS)
        summaries = [{key: value for key, value in job.items() if key in _SUMMARY} for job in found]
        return {"InferenceRecommendationsJobs": summaries} | ({"NextToken": token} if token else {})

    def _describe_job(self, name: str) -> dict[str, Any]:
        for job in self.jobs:
            if job["JobName"] == name:
                return job
        raise ServiceError("ResourceNotFound", f"Could not find inference recommendations job {name!r}.")

    def _endpoint(self, name: str) -> Endpoint:
        endpoint = self._endpoints().get(name)
        if endpoint is None:
            arn = FakeEndpoint.arn_formatter(name, self._world.account, self._world.region)
            raise _invalid(f'Could not find endpoint "{arn}".')
        return endpoint

    def _endpoints(self) -> dict[Any, Endpoint]:
        return self._backend().endpoints  # type: ignore[no-any-return]

    def _backend(self) -> Any:
        return sagemaker_backends[self._world.account][self._world.region]

    def _now(self) -> datetime:
        """The present as moto keeps it: UTC without saying so."""
        return self._world.clock.now().replace(tzinfo=None)


def _validate_instance_type(config: FakeEndpointConfig, instance_type: str) -> None:  # noqa: ARG001  # a method
    """Take the instance types of today's API; moto's own list ends before the G5."""
    types = get_service_model("sagemaker").shape_for("ProductionVariantInstanceType").enum
    if instance_type not in types:
        raise _invalid(
            f"1 validation error detected: Value '{instance_type}' at 'productionVariants.1.member.instanceType' "
            f"failed to satisfy constraint: Member must satisfy enum value set: [{', '.join(types)}]"
        )


def _waits(deployment: dict[str, Any]) -> tuple[timedelta, timedelta]:
    """How long a blue/green deployment bakes, and how long it keeps the old fleet afterwards."""
    policy = deployment.get("BlueGreenUpdatePolicy") or {}
    routing = policy.get("TrafficRoutingConfiguration") or {}
    bakes = {"CANARY": 1, "LINEAR": 100 // (routing.get("LinearStepSize") or {}).get("Value", 50) - 1}
    baking = bakes.get(routing.get("Type", ""), 0) * routing.get("WaitIntervalInSeconds", 0)
    return timedelta(seconds=baking), timedelta(seconds=policy.get("TerminationWaitInSeconds", 0))


def _retain(variants: list[dict[str, Any]], before: list[dict[str, Any]]) -> None:
    kept = {variant["VariantName"]: variant for variant in before}
    for variant in variants:
        old = kept.get(variant["VariantName"], {})
        keys = ("CurrentWeight", "DesiredWeight", "CurrentInstanceCount", "DesiredInstanceCount")
        variant.update({key: old[key] for key in keys if key in old})


def _detail(endpoint: Endpoint, status: str = "") -> dict[str, Any]:
    """An endpoint as its state-change event has it: upper-case status, instants as epoch milliseconds."""
    api_status = endpoint.endpoint_status
    detail = {
        "EndpointName": endpoint.endpoint_name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": endpoint.endpoint_config_name,
        "ProductionVariants": [
            {
                "DesiredWeight": float(variant.get("DesiredWeight", 1)),
                "DesiredInstanceCount": float(variant.get("DesiredInstanceCount", 1)),
            }
            for variant in endpoint.production_variants
        ],
        "EndpointStatus": status or _EVENT_STATUS.get(api_status, api_status.upper()),
        "CreationTime": _milliseconds(endpoint.creation_time),
        "LastModifiedTime": _milliseconds(endpoint.last_modified_time),
        "Tags": {tag["Key"]: tag["Value"] for tag in endpoint.tags},
    }
    if endpoint.failure_reason:
        detail["FailureReason"] = endpoint.failure_reason
    return detail


def _numbers(value: Any) -> Any:
    if isinstance(value, datetime):
        return _milliseconds(value)
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return value


def _milliseconds(instant: datetime) -> float:
    return instant.replace(tzinfo=UTC).timestamp() * 1000


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
