"""What people would be told: alarm events into incidents and messages, by the functions' own pure parts.

The router's and notifier's steps without queues and table: events of one instant are folded together, a flush happens
when it is due. The responder does not run: there is no impact, cause or peak in the texts.
"""

import json
from datetime import timedelta

from core.alarmtests.record import Told
from core.catalogue.alarm import Severity
from core.incidents import batch, events, labels
from core.incidents import incident as incidents
from core.incidents.batch import Arrival
from core.incidents.incident import Incident
from core.incidents.signals import AlarmSignal
from core.messages import mail, story
from core.messages.mail import Place
from local.alarmtests.sources import Alarms
from local.alarmtests.stage import Event, Stage
from local.clock import Order

TAKEN = (events.ALARM_CHANGE, events.CONTRIBUTOR_CHANGE)


class Mailbox:
    """Writes the messages of a stage's alarms into its `messages`."""

    def __init__(self, stage: Stage, alarms: Alarms) -> None:
        """`alarms` are a configuration's."""
        if alarms.config is None or alarms.facts is None:
            raise ValueError("messages are written for the alarms of a configuration")
        self._stage = stage
        self._facts = alarms.facts
        self._wait = timedelta(seconds=alarms.config.notifications.group_wait_seconds)
        self._place = Place(alarms.config.deployment.stage, alarms.config.deployment.runbooks)
        self._incidents: dict[str, Incident] = {}
        self._waiting: list[Arrival] = []

    def take(self, event: Event) -> None:
        """One event, as EventBridge delivers it."""
        if event["detail-type"] not in TAKEN:
            return
        signal = events.parse(json.dumps(event))
        if isinstance(signal, AlarmSignal):
            if not self._waiting:
                self._stage.clock.schedule(self._stage.clock.now(), self._fold, Order.DELIVERIES)
            self._waiting.append(Arrival(event["id"], signal, labels.classify(signal, self._facts)))

    def _fold(self) -> None:
        arrivals, self._waiting = self._waiting, []
        now = self._stage.clock.now()
        plan = batch.fold(arrivals, self._incidents, frozenset(), now=now, group_wait=self._wait)
        for _, error in plan.failed:
            raise error
        self._incidents |= {change.incident.group: change.incident for change in plan.changes}
        for incident in plan.notify:
            self._flush_later(incident)

    def _flush_later(self, incident: Incident) -> None:
        due = incident.due_at or self._stage.clock.now()
        self._stage.clock.schedule(due, lambda: self._flush(incident.group), Order.DELIVERIES)

    def _flush(self, group: str) -> None:
        now, current = self._stage.clock.now(), self._incidents[group]
        reason = incidents.decide(current, now=now)
        told = incidents.resolution(current, reason, now=now)
        if told is None:
            return
        self._incidents[group] = told
        if not reason.sends:
            return
        message = mail.write(story.tell(told, reason, now=now, peaks={}), self._place)
        severity = told.severity or (told.log.severity if told.log else Severity.WARNING)
        self._stage.messages.append(Told(self._stage.elapsed, severity.value, message.subject, message.text))
        after = self._incidents[group] = incidents.sent(told, told, now=now)
        if after.due_at is not None:
            self._flush_later(after)
