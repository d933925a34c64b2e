"""SageMaker's operations that mlwarden answers, and what it does around those that moto answers."""

from typing import Any

from moto.core.utils import get_service_model
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig, sagemaker_backends

from local.errors import ServiceError
from local.services.sagemaker import guardrails, jobs, notices
from local.services.sagemaker.deployments import Deployments, Target, alarm_state
from local.services.sagemaker.notices import Endpoint
from local.world import World


class SageMaker:
    """One region's endpoints, kept by moto. `jobs` may be changed by tests and demos.

    UpdateRollbackFailed, an endpoint in service with both configurations, is left by another update or by deletion.
    """

    def __init__(self, world: World) -> None:
        FakeEndpointConfig.validate_instance_type = _validate_instance_type  # type: ignore[method-assign, assignment]
        self._world = world
        self._deployments = Deployments(world)
        self.jobs = jobs.seeded(world)

    @property
    def unavailable(self) -> set[str]:
        """The instance types that AWS has none left of: endpoints that ask for one fail."""
        return self._deployments.unavailable

    def handle(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """UpdateEndpoint, DeleteEndpoint and the Inference Recommender's reads; raises ServiceError."""
        match operation:
            case "UpdateEndpoint":
                return self._update(params)
            case "DeleteEndpoint":
                return self._delete(params)
            case "ListInferenceRecommendationsJobs":
                return jobs.listed(self.jobs, params)
            case "DescribeInferenceRecommendationsJob":
                return jobs.described(self.jobs, params)
            case "ListInferenceRecommendationsJobSteps":
                return jobs.steps(self.jobs, params)
            case _:
                raise ServiceError("InvalidAction", f"SageMaker {operation} is not served here")

    def before(self, operation: str, params: dict[str, Any]) -> None:
        """Refuse what SageMaker refuses and moto takes."""
        endpoint = self._endpoints().get(params.get("EndpointName"))
        if endpoint is None:
            return
        if operation == "CreateEndpoint":
            raise _invalid(f'Cannot create already existing endpoint "{endpoint.arn}".')
        if operation == "UpdateEndpointWeightsAndCapacities":
            self._require_settled(endpoint)

    def after(self, operation: str, params: dict[str, Any]) -> None:
        """Let what moto did at once take its time: an endpoint created, or given other weights and capacities."""
        endpoint = self._endpoints().get(params.get("EndpointName"))
        if endpoint and operation == "CreateEndpoint":
            self._deployments.create(endpoint, self._instance_types(endpoint.endpoint_config_name))
        elif endpoint and operation == "UpdateEndpointWeightsAndCapacities":
            self._deployments.scale(endpoint)

    def fail(self, endpoint_name: str, reason: str) -> None:
        """Let an endpoint fail, for scenarios: its status, its FailureReason and the event."""
        with self._world.lock:
            endpoint = self._endpoint(endpoint_name)
            self._deployments.stop(endpoint)
            endpoint.endpoint_status, endpoint.failure_reason = "Failed", reason
            endpoint.last_modified_time = self._world.clock.now().replace(tzinfo=None)
            notices.state_change(self._world, endpoint)

    def complete(self, endpoint_name: str) -> None:
        """Let what an endpoint is in the middle of be over now: CloudFormation waits for it, and its clock stands."""
        with self._world.lock:
            if (endpoint := self._endpoints().get(endpoint_name)) is not None:
                self._deployments.complete(endpoint)

    def traffic(self, endpoint_name: str) -> tuple[tuple[str, float], ...]:
        """The configurations that answer an endpoint's requests now, and their shares; () where there is none."""
        with self._world.lock:
            endpoint = self._endpoints().get(endpoint_name)
            return self._deployments.traffic(endpoint) if endpoint is not None else ()

    def has_variant(self, endpoint_name: str, variant: str) -> bool:
        """Whether an endpoint has a production variant of that name."""
        with self._world.lock:
            endpoint = self._endpoints().get(endpoint_name)
            return endpoint is not None and _variant(endpoint, variant) is not None

    def variant(self, endpoint_name: str, variant: str) -> dict[str, Any] | None:
        """A production variant of an endpoint that is in service; None for others."""
        with self._world.lock:
            endpoint = self._endpoints().get(endpoint_name)
            serves = endpoint is not None and endpoint.endpoint_status == "InService"
            return _variant(endpoint, variant) if serves else None

    def scale(self, endpoint_name: str, variant: str, instances: int) -> None:
        """Give a variant another number of instances, as UpdateEndpointWeightsAndCapacities does."""
        with self._world.lock:
            endpoint = self._endpoint(endpoint_name)
            found = _variant(endpoint, variant)
            if found is not None:
                found["DesiredInstanceCount"] = found["CurrentInstanceCount"] = instances
                self._deployments.scale(endpoint)

    def _update(self, params: dict[str, Any]) -> dict[str, Any]:
        endpoint = self._endpoint(str(params.get("EndpointName")))
        name = str(params.get("EndpointConfigName"))
        config = self._backend().endpoint_configs.get(name)
        if config is None:
            arn = endpoint.arn.replace(f"endpoint/{endpoint.endpoint_name}", f"endpoint-config/{name}")
            raise _invalid(f'Could not find endpoint configuration "{arn}".')
        self._require_settled(endpoint)
        variants = endpoint._process_production_variants(config.production_variants)
        if params.get("RetainAllVariantProperties"):
            excluded = {each["VariantPropertyType"] for each in params.get("ExcludeRetainedVariantProperties") or []}
            _retain(variants, endpoint.production_variants, excluded)
        deployment = params.get("DeploymentConfig")
        if not deployment and params.get("RetainDeploymentConfig"):
            deployment = getattr(endpoint, "last_deployment_config", None)
        counts = [each.get("DesiredInstanceCount", 1) for each in variants]
        try:
            rails = guardrails.read(deployment or {}, counts)
        except guardrails.Refused as error:
            raise _invalid(str(error)) from None
        for alarm in rails.alarms:
            if not alarm_state(self._world, alarm):
                raise _invalid(f"AutoRollbackConfiguration names the alarm {alarm!r}, which does not exist.")
        types, former = self._instance_types(name), self._instance_types(endpoint.endpoint_config_name)
        target = Target(name, variants, types, former, deployment)
        self._deployments.update(endpoint, target, rails)
        return {"EndpointArn": endpoint.arn}

    def _delete(self, params: dict[str, Any]) -> dict[str, Any]:
        endpoint = self._endpoint(str(params.get("EndpointName")))
        if endpoint.endpoint_status in {"Creating", "Updating", "RollingBack", "Deleting"}:
            raise _invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        self._deployments.delete(endpoint, lambda: self._endpoints().pop(endpoint.endpoint_name, None))
        return {}

    def _require_settled(self, endpoint: Endpoint) -> None:
        if endpoint.endpoint_status not in {"InService", "Failed", "UpdateRollbackFailed"}:
            raise _invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')

    def _instance_types(self, config: str) -> frozenset[str]:
        found = self._backend().endpoint_configs.get(config)
        variants = found.production_variants if found is not None else ()
        return frozenset(each["InstanceType"] for each in variants if each.get("InstanceType"))

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


def _validate_instance_type(config: FakeEndpointConfig, instance_type: str) -> None:  # noqa: ARG001  # a method
    """Take the instance types of today's API; moto's own list ends before the G5."""
    types = get_service_model("sagemaker").shape_for("ProductionVariantInstanceType").enum
    if instance_type not in types:
        raise _invalid(
            f"1 validation error detected: Value '{instance_type}' at 'productionVariants.1.member.instanceType' "
            f"failed to satisfy constraint: Member must satisfy enum value set: [{', '.join(types)}]"
        )


def _variant(endpoint: Endpoint, name: str) -> dict[str, Any] | None:
    return next((each for each in endpoint.production_variants if each["VariantName"] == name), None)


def _retain(variants: list[dict[str, Any]], before: list[dict[str, Any]], excluded: set[str]) -> None:
    kept = {variant["VariantName"]: variant for variant in before}
    keys = [
        key
        for key in ("CurrentWeight", "DesiredWeight", "CurrentInstanceCount", "DesiredInstanceCount")
        if key[7:] not in excluded
    ]
    for variant in variants:
        old = kept.get(variant["VariantName"], {})
        variant.update({key: old[key] for key in keys if key in old})


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
