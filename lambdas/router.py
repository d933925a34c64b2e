"""The router: events of any shape into alerts and groups, in transactions that each stand alone.

A record that cannot be understood is buried at once with its reason; one that makes the code raise is left to SQS's
retries and its redrive policy; the rest of the batch is affected by neither. While the table is down, what fires is
told by itself, so that nobody waits for the table in silence.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from core.incidents import batch, events, orders, reconcile, ungrouped
from core.incidents.batch import Arrival, Write
from core.incidents.deployments import implied
from core.incidents.events import MalformedEvent
from core.incidents.group import Group
from core.incidents.labels import Sources
from core.incidents.orders import Flush, Investigate
from core.incidents.policy import Channel, ChannelKind, takes
from core.incidents.signals import About, AlarmSignal, Heartbeat, Ignored, State
from core.incidents.ungrouped import Guard
from core.settings import Router
from lambdas import records
from lambdas.adapters import facts, groups, items, queues
from lambdas.adapters.items import Conflict, Unwritable
from lambdas.records import Record

DIRECT = "direct"
"""The one record of an invocation that no queue made: an alarm's own action, or SNS's."""

log = Logger(service="router")
_guard = Guard()


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Take a batch of the Events queue, one alarm's direct action, or SNS's notification of one.

    A batch is answered with the records that are to be delivered again; the others raise when they failed, and Lambda
    invokes again.
    """
    settings = Router.from_environment(os.environ)
    work = _Work(settings, datetime.now(UTC))
    if not _queued(event):
        if work.route([Record(DIRECT, json.dumps(event), "")]):
            raise RuntimeError("the event was not routed; the log says why")
        return {}
    return records.response(work.route(records.of(event)))


def _queued(event: dict[str, Any]) -> bool:
    batch_ = event.get("Records")
    return batch_ is not None and all("messageId" in record for record in batch_)


@dataclass(slots=True)
class _Told:
    """What is to be asked of the other functions after the writes: groups that changed, and incidents that opened."""

    groups: dict[str, Group] = field(default_factory=dict)
    incidents: dict[str, Investigate] = field(default_factory=dict)
    events: int = 0

    def add(self, write: Write) -> None:
        """Take note of what was just written."""
        self.groups |= {entry.key: entry.group for entry in write.groups if entry.group is not None}
        self.events += len(write.handled)
        for opened in write.opened:
            if opened.facts.subject.kind == "endpoint":
                self.incidents[opened.group.key] = Investigate(opened.group.key, opened.group.incident)

    def repeat(self, group: Group) -> None:
        """What was told of this group may have been lost: tell it again; the receivers drop what they know."""
        self.groups.setdefault(group.key, group)
        if group.incident:
            self.incidents.setdefault(group.key, Investigate(group.key, group.incident))


