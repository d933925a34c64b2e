"""What an UpdateEndpoint's deployment configuration makes of an update: its phases and its alarms. Pure.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html and the API reference's
DeploymentConfig, BlueGreenUpdatePolicy and RollingUpdatePolicy.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

PROVISIONING = timedelta(minutes=2)
"""How long instances take to come up; AWS publishes no figure."""

_LIMITS = {"CanarySize": (0, 50), "LinearStepSize": (10, 50), "MaximumBatchSize": (5, 50)}
"""Percent of the variant's instances that a step may be, by the API reference."""


class Refused(ValueError):
    """A deployment configuration that SageMaker would refuse."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of an update: the variants' status, how long it lasts, the new fleet's share of the traffic."""

    status: str
    message: str
    lasts: timedelta
    share: float


@dataclass(frozen=True, slots=True)
class Guardrails:
    """A deployment's phases in order, the alarms that roll it back, and how long it may take altogether.

    A `rolling` one gives up instances of the old fleet as it goes.
    """

    phases: tuple[Phase, ...]
    alarms: tuple[str, ...] = ()
    timeout: timedelta | None = None
    rolling: bool = False


def read(deployment: Mapping[str, Any], instances: Sequence[int]) -> Guardrails:
    """The guardrails of a DeploymentConfig ({}: all at once) for variants of so many instances; raises Refused."""
    blue_green, rolling = deployment.get("BlueGreenUpdatePolicy"), deployment.get("RollingUpdatePolicy")
    if blue_green and rolling:
        raise Refused("DeploymentConfig has BlueGreenUpdatePolicy and RollingUpdatePolicy; give one of them.")
    policy = rolling or blue_green or {}
    limit = policy.get("MaximumExecutionTimeoutInSeconds")
    smallest = min(instances, default=1)
    return Guardrails(
        phases=_rolling(rolling, smallest) if rolling else _blue_green(policy, smallest),
        alarms=tuple(each["AlarmName"] for each in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])),
        timeout=timedelta(seconds=limit) if limit else None,
        rolling=bool(rolling),
    )


def instances(share: float, of: int) -> int:
    """How many of a fleet's instances a share of it is, rounded up."""
    return math.ceil(share * of - 1e-9)


def _blue_green(policy: Mapping[str, Any], fleet: int) -> tuple[Phase, ...]:
    routing = policy.get("TrafficRoutingConfiguration") or {"Type": "ALL_AT_ONCE"}
    wait = timedelta(seconds=routing.get("WaitIntervalInSeconds", 0))
    shares: list[float]
    match routing.get("Type"):
        case "ALL_AT_ONCE":
            shares = []
        case "CANARY":
            shares = [_fraction(routing, "CanarySize", fleet)]
        case "LINEAR":
            step = _fraction(routing, "LinearStepSize", fleet)
            shares = [step * number for number in range(1, math.ceil(1 / step - 1e-9))]
        case other:
            raise Refused(f"TrafficRoutingConfiguration.Type is {other!r}; known are ALL_AT_ONCE, CANARY and LINEAR.")
    found = [Phase("Creating", "Creating the new fleet.", PROVISIONING, 0.0)]
    canary = f"canary capacity of {instances(shares[0], fleet)} instance(s)" if routing["Type"] == "CANARY" else ""
    found += [_baking(wait, "WaitIntervalInSeconds", share, canary) for share in shares]
    ending = timedelta(seconds=policy.get("TerminationWaitInSeconds", 0))
    if ending:
        found.append(_baking(ending, "TerminationWaitInSeconds", 1.0))
    return tuple(found)


def _rolling(policy: Mapping[str, Any], instances: int) -> tuple[Phase, ...]:
    step = _fraction(policy, "MaximumBatchSize", instances)
    wait = timedelta(seconds=policy.get("WaitIntervalInSeconds", 0))
    found: list[Phase] = []
    for number in range(1, math.ceil(1 / step - 1e-9) + 1):
        share = min(1.0, step * number)
        text = f"Creating batch {number} of the new fleet."
        found.append(Phase("Creating", text, PROVISIONING, step * (number - 1)))
        found.append(_baking(wait, "WaitIntervalInSeconds", share))
    return tuple(found)


def _baking(wait: timedelta, name: str, share: float, what: str = "") -> Phase:
    """`what` has traffic; the words for a canary are AWS's, the others ours."""
    seconds = int(wait.total_seconds())
    enabled = what or f"{share:.0%} of the new fleet's capacity"
    return Phase("Baking", f"Baking for {seconds} seconds ({name}) with traffic enabled on {enabled}.", wait, share)


def _fraction(policy: Mapping[str, Any], name: str, instances: int) -> float:
    """A CapacitySize as a share of the fleet: at least one instance, within the API's limits."""
    size = policy.get(name)
    if not size:
        raise Refused(f"{name} is required for this kind of deployment.")
    low, high = _LIMITS[name]
    value = size.get("Value", 0)
    match size.get("Type"):
        case "INSTANCE_COUNT":
            wanted, count = value / instances, value
        case "CAPACITY_PERCENT":
            wanted, count = value / 100, math.ceil(instances * value / 100)
        case other:
            raise Refused(f"{name}.Type is {other!r}; known are INSTANCE_COUNT and CAPACITY_PERCENT.")
    if value < 1 or (instances > 1 and not low / 100 <= wanted <= high / 100):
        raise Refused(f"{name} must be {low}-{high} percent of the variant's instance count, {instances}.")
    return min(1.0, float(count) / instances)
