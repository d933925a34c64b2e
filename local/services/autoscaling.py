"""Application Auto Scaling for SageMaker variants: target tracking that acts on its metric each minute, and activities.

Sources: https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html. AWS says that it scales out fast and in
slowly and not by which alarms; those that it creates compare the last 3 minutes with the target and the last 15 with
90 % of it, and so does this. The alarms themselves are not created.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends

from local.clock import Order
from local.errors import ServiceError
from local.services import seeds
from local.world import World

MINUTE = timedelta(minutes=1)
HIGH_MINUTES, LOW_MINUTES, LOW_SHARE = 3, 15, 0.9
COOLDOWN_SECONDS = 300
MAX_RESULTS = 50  # DescribeScalingActivities
KEPT = timedelta(weeks=6)  # DescribeScalingActivities
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_PREDEFINED = {"SageMakerVariantInvocationsPerInstance": ("InvocationsPerInstance", "Sum")}

Policy = Any
"""moto's FakeApplicationAutoscalingPolicy."""


class Autoscaling:
    """One region's scaling. Targets and policies themselves are moto's."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._activities: list[dict[str, Any]] = []
        self._acted: dict[str, datetime] = {}
        """By resource: when it was scaled last."""
        self._stop: Callable[[], None] | None = None

    def handle(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeScalingActivities, newest first; raises ServiceError."""
        if operation != "DescribeScalingActivities":
            raise ServiceError("NotImplemented", f"Application Auto Scaling {operation} is not served here", 501)
        oldest = (self._world.clock.now() - KEPT).timestamp()
        wanted = [
            each
            for each in reversed(self._activities)
            if each["StartTime"] > oldest
            and all(
                params.get(key) in (None, each[key]) for key in ("ServiceNamespace", "ResourceId", "ScalableDimension")
            )
        ]
        found, token = seeds.page(wanted, params.get("NextToken"), params.get("MaxResults"), MAX_RESULTS)
        return {"ScalingActivities": found} | ({"NextToken": token} if token else {})

    def before(self, operation: str, params: Mapping[str, Any]) -> None:
        """Refuse what would never act."""
        if operation in {"RegisterScalableTarget", "PutScalingPolicy"} and params.get("ScalableDimension") != DIMENSION:
            raise _refused(f"the dimension {params.get('ScalableDimension')}; {DIMENSION} is served")
        if operation == "RegisterScalableTarget":
            self._variant(str(params.get("ResourceId")))
        if operation == "PutScheduledAction":
            raise _refused("scheduled actions")
        if operation == "PutScalingPolicy":
            if params.get("PolicyType") != "TargetTrackingScaling":
                raise _refused(f"{params.get('PolicyType')} policies; TargetTrackingScaling is served")
            configuration = params.get("TargetTrackingScalingPolicyConfiguration") or {}
            kind = (configuration.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
            if kind is not None and kind not in _PREDEFINED:
                raise _refused(f"the metric {kind}; {', '.join(_PREDEFINED)} and customized ones are served")
            if "Metrics" in (configuration.get("CustomizedMetricSpecification") or {}):
                raise _refused("metric math in a customized metric")

    def after(self, operation: str) -> None:
        """Start to act once there is a policy."""
        if operation == "PutScalingPolicy" and self._stop is None:
            now = self._world.clock.now()
            first = now.replace(second=0, microsecond=0) + MINUTE
            self._stop = self._world.clock.every(MINUTE, self._act, first=first, order=Order.ACTIONS)

    def _act(self) -> None:
        with self._world.lock:
            for policy in list(self._backend().policies.values()):
                target = self._backend().targets.get(policy.scalable_dimension, {}).get(policy.resource_id)
                if target is not None:
                    self._track(policy, target)

    def _track(self, policy: Policy, target: Any) -> None:
        variant = self._world.sagemaker.variant(*_names(policy.resource_id))
        if variant is None:
            return  # the endpoint is gone, or busy
        current = int(variant["DesiredInstanceCount"])
        configuration = policy.target_tracking_scaling_policy_configuration
        wanted = min(
            max(self._wanted(configuration, policy.resource_id, current), target.min_capacity), target.max_capacity
        )
        out = wanted > current
        kind = "ScaleOutCooldown" if out else "ScaleInCooldown"
        cooldown = timedelta(seconds=configuration.get(kind, COOLDOWN_SECONDS))
        now = self._world.clock.now()
        last = self._acted.get(policy.resource_id)
        if wanted == current or (not out and configuration.get("DisableScaleIn")) or (last and now - last < cooldown):
            return
        self._acted[policy.resource_id] = now
        self._world.sagemaker.scale(*_names(policy.resource_id), wanted)
        alarm = f"TargetTracking-{policy.resource_id}-Alarm{'High' if out else 'Low'}"
        self._activities.append(
            {
                "ActivityId": self._world.next_id("scaling-activity"),
                "ServiceNamespace": policy.service_namespace,
                "ResourceId": policy.resource_id,
                "ScalableDimension": policy.scalable_dimension,
                "Description": f"Setting desired instance count to {wanted}.",
                "Cause": f"monitor alarm {alarm} in state ALARM triggered policy {policy.policy_name}",
                "StartTime": now.timestamp(),
                "EndTime": now.timestamp(),
                "StatusCode": "Successful",
                "StatusMessage": f"Successfully set desired instance count to {wanted}.",
            }
        )

    def _wanted(self, configuration: Mapping[str, Any], resource: str, current: int) -> int:
        """How many instances bring the metric to its target."""
        aim = float(configuration["TargetValue"])
        values = self._values(configuration, resource)
        high, low = values[-HIGH_MINUTES:], values[-LOW_MINUTES:]
        if None not in high and all(value > aim for value in high if value is not None):
            return math.ceil(current * (high[-1] or 0.0) / aim)
        if None not in low and all(value < aim * LOW_SHARE for value in low if value is not None):
            return min(current, math.ceil(current * max(value or 0.0 for value in low) / aim))
        return current

    def _values(self, configuration: Mapping[str, Any], resource: str) -> list[float | None]:
        """The metric's last minutes, oldest first; None for a minute without data."""
        endpoint, variant = _names(resource)
        custom = configuration.get("CustomizedMetricSpecification")
        kind = (configuration.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
        if custom:
            namespace, name, statistic = custom["Namespace"], custom["MetricName"], custom["Statistic"]
            dimensions = custom.get("Dimensions") or []
        else:
            namespace, (name, statistic) = "AWS/SageMaker", _PREDEFINED[str(kind)]
            dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
        end = self._world.clock.now().replace(second=0, microsecond=0)
        start = end - LOW_MINUTES * MINUTE
        asked = {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions, "Period": 60}
        asked |= {"StartTime": start.timestamp(), "EndTime": end.timestamp(), "Statistics": [statistic]}
        points = self._world.cloudwatch.handle("GetMetricStatistics", asked)["Datapoints"]
        found = {round(float(point["Timestamp"])): float(point[statistic]) for point in points}
        return [found.get(round((start + number * MINUTE).timestamp())) for number in range(LOW_MINUTES)]

    def _variant(self, resource: str) -> None:
        endpoint, variant = _names(resource)
        if not self._world.sagemaker.has_variant(endpoint, variant):
            raise ServiceError("ValidationException", f"SageMaker endpoint variant not found: {resource}")

    def _backend(self) -> Any:
        return applicationautoscaling_backends[self._world.account][self._world.region]


def _names(resource: str) -> tuple[str, str]:
    """`endpoint/E/variant/V` → (E, V)."""
    parts = resource.split("/")
    if len(parts) != 4 or (parts[0], parts[2]) != ("endpoint", "variant"):
        raise ServiceError("ValidationException", f"{resource!r} is not endpoint/NAME/variant/NAME")
    return parts[1], parts[3]


def _refused(what: str) -> ServiceError:
    return ServiceError("NotImplemented", f"the embedded Application Auto Scaling does not serve {what}", 501)
