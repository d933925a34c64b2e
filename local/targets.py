"""Delivers an event to a rule's targets: the target's own policy, retries, dead-letter queue, metrics.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html, eb-rule-retry-policy.html and
eb-rule-dlq.html
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from moto.events.models import Rule

from local import retries
from local.errors import ServiceError
from local.faults import is_transient
from local.inputs import Event, shaped
from local.queues import attribute
from local.world import World

PRINCIPAL = "events.amazonaws.com"

_MISSING_TARGET = {"AWS.SimpleQueueService.NonExistentQueue", "NotFound", "ResourceNotFoundException"}
_REFUSING = ("AccessDenied", "AuthorizationError")


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One event on its way to one target. The target is as it was when the rule matched."""

    rule: Rule
    target: Mapping[str, Any]
    event: Event
    began: datetime
    retries: int = 0


class Targets:
    """Hands events over, on the clock's thread and under the world's lock."""

    def __init__(self, world: World) -> None:
        self._world = world

    def deliver(self, rule: Rule, event: Event) -> None:
        """Deliver to every target; one that refuses does not keep the event from the others.

        A target that fails for the moment gets the event again, as its RetryPolicy says. A refusal for want of
        permission, or a target that is gone, is not retried: the event goes to the target's dead-letter queue at once.
        """
        self._count("TriggeredRules", rule)
        for target in list(rule.targets):
            self._count("Invocations", rule)
            self._attempt(_Delivery(rule, target, event, self._world.clock.now()))

    def _attempt(self, delivery: _Delivery) -> None:
        try:
            self._send(delivery)
        except ServiceError as problem:
            if is_transient(problem):
                self._again(delivery, problem)
            else:
                self._give_up(delivery, problem)

    def _again(self, delivery: _Delivery, problem: ServiceError) -> None:
        policy, now = retries.Policy.of(delivery.target), self._world.clock.now()
        if delivery.retries >= policy.attempts:
            self._give_up(delivery, problem, "MaximumRetryAttempts")
            return
        at, end = now + retries.event_wait(delivery.retries), delivery.began + policy.age
        if at > end:
            self._later(end, lambda: self._give_up(delivery, problem, "MaximumEventAgeInSeconds"))
        else:
            self._later(at, lambda: self._retry(replace(delivery, retries=delivery.retries + 1)))

    def _retry(self, delivery: _Delivery) -> None:
        self._count("RetryInvocationAttempts", delivery.rule)
        self._attempt(delivery)

    def _later(self, at: datetime, work: Callable[[], None]) -> None:
        def locked() -> None:
            with self._world.lock:
                work()

        self._world.clock.schedule(at, locked)

    def _send(self, delivery: _Delivery) -> None:
        rule, target, world = delivery.rule, delivery.target, self._world
        arn = str(target["Arn"])
        text = shaped(target, delivery.event, rule.arn)
        match arn.split(":")[2]:
            case "sqs":
                world.queues.send_by_service(
                    principal=PRINCIPAL,
                    source_arn=rule.arn,
                    queue_arn=arn,
                    body=text,
                    group_id=target.get("SqsParameters", {}).get("MessageGroupId", ""),
                )
            case "sns":
                world.topics.publish_by_service(principal=PRINCIPAL, source_arn=rule.arn, topic_arn=arn, message=text)
            case "lambda":
                world.access.check_service(
                    principal=PRINCIPAL,
                    action="lambda:InvokeFunction",
                    resource_arn=arn,
                    source_arn=rule.arn,
                )
                world.faults.check("lambda", "Invoke", (arn,))
                world.functions.invoke_later(arn, _json(text))
            case service:
                raise ServiceError(
                    "UnsupportedTarget",
                    f"the embedded AWS delivers events to SQS, SNS and Lambda, not to {service} ({arn})",
                )

    def _give_up(self, delivery: _Delivery, problem: ServiceError, exhausted: str = "") -> None:
        """`exhausted` is the condition that ended the retries; "" where there was no sense in any."""
        rule, target_arn = delivery.rule, str(delivery.target["Arn"])
        self._count("FailedInvocations", rule)
        self._world.journal.record("refused", what=f"rule {rule.name} to {target_arn}", reason=str(problem))
        queue_arn = delivery.target.get("DeadLetterConfig", {}).get("Arn")
        if not queue_arn:
            return
        attributes = {
            "RULE_ARN": rule.arn,
            "TARGET_ARN": target_arn,
            "ERROR_CODE": _code(problem),
            "ERROR_MESSAGE": problem.message,
            "RETRY_ATTEMPTS": str(delivery.retries),
        }
        if exhausted:
            attributes["EXHAUSTED_RETRY_CONDITION"] = exhausted
        sent = self._world.queues.try_send_by_service(
            principal=PRINCIPAL,
            source_arn=rule.arn,
            queue_arn=queue_arn,
            body=json.dumps(delivery.event),
            attributes={name: attribute(value) for name, value in attributes.items()},
        )
        self._count("InvocationsSentToDlq" if sent else "InvocationsFailedToBeSentToDlq", rule)

    def _count(self, metric: str, rule: Rule) -> None:
        datum = {"MetricName": metric, "Value": 1.0, "Unit": "Count"}
        by_rule = {**datum, "Dimensions": [{"Name": "RuleName", "Value": rule.name}]}
        self._world.cloudwatch.put("AWS/Events", [datum | {"Dimensions": []}, by_rule])


def _code(problem: ServiceError) -> str:
    """An error as eb-rule-dlq.html spells it."""
    if problem.code in _MISSING_TARGET:
        return "NO_RESOURCE"
    if any(part in problem.code for part in _REFUSING):
        return "NO_PERMISSIONS"
    if problem.code == "InvalidInput":
        return "INVALID_JSON"
    if "Time" in problem.code:
        return "TIMEOUT"
    return "THROTTLING" if is_transient(problem) and problem.status < 500 else "ERROR_FROM_TARGET"


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ServiceError("InvalidInput", f"a function takes JSON, and the target's input is not: {error}") from None
