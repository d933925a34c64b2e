"""The endpoint state machine: creation, updates under guardrails, rollback, scaling and deletion, on the clock.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html (EndpointStatus) and
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html. How long each status lasts is
ours: AWS publishes no figure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.clock import Order
from local.services.sagemaker import guardrails, notices
from local.services.sagemaker.guardrails import Guardrails, Phase
from local.services.sagemaker.notices import Endpoint
from local.services.sagemaker.timeline import Step, Timeline
from local.world import World

CREATING = timedelta(minutes=3)
SCALING = timedelta(minutes=2)
ROLLING_BACK = timedelta(minutes=1)
DELETING = timedelta(minutes=1)
MINUTE = timedelta(minutes=1)

NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
    "Please retry using a different ML instance type or after some time."
)


@dataclass(frozen=True, slots=True)
class Target:
    """What an update goes to. `instance_types` are the configuration's, `former_types` those of the one before."""

    config: str
    variants: list[dict[str, Any]]
    instance_types: frozenset[str]
    former_types: frozenset[str]
    deployment: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Update:
    """An update under way."""

    endpoint: Endpoint
    target: Target
    rails: Guardrails


class Deployments:
    """What endpoints of one region are in the middle of. Call it with the world's lock held.

    `unavailable` are the instance types that AWS has none left of.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._running: dict[str, Timeline] = {}
        self._shares: dict[str, tuple[str, float]] = {}
        """By endpoint: the configuration that is being rolled out, and its share of the traffic."""
        self.unavailable: set[str] = set()

    def create(self, endpoint: Endpoint, instance_types: frozenset[str]) -> None:
        """Creating, then InService, or Failed where there is no capacity."""
        self._status(endpoint, "Creating")

        def created() -> None:
            if instance_types & self.unavailable:
                self._status(endpoint, "Failed", NO_CAPACITY)
            else:
                self._status(endpoint, "InService")

        self._run(endpoint, Step(CREATING, created))

    def delete(self, endpoint: Endpoint, gone: Callable[[], object]) -> None:
        """Deleting, and `gone` at its end."""
        self.stop(endpoint)
        self._status(endpoint, "Deleting")
        self._run(endpoint, Step(DELETING, gone))

    def scale(self, endpoint: Endpoint) -> None:
        """Updating while weights and capacities change, then InService."""
        self._status(endpoint, "Updating")
        self._run(endpoint, Step(SCALING, lambda: self._status(endpoint, "InService")))

    def update(self, endpoint: Endpoint, target: Target, rails: Guardrails) -> None:
        """Updating through the guardrails' phases; back to the old configuration when one of its alarms fires."""
        now = self._now()
        pending = {"EndpointConfigName": target.config, "StartTime": now, "ProductionVariants": target.variants}
        endpoint.pending_deployment_summary = pending
        first, *others = rails.phases
        self._enter(endpoint, target.config, first)
        self._status(endpoint, "Updating")
        notices.deployment_change(self._world, endpoint)
        update = _Update(endpoint, target, rails)

        def provisioned(phase: Phase | None) -> None:
            if target.instance_types & self.unavailable:
                self._roll_back(update, NO_CAPACITY)
            elif not self._fired(update) and phase is not None:
                self._enter(endpoint, target.config, phase)
                notices.deployment_change(self._world, endpoint)
            elif phase is None and endpoint.endpoint_status == "Updating":
                self._finish(endpoint, target)

        waits = [phase.lasts for phase in rails.phases]
        steps = [
            Step(wait, lambda phase=phase: provisioned(phase))  # type: ignore[misc]
            for wait, phase in zip(waits, [*others, None], strict=True)
        ]
        timeline = self._run(endpoint, *steps)
        self._watch(update, timeline)

    def complete(self, endpoint: Endpoint) -> None:
        """Let what an endpoint is in the middle of be over at once, for callers that cannot wait."""
        while (timeline := self._running.get(endpoint.endpoint_name)) is not None and not timeline.done:
            timeline.complete()

    def stop(self, endpoint: Endpoint) -> None:
        """Forget what an endpoint is in the middle of."""
        if (timeline := self._running.pop(endpoint.endpoint_name, None)) is not None:
            timeline.cancel()
        self._shares.pop(endpoint.endpoint_name, None)
        endpoint.pending_deployment_summary = None

    def traffic(self, endpoint: Endpoint) -> tuple[tuple[str, float], ...]:
        """Which configurations answer an endpoint's requests, and their shares; () while none does."""
        if endpoint.endpoint_status in {"Creating", "Deleting"}:
            return ()
        serving = str(endpoint.endpoint_config_name)
        config, share = self._shares.get(endpoint.endpoint_name, ("", 0.0))
        return tuple(each for each in ((serving, 1.0 - share), (config, share)) if each[1] > 0)

    def _run(self, endpoint: Endpoint, *steps: Step) -> Timeline:
        timeline = self._running[endpoint.endpoint_name] = Timeline(self._world, steps)
        return timeline

    def _watch(self, update: _Update, timeline: Timeline) -> None:
        """Look at the rollback alarms each whole minute, after their evaluation, and at the time limit."""
        start, limit = self._world.clock.now(), update.rails.timeout

        def look() -> None:
            with self._world.lock:
                if timeline.done:
                    stop()
                elif limit is not None and self._world.clock.now() - start >= limit:
                    seconds = int(limit.total_seconds())
                    self._roll_back(update, f"The deployment took longer than {seconds} seconds.")
                else:
                    self._fired(update)

        first = start.replace(second=0, microsecond=0) + MINUTE
        stop = self._world.clock.every(MINUTE, look, first=first, order=Order.ACTIONS)

    def _fired(self, update: _Update) -> bool:
        """Roll back when one of the alarms is in ALARM; whether it was so."""
        names = [name for name in update.rails.alarms if alarm_state(self._world, name) == "ALARM"]
        if names:
            self._roll_back(update, f"The deployment was rolled back because of alarms: {', '.join(names)}.")
        return bool(names)

    def _roll_back(self, update: _Update, reason: str) -> None:
        """Go back to the configuration before. A rolling deployment gave up instances, which must be had again."""
        endpoint = update.endpoint
        self._running[endpoint.endpoint_name].cancel()
        _, shifted = self._shares[endpoint.endpoint_name]
        must_provision = update.rails.rolling and shifted > 0
        if not must_provision:
            self._shares.pop(endpoint.endpoint_name)
        self._status(endpoint, "RollingBack", reason)
        notices.deployment_change(self._world, endpoint)

        def rolled_back() -> None:
            failed = must_provision and update.target.former_types & self.unavailable
            endpoint.pending_deployment_summary = None
            if failed:
                self._status(endpoint, "UpdateRollbackFailed", f"{reason} The rollback failed: {NO_CAPACITY}")
            else:
                self._shares.pop(endpoint.endpoint_name, None)
                self._status(endpoint, "InService", reason)
            notices.deployment_change(self._world, endpoint)

        self._run(endpoint, Step(ROLLING_BACK, rolled_back))

    def _finish(self, endpoint: Endpoint, target: Target) -> None:
        for variant in target.variants:
            variant.pop("VariantStatus", None)
            if "DesiredInstanceCount" in variant:
                variant["CurrentInstanceCount"] = variant["DesiredInstanceCount"]
        self._shares.pop(endpoint.endpoint_name, None)
        endpoint.endpoint_config_name, endpoint.production_variants = target.config, target.variants
        endpoint.pending_deployment_summary = None
        endpoint.last_deployment_config = target.deployment
        self._status(endpoint, "InService")
        notices.deployment_change(self._world, endpoint)

    def _enter(self, endpoint: Endpoint, config: str, phase: Phase) -> None:
        now = self._now()
        self._shares[endpoint.endpoint_name] = (config, phase.share)
        for variant in endpoint.pending_deployment_summary["ProductionVariants"]:
            variant["VariantStatus"] = [{"Status": phase.status, "StatusMessage": phase.message, "StartTime": now}]
            if "DesiredInstanceCount" in variant:
                variant["CurrentInstanceCount"] = guardrails.instances(phase.share, variant["DesiredInstanceCount"])
        endpoint.last_modified_time = now

    def _status(self, endpoint: Endpoint, status: str, reason: str | None = None) -> None:
        endpoint.endpoint_status, endpoint.failure_reason = status, reason
        endpoint.last_modified_time = self._now()
        notices.state_change(self._world, endpoint)

    def _now(self) -> datetime:
        """The present as moto keeps it: UTC without saying so."""
        return self._world.clock.now().replace(tzinfo=None)


def alarm_state(world: World, name: str) -> str:
    """An alarm's StateValue; "" for one that does not exist."""
    wanted = {"AlarmNames": [name], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    answer = world.cloudwatch.handle("DescribeAlarms", wanted)
    found = [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
    return str(found[0]["StateValue"]) if found else ""
