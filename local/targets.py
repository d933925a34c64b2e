"""Delivers an event to a rule's targets: input shaping, the target's own policy, dead-letter queue, metrics.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html and eb-transform-target-input.html
"""

import json
import re
from typing import Any

from jsonpath_ng.ext.parser import parse as json_path
from moto.events.models import Rule

from local.errors import ServiceError
from local.queues import attribute
from local.world import World

PRINCIPAL = "events.amazonaws.com"

Event = dict[str, Any]

_MISSING_TARGET = {"AWS.SimpleQueueService.NonExistentQueue", "NotFound", "ResourceNotFoundException"}
_VARIABLE = re.compile(r"<([^<>\s]+)>")


class Targets:
    """Hands events over, on the clock's thread and under the world's lock."""

    def __init__(self, world: World) -> None:
        self._world = world

    def deliver(self, rule: Rule, event: Event) -> None:
        """Deliver to every target; one that refuses does not keep the event from the others.

        A refusal for want of permission, or a target that is gone, is not retried: the event goes to the target's
        dead-letter queue at once, as on EventBridge.
        """
        self._count("TriggeredRules", rule)
        for target in list(rule.targets):
            self._count("Invocations", rule)
            try:
                self._send(rule, target, event)
            except ServiceError as problem:
                self._fail(rule, target, event, problem)

    def _send(self, rule: Rule, target: dict[str, Any], event: Event) -> None:
        arn = str(target["Arn"])
        world = self._world
        text = shaped(target, event, rule.arn)
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
                world.functions.invoke_later(arn, _json(text))
            case service:
                raise ServiceError(
                    "UnsupportedTarget",
                    f"the embedded AWS delivers events to SQS, SNS and Lambda, not to {service} ({arn})",
                )

    def _fail(self, rule: Rule, target: dict[str, Any], event: Event, problem: ServiceError) -> None:
        self._count("FailedInvocations", rule)
        self._world.journal.record("refused", what=f"rule {rule.name} to {target['Arn']}", reason=str(problem))
        queue_arn = target.get("DeadLetterConfig", {}).get("Arn")
        if not queue_arn:
            return
        code = "NO_RESOURCE" if problem.code in _MISSING_TARGET else "NO_PERMISSIONS"
        sent = self._world.queues.try_send_by_service(
            principal=PRINCIPAL,
            source_arn=rule.arn,
            queue_arn=queue_arn,
            body=json.dumps(event),
            attributes={
                "RULE_ARN": attribute(rule.arn),
                "TARGET_ARN": attribute(str(target["Arn"])),
                "ERROR_CODE": attribute(code),
                "ERROR_MESSAGE": attribute(problem.message),
            },
        )
        self._count("InvocationsSentToDlq" if sent else "InvocationsFailedToBeSentToDlq", rule)

    def _count(self, metric: str, rule: Rule) -> None:
        datum = {"MetricName": metric, "Value": 1.0, "Unit": "Count"}
        by_rule = {**datum, "Dimensions": [{"Name": "RuleName", "Value": rule.name}]}
        self._world.cloudwatch.put("AWS/Events", [datum | {"Dimensions": []}, by_rule])


def shaped(target: dict[str, Any], event: Event, rule_arn: str) -> str:
    """What a target receives: the whole event, a constant, a part of it, or a template filled from it."""
    if (constant := target.get("Input")) is not None:
        return str(constant)
    if path := target.get("InputPath"):
        return json.dumps(_at(path, event))
    if transformer := target.get("InputTransformer"):
        return _transform(transformer, event, rule_arn)
    return json.dumps(event)


def _transform(transformer: dict[str, Any], event: Event, rule_arn: str) -> str:
    """Fill a template. A text replaces its variable bare within quotes and quoted outside of them, as AWS does."""
    template = str(transformer["InputTemplate"])
    values = {name: _at(path, event) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.split("/")[-1],
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": event,
    }

    def fill(match: re.Match[str]) -> str:
        if match[1] not in values:
            return match[0]
        value = values[match[1]]
        written = json.dumps(value)
        inside = len(re.findall(r'(?<!\\)"', template[: match.start()])) % 2 == 1
        if not inside:
            return written
        if value is None:
            return ""
        return written[1:-1] if isinstance(value, str) else json.dumps(written)[1:-1]

    return _VARIABLE.sub(fill, template)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ServiceError("InvalidInput", f"a function takes JSON, and the target's input is not: {error}") from None


def _at(path: str, event: Event) -> Any:
    found = json_path(path).find(event)
    return found[0].value if found else None
