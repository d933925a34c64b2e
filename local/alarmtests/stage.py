"""A world with a clock and CloudWatch alone. What CloudWatch would tell others is written down instead."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from core.alarmtests.record import Action, Change, Told
from core.cloudwatch.state import State
from local.clock import Clock
from local.cloudwatch.service import CloudWatch
from local.world import World

Event = dict[str, Any]


class Stage:
    """One test's world. `watch` is handed every event as EventBridge would deliver it."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        self.clock = Clock(start)
        self.world = World(clock=self.clock)
        self.changes: list[Change] = []
        self.actions: list[Action] = []
        self.messages: list[Told] = []
        self.watch: Callable[[Event], None] = lambda _: None
        scribe: Any = _Scribe(self)
        self.world.events = scribe
        self.world.topics = scribe
        self.world.functions = scribe
        self.world.access = scribe
        self.cloudwatch = CloudWatch(self.world)
        self.world.cloudwatch = self.cloudwatch
        self.cloudwatch.start()

    @property
    def elapsed(self) -> timedelta:
        """The time since the test's start."""
        return self.clock.now() - self.start


class _Scribe:
    """Stands in for EventBridge, SNS, Lambda and their resource policies."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def put(self, *, source: str, detail_type: str, detail: Event, resources: list[str], **_: Any) -> str:
        """An event of CloudWatch's."""
        stage = self._stage
        if detail_type == "CloudWatch Alarm State Change":
            state = State(detail["state"]["value"])
            stage.changes.append(Change(detail["alarmName"], stage.elapsed, state))
        identifier = stage.world.next_id("event")
        stage.watch(
            {
                "version": "0",
                "id": identifier,
                "detail-type": detail_type,
                "source": source,
                "account": stage.world.account,
                "time": f"{stage.clock.now():%Y-%m-%dT%H:%M:%SZ}",
                "region": stage.world.region,
                "resources": resources,
                # As it is now: what it is made of may change before it is read.
                "detail": json.loads(json.dumps(detail)),
            }
        )
        return identifier

    def publish_by_service(self, *, source_arn: str, topic_arn: str, subject: str, message: str, **_: Any) -> str:
        """An alarm action that is a topic."""
        stage = self._stage
        stage.actions.append(Action(_alarm(source_arn), stage.elapsed, topic_arn))
        stage.messages.append(Told(stage.elapsed, topic_arn.rsplit(":", 1)[-1], subject, message))
        return stage.world.next_id("message")

    def check_service(self, *, resource_arn: str, source_arn: str, **_: Any) -> None:
        """An alarm action that is a function: whoever may publish may invoke here."""
        stage = self._stage
        stage.actions.append(Action(_alarm(source_arn), stage.elapsed, resource_arn))

    def invoke_later(self, name: str, payload: object) -> None:
        """The function itself is not run."""


def _alarm(arn: str) -> str:
    return arn.split(":", 6)[-1]
