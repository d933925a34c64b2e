"""What people would be told: alarm events into notifications and messages, by the functions' own pure parts.

The router's and notifier's steps without queues and table, on the stage's clock: events of one instant are taken
together, every flush and digest runs when it is due. The responder does not run: there is no impact or cause in
the texts. Messages to topics are written; other channels are not.
"""

import json
from datetime import datetime

from core.alarmtests.record import Told
from core.incidents import events, policyfile
from core.incidents.engine import Engine
from core.incidents.labels import Sources
from core.incidents.notification import Notification, Reason
from core.incidents.policy import ChannelKind
from core.incidents.signals import AlarmSignal
from core.messages import message, templates
from core.messages.place import Place
from local.alarmtests.sources import Alarms
from local.alarmtests.stage import Event, Stage
from local.clock import Order
from stacks import packaging

TAKEN = (events.ALARM_CHANGE, events.CONTRIBUTOR_CHANGE)


class Mailbox:
    """Writes the messages of a stage's alarms into its `messages`."""

    def __init__(self, stage: Stage, alarms: Alarms) -> None:
        """`alarms` are a configuration's."""
        config = alarms.config
        if config is None or alarms.facts is None:
            raise ValueError("messages are written for the alarms of a configuration")
        self._stage = stage
        self._policy = policyfile.of(config)
        self._engine = Engine(self._policy)
        self._sources = Sources(alarms.facts, config.deployment.stage)
        self._place = Place(config.deployment.stage, config.deployment.runbooks)
        self._templates = templates.decode(packaging.templates(config.notifications.templates))
        self._waiting: list[AlarmSignal] = []
        self._awake_at: datetime | None = None

    def take(self, event: Event) -> None:
        """One event, as EventBridge delivers it."""
        if event["detail-type"] not in TAKEN:
            return
        signal = events.parse(json.dumps(event))
        if isinstance(signal, AlarmSignal):
            if not self._waiting:
                self._stage.clock.schedule(self._stage.clock.now(), self._fold, Order.DELIVERIES)
            self._waiting.append(signal)

    def _fold(self) -> None:
        signals, self._waiting = self._waiting, []
        now = self._stage.clock.now()
        for signal in signals:
            known = self._sources.of(signal)
            self._tell(self._engine.step(signal, known.pairs, known.labels, now=now))
        self._wake_when_due()

    def _wake_when_due(self) -> None:
        due = self._engine.next_due
        if due is None or (self._awake_at is not None and self._awake_at <= due):
            return
        self._awake_at = due
        self._stage.clock.schedule(max(due, self._stage.clock.now()), self._flush, Order.DELIVERIES)

    def _flush(self) -> None:
        self._awake_at = None
        self._tell(self._engine.tick(self._stage.clock.now()))
        self._wake_when_due()

    def _tell(self, notifications: list[Notification]) -> None:
        for told in notifications:
            channels = self._policy.receiver(told.receiver).channels
            if any(channel.kind is ChannelKind.SNS for channel in channels):
                self._write(told)

    def _write(self, told: Notification) -> None:
        """To the topic of its severity; an end to those of all severities that were told."""
        written = message.write(told, ChannelKind.SNS, self._place, templates=self._templates)
        severities = told.told if told.reason is Reason.ALL_RESOLVED and told.told else (told.severity,)
        for severity in severities:
            self._stage.messages.append(Told(self._stage.elapsed, severity.value, written.subject, written.body))