@dataclass(frozen=True, slots=True)
class _Work:
    """One invocation."""

    settings: Router
    now: datetime

    def route(self, batch_: Iterable[Record]) -> list[str]:
        """Take the records; returns the ids of those to be delivered again."""
        arrivals: list[Arrival] = []
        failed = records.each(batch_, lambda record: arrivals.extend(self._take(record)), log)
        told = _Told()
        everything = [*failed, *(arrival.record for arrival in arrivals)]
        try:
            failed += self._commit(arrivals, told)
        except Conflict:
            log.exception("batch overtaken", extra={"signals": len(arrivals)})
            return everything
        except Exception:  # what was buried is done; only the signals may be delivered again
            log.exception("table down", extra={"signals": len(arrivals)})
            self._fail_open(arrivals)
            return everything
        try:
            self._tell(told)
        except Exception:  # the writes stand: their events come again and are told of again
            log.exception("queues down", extra={"signals": len(arrivals)})
            return everything
        found = {"signals": len(arrivals), "handled": told.events, "groups": len(told.groups), "failed": len(failed)}
        log.info("batch routed", extra=found)
        return failed

    def _take(self, record: Record) -> tuple[Arrival, ...]:
        """The record's signals; heartbeats are passed on and malformed records buried, and neither leaves one."""
        try:
            if (wrapped := reconcile.unwrap(record.body)) is not None:
                signal, alert = wrapped
                if alert is not None:
                    return (self._arrival(record, signal, alert.labels, alert.facts),)
                parsed: events.Parsed = signal
            else:
                parsed = events.parse(record.body, arn=record.source)
        except MalformedEvent as malformed:
            queues.bury(self.settings.dead_letters_queue, record.body, reason=str(malformed), source=record.source)
            log.warning("record buried", extra={"message_id": record.id, "reason": str(malformed)})
            return ()
        if isinstance(parsed, Heartbeat):
            queues.send(self.settings.notifications_queue, orders.body(parsed))
            return ()
        if isinstance(parsed, Ignored):
            log.info("event ignored", extra={"message_id": record.id, "kind": parsed.kind, "reason": parsed.reason})
            return ()
        found: list[Arrival] = []
        for each in (parsed, *implied(parsed)):
            known = _sources(self.settings.stage).of(each)
            if takes(facts.policy(), known.labels):
                found.append(self._arrival(record, each, known.pairs, known.labels))
        if isinstance(parsed, AlarmSignal) and parsed.about is About.DELETION:
            found += self._outlived(record, parsed)
        return tuple(found)

    def _outlived(self, record: Record, deleted: AlarmSignal) -> Iterator[Arrival]:
        """The ends of what stands for a deleted alarm: its contributors, and itself where its tags had put it."""
        for alert in groups.firing(self.settings.table):
            if alert.arn == deleted.alarm_arn:
                ended = replace(deleted, contributor=alert.contributor, about=About.STATE, state=State.OK)
                yield self._arrival(record, ended, alert.labels, alert.facts)

    def _arrival(self, record: Record, *told: Any) -> Arrival:
        signal, labels, known = told
        return batch.arrival(record.id, signal, labels, known, policy=facts.policy(), again=record.receives > 1)

    def _commit(self, arrivals: list[Arrival], told: _Told) -> list[str]:
        """Write the arrivals, in ever smaller parts where the table refuses them. Returns the failed records."""
        try:
            return self._write(arrivals, told)
        except Unwritable:
            if len(arrivals) == 1:
                log.exception("signal refused by the table", extra={"message_id": arrivals[0].record})
                self._fail_open(arrivals)
                return [arrivals[0].record]
            half = len(arrivals) // 2
            return [*self._commit(arrivals[:half], told), *self._commit(arrivals[half:], told)]

    def _write(self, arrivals: list[Arrival], told: _Told) -> list[str]:
        """Read, fold, write; anew from where it stands when somebody else was faster. Returns the failed records."""
        if not arrivals:
            return []
        for attempt in range(1, items.ATTEMPTS + 1):
            memory = groups.read(self.settings.table, arrivals)
            plan = batch.fold(arrivals, memory, policy=facts.policy(), now=self.now)
            try:
                for write in plan.writes:
                    groups.commit(self.settings.table, write, now=self.now, audit_days=self.settings.audit_days)
                    told.add(write)
            except Conflict:
                log.info("race lost", extra={"attempt": attempt})
                continue
            for group in plan.repeated:
                told.repeat(group)
            for record, error in plan.failed:
                log.error("signal failed", exc_info=error, extra={"message_id": record})
            return [record for record, _ in plan.failed]
        raise Conflict(f"{items.ATTEMPTS} attempts to write {len(arrivals)} signals were overtaken")

    def _tell(self, told: _Told) -> None:
        """After the commit: what is lost from here on, the sweep and the batch's retry find again."""
        investigate = [(orders.body(order), _AT_ONCE) for order in told.incidents.values()]
        queues.send_all(self.settings.investigations_queue, investigate)
        owed = [group for group in told.groups.values() if group.next_flush is not None]
        flush = [orders.timed(Flush(group.key, group.next_flush or self.now), self.now) for group in owed]
        queues.send_all(self.settings.notifications_queue, flush)

    def _fail_open(self, arrivals: Iterable[Arrival]) -> None:
        """Tell of what fires without the table. Its failure changes nothing: the batch comes again either way."""
        # Not needed in an invocation that goes well, and an eighth of the time that the first one takes.
        from core.messages.place import Place
        from lambdas import channels

        desk = channels.Desk(Place(self.settings.stage, self.settings.runbooks), self.settings.topics)
        for one in arrivals:
            policy = facts.policy()
            notice = ungrouped.notice(one.signal, one.labels, one.facts, policy=policy, now=self.now)
            if notice is None or not _guard.admits(one.fingerprint, self.now):
                continue
            try:
                sent = channels.send(Channel(ChannelKind.SNS), notice, desk).sent
            except Exception:  # one notice must not keep the others from being sent
                log.exception("ungrouped notice failed", extra={"alert": one.fingerprint})
                sent = False
            if not sent:
                _guard.forget(one.fingerprint)
            log.warning("told ungrouped", extra={"alert": one.fingerprint, "sent": sent})


_AT_ONCE = timedelta(0)


@cache
def _sources(stage: str) -> Sources:
    return Sources(facts.load(), stage)
