"""Carries out alarm actions: messages to SNS topics and invocations of Lambda functions."""

import json
from dataclasses import dataclass
from typing import Any

from core.cloudwatch import propagation
from core.cloudwatch.contributors import Contributor
from local.clock import Order
from local.cloudwatch import contributor_notices, notices, regions
from local.cloudwatch.history import History
from local.cloudwatch.mutes import Mutes
from local.cloudwatch.notices import Extra
from local.cloudwatch.records import Alarm, Change, MetricAlarm, Status, actions
from local.cloudwatch.tags import Tags
from local.errors import ServiceError
from local.world import World

_SNS_PRINCIPAL = "cloudwatch.amazonaws.com"
_LAMBDA_PRINCIPAL = "lambda.alarms.cloudwatch.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Told:
    """A contributor's change of state."""

    contributor: Contributor
    previous: Status
    current: Status


class Delivery:
    """Tells EventBridge of every change, and runs the actions of alarms whose actions are enabled."""

    def __init__(self, world: World, history: History, mutes: Mutes, tags: Tags) -> None:
        self._world = world
        self._history = history
        self._mutes = mutes
        self._tags = tags
        self._held: dict[str, dict[str, Told]] = {}
        """By alarm and contributor: the changes whose actions wait for the end of a mute window."""

    def announce(self, alarm: Alarm, previous: Status, current: Status) -> None:
        """A change of state: the event, then the new state's actions, at this instant after all evaluations.

        Neither mute rules nor suppressors hold events back (User Guide, Alarm actions). Where both hold the actions
        back, those wait for the end of the mute window and then for the suppressor.
        """
        extra = self.about(alarm)
        self._event(alarm, "CloudWatch Alarm State Change", notices.state_change(alarm, previous, current, extra))
        if current.suppressed_by or (isinstance(alarm, MetricAlarm) and alarm.plan.watch is not None):
            # The actions of an alarm of many time series are its contributors' (User Guide, Alarm actions).
            return
        if extra.mute is not None:
            alarm.muted = Change(previous, current)
            return
        self._run(alarm, previous, current, extra)

    def review(self, alarm: Alarm) -> None:
        """A mute window may have ended: run what it kept from running, if the alarm's state is still to be told.

        User Guide, How alarm mute rules work: the actions that the alarm has by now, and none if it is back in the
        state that they told of last.
        """
        extra = self.about(alarm, after_mute=True)
        if extra.mute is not None:
            return
        if isinstance(alarm, MetricAlarm):
            for told in self._held.pop(alarm.name, {}).values():
                self._run_contributor(alarm, told, extra)
        if alarm.muted is None:
            return
        held, alarm.muted = alarm.muted, None
        if alarm.status.suppressed_by or alarm.status.value is alarm.announced:
            return
        current = held.current if held.current.value is alarm.status.value else alarm.status
        self._run(alarm, held.previous, current, extra)

    def announce_contributor(
        self, alarm: MetricAlarm, contributor: Contributor, previous: Status, current: Status
    ) -> None:
        """A contributor's change of state: the event, then the actions, which wait for the end of a mute window.

        Two changes within the window leave the contributor in the state that was told of: nothing is left to tell.
        """
        extra = self.about(alarm)
        detail = contributor_notices.state_change(alarm, contributor, current, extra)
        self._event(alarm, "CloudWatch Alarm Contributor State Change", detail)
        held = self._held.setdefault(alarm.name, {})
        told = held.pop(contributor.id, None) is None
        if extra.mute is None:
            self._run_contributor(alarm, Told(contributor, previous, current), extra)
        elif told:
            held[contributor.id] = Told(contributor, previous, current)

    def held(self, alarm: str) -> tuple[Told, ...]:
        """The changes of the alarm's contributors whose actions wait for the end of a mute window."""
        return tuple(self._held.get(alarm, {}).values())

    def put_back(self, alarm: str, held: tuple[Told, ...]) -> None:
        """Let actions wait that did."""
        if held:
            self._held[alarm] = {told.contributor.id: told for told in held}

    def forget_contributors(self, alarm: str) -> None:
        """What a mute rule held back of the alarm's contributors is never told."""
        self._held.pop(alarm, None)

    def _run_contributor(self, alarm: MetricAlarm, told: Told, extra: Extra) -> None:
        if alarm.actions_enabled:
            for action in actions(alarm, told.current.value):
                self._schedule(alarm, action, told.previous, told.current, extra, told.contributor)

    def configured(self, alarm: Alarm, operation: str, previous: Alarm | None = None) -> None:
        """A created, updated or deleted alarm."""
        detail = notices.configuration_change(alarm, operation, previous)
        self._event(alarm, "CloudWatch Alarm Configuration Change", detail)

    def about(self, alarm: Alarm, *, after_mute: bool = False) -> Extra:
        """What events and messages say of an alarm besides its state."""
        tags = propagation.propagated(alarm.params, self._tags.of(alarm.arn))
        return Extra(mute=self._mutes.now(alarm.name), tags=tags, after_mute=after_mute)

    def _run(self, alarm: Alarm, previous: Status, current: Status, extra: Extra) -> None:
        alarm.muted = None
        alarm.announced = current.value
        if alarm.actions_enabled:
            for action in actions(alarm, current.value):
                self._schedule(alarm, action, previous, current, extra)

    def _event(self, alarm: Alarm, detail_type: str, detail: dict[str, Any]) -> None:
        self._world.events.put(source="aws.cloudwatch", detail_type=detail_type, detail=detail, resources=[alarm.arn])

    def _schedule(
        self,
        alarm: Alarm,
        action: str,
        previous: Status,
        current: Status,
        extra: Extra,
        contributor: Contributor | None = None,
    ) -> None:
        # What is told is fixed now: the alarm may be changed or deleted before the action's turn.
        account, region = self._world.account, self._world.region
        if action.split(":")[2] == "lambda":
            payload = notices.lambda_payload(alarm, previous, current, extra, account=account, region=region)
            if contributor is not None:
                payload |= contributor_notices.lambda_data(alarm, contributor, current, payload)
            text, subject = json.dumps(payload, separators=(",", ":")), ""
        else:
            name = regions.display_name(region)
            body = notices.message(alarm, previous, current, extra, account=account, region_name=name)
            if contributor is not None:
                body = contributor_notices.message(body, contributor, current)
            text, subject = json.dumps(body, separators=(",", ":")), notices.subject(alarm, current, name)

        def act() -> None:
            error = self._act(alarm.arn, action, text, subject)
            with self._world.lock:
                self._history.acted(
                    alarm,
                    action=action,
                    updated=current.updated,
                    published="" if error else text,
                    error=error,
                    contributor=contributor,
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
                self._world.faults.check("lambda", "Invoke", (action,))
                self._world.functions.invoke_later(action, json.loads(text))
        except ServiceError as error:
            self._world.journal.record("refused", what=f"alarm {source} to {action}", reason=str(error))
            return str(error)
        return ""
