"""SageMaker's events about endpoints, as the documented samples have them.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
"""

import re
from datetime import UTC, datetime
from typing import Any

from local.world import World

Endpoint = Any
"""moto's FakeEndpoint; what it lacks is put on it under the names that its DescribeEndpoint then shows."""

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


def state_change(world: World, endpoint: Endpoint) -> None:
    """Tell that an endpoint has another status."""
    _emit(world, "SageMaker Endpoint State Change", _detail(endpoint))


def deployment_change(world: World, endpoint: Endpoint) -> None:
    """Tell that a deployment went a step further."""
    detail = _detail(endpoint) | {"ProductionVariants": endpoint.production_variants}
    pending = getattr(endpoint, "pending_deployment_summary", None)
    if pending is not None:
        detail["PendingDeploymentSummary"] = pending
    _emit(world, "SageMaker Endpoint Deployment State Change", _whole(detail))


def _emit(world: World, detail_type: str, detail: dict[str, Any]) -> None:
    world.events.put(source="aws.sagemaker", detail_type=detail_type, detail=detail, resources=[detail["EndpointArn"]])


def _detail(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint: upper-case status, numbers with a decimal point, instants as epoch milliseconds."""
    status = endpoint.endpoint_status
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
        "EndpointStatus": _WORD.sub("_", status).upper(),
        "CreationTime": _milliseconds(endpoint.creation_time),
        "LastModifiedTime": _milliseconds(endpoint.last_modified_time),
        "Tags": {tag["Key"]: tag["Value"] for tag in endpoint.tags},
    }
    if endpoint.failure_reason:
        detail["FailureReason"] = endpoint.failure_reason
    return detail


def _whole(value: Any) -> Any:
    """Whole numbers without a decimal point, as events about deployments have them; instants likewise."""
    if isinstance(value, datetime):
        return _whole(_milliseconds(value))
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _milliseconds(instant: datetime) -> float:
    return float(round(instant.replace(tzinfo=UTC).timestamp() * 1000))
