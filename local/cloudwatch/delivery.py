"""Carries out alarm actions: messages to SNS topics and invocations of Lambda functions."""

import json
from typing import Any

from local.clock import Order
from local.cloudwatch import notices, regions
from local.cloudwatch.history import History
from local.cloudwatch.records import Alarm, Status, actions
from local.errors import ServiceError
from local.world import World

_SNS_PRINCIPAL = "cloudwatch.amazonaws.com"
_LAMBDA_PRINCIPAL = "lambda.alarms.cloudwatch.amazonaws.com"


class Delivery:
    """Tells EventBridge of every change, and runs the actions of alarms whose actions are enabled."""

    def __init__(self, world: World, history: History) -> None:
        self._world = world
        self._history = history

    def announce(self, alarm: Alarm, previous: Status, current: Status) -> None:
        """A change of state: the event, then the new state's actions, at this instant after all evaluations."""
        self._event(alarm, "CloudWatch Alarm State Change", notices.state_change(alarm, previous, current))
        if alarm.actions_enabled:
            for action in actions(alarm, current.value):
                self._schedule(alarm, action, previous, current)

    def configured(self, alarm: Alarm, operation: str, previous: Alarm | None = None) -> None:
        """A created, updated or deleted alarm."""
        detail = notices.configuration_change(alarm, operation, previous)
        self._event(alarm, "CloudWatch Alarm Configuration Change", detail)

    def _event(self, alarm: Alarm, detail_type: str, detail: dict[str, Any]) -> None:
        self._world.events.put(source="aws.cloudwatch", detail_type=detail_type, detail=detail, resources=[alarm.arn])

    def _schedule(self, alarm: Alarm, action: str, previous: Status, current: Status) -> None:
        # What is told is fixed now: the alarm may be changed or deleted before the action's turn.
        account, region = self._world.account, self._world.region
        if action.split(":")[2] == "lambda":
            payload = notices.lambda_payload(alarm, previous, current, account=account, region=region)
            text, subject = json.dumps(payload, separators=(",", ":")), ""
        else:
            name = regions.display_name(region)
            body = notices.message(alarm, previous, current, account=account, region_name=name)
            text, subject = json.dumps(body, separators=(",", ":")), notices.subject(alarm, current, name)

        def act() -> None:
            error = self._act(alarm.arn, action, text, subject)
            with self._world.lock:
                self._history.acted(
                    alarm, action=action, updated=current.updated, published="" if error else text, error=error
                )

        self._world.clock.schedule(self._world.clock.now(), act, Order.ACTIONS)

    def _act(self, source: str, action: str, text: str, subject: str) -> str:
        """What went wrong, or nothing."""
        try:
            if subject:
                self._world.topics.publish_by_service(
                    principal=_SNS_PRINCIPAL, source_arn=source, topic_arn=action, subject=subject, message=text
                )
            else:
                self._world.access.check_service(
                    principal=_LAMBDA_PRINCIPAL,
                    action="lambda:InvokeFunction",
                    resource_arn=action,
                    source_arn=source,
                )
                self._world.functions.invoke_later(action, json.loads(text))
        except ServiceError as error:
            return str(error)
        return ""
