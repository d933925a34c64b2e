"""The notifier: decides what is to be told of a group when its flush is due, and tells it; answers the heartbeat.

A flush is one transaction: the group with what its receiver is told, and the deliveries that tell it. Of two notifiers
on one group one commits, the other decides again and finds nothing due. What a crash leaves unsent lies in the table.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from core.incidents import flush as flushing
from core.incidents import inhibition, orders, storm
from core.incidents.batch import AlertWrite, Kept
from core.incidents.events import MalformedEvent
from core.incidents.fitting import fitted
from core.incidents.flush import Flushed
from core.incidents.group import Group, is_member
from core.incidents.inhibition import Sources
from core.incidents.notification import Notification, Reason
from core.incidents.orders import Deliver, Digest, Flush, Investigate
from core.incidents.signals import Heartbeat
from core.messages import story
from core.settings import Notifier
from lambdas import records
from lambdas.adapters import cloudwatch, facts, flushes, groups, items, queues, silences, topics
from lambdas.adapters.attempts import Refused, attempt
from lambdas.adapters.flushes import Commit
from lambdas.adapters.items import Conflict
from lambdas.records import Record
from lambdas.sender import Sender

PERIODS_BEFORE = timedelta(minutes=5)
"""An alarm goes off some periods after the values that made it."""
HEARTBEAT_GROUP = "platform:heartbeat"
"""No group's key: read with each heartbeat, so that a table that does not answer stops it."""

log = Logger(service="notifier")


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Take a batch of the Notifications queue; answers with the records that are to be delivered again."""
    settings = Notifier.from_environment(os.environ)
    work = _Work(settings, datetime.now(UTC))
    failed = records.each(records.of(event), work.take, log)
    return records.response(failed)


@dataclass(frozen=True, slots=True)
class _Work:
    """One invocation."""

    settings: Notifier
    now: datetime

    @property
    def sender(self) -> Sender:
        """What sends."""
        return Sender(self.settings, self.now)

    def take(self, record: Record) -> None:
        """Do what one order asks for."""
        try:
            order = orders.parse(record.body)
        except MalformedEvent as malformed:
            queues.bury(self.settings.dead_letters_queue, record.body, reason=str(malformed), source=record.source)
            log.warning("record buried", extra={"message_id": record.id, "reason": str(malformed)})
            return
        match order:
            case Heartbeat():
                self._beat()
            case Flush() | Digest() if order.early:
                self._arm([order], self.now)
            case Flush(group, due):
                self._flush(group, max(due, self.now))
            case Digest(receiver, due):
                self._digest(receiver, max(due, self.now))
            case Deliver(place):
                self.sender.resume(place)
            case Investigate():
                log.warning("order for another function", extra={"message_id": record.id})

    def _flush(self, key: str, now: datetime) -> None:
        """Decide, write, send. `now` is at least when the flush was due: the queue's delay counts, not this clock."""
        for _ in range(items.ATTEMPTS):
            group = groups.group(self.settings.table, key)
            if group is None or group.next_flush is None or group.next_flush > now:
                return
            found = self._decide(group, now)
            try:
                self._commit(found, now)
            except Conflict:
                continue
            return
        raise Conflict(f"{key}: {items.ATTEMPTS} attempts to flush it were overtaken")

    def _decide(self, group: Group, now: datetime) -> "_Decided":
        table, policy = self.settings.table, facts.policy()
        kept = [one for one in groups.members(table, group.key) if is_member(group, one.alert, one.stamp)]
        members = [one.alert for one in kept]
        asked = policy.inhibitions if any(alert.announces for alert in members) else ()
        endpoints = {alert.facts.subject.name for alert in members if alert.facts.subject.kind == "endpoint"}
        guard, read = flushes.storm(table, group.receiver) if policy.storm_limit else (None, 0)
        flushed = flushing.flush(
            group,
            members,
            sources=Sources.of(asked, groups.sources(table) if asked else ()),
            silences=silences.load(table),
            policy=policy,
            storm=guard,
            investigation=flushes.investigation(table, group.key, group.incident) if endpoints else None,
            changes=groups.deployments(table, "endpoint", endpoints.pop()) if len(endpoints) == 1 else (),
            now=now,
        )
        told = flushed.notification
        if told is not None:
            if told.reason is Reason.ALL_RESOLVED:
                told = replace(told, peaks=_peaks(told))
            flushed = replace(flushed, notification=fitted(told))
        return _Decided(flushed, tuple(kept), read, guard)

    def _commit(self, found: "_Decided", now: datetime) -> None:
        flushed, policy = found.flushed, facts.policy()
        told = flushed.notification
        made = Commit(
            flushed.group,
            settled=found.settled(flushed.group.version + 1),
            notification=told,
            channels=policy.receiver(told.receiver).channels if told is not None else (),
            storm=flushed.storm if flushed.storm is not found.guard else None,
            storm_read=found.storm_read,
            reason=flushed.reason,
            closed=flushed.closed,
        )
        deliveries = flushes.commit(self.settings.table, made, now=now, audit_days=self.settings.audit_days)
        self._rearm(flushed, found.guard, now)
        for delivery in deliveries:
            assert told is not None  # noqa: S101 - there are deliveries
            self.sender.send(delivery, told)
        log.info("group flushed", extra={"group": flushed.group.key, "reason": flushed.reason.value})

    def _rearm(self, flushed: Flushed, guard: storm.Storm | None, now: datetime) -> None:
        """Ask for the next flush. What is lost here, the sweep finds."""
        wanted: list[Flush | Digest] = []
        if flushed.group.next_flush is not None:
            wanted.append(Flush(flushed.group.key, flushed.group.next_flush))
        held, known = flushed.storm, guard.digest_at if guard is not None else None
        if held is not None and held.digest_at is not None and held.digest_at != known:
            wanted.append(Digest(held.receiver, held.digest_at))
        self._arm(wanted, now)

    def _arm(self, wanted: Sequence[Flush | Digest], now: datetime) -> None:
        queues.send_all(self.settings.notifications_queue, [orders.timed(order, now) for order in wanted])

    def _digest(self, receiver: str, now: datetime) -> None:
        """Send what the storm guard held back, as one message."""
        for _ in range(items.ATTEMPTS):
            guard, read = flushes.storm(self.settings.table, receiver)
            if guard is None:
                return
            after, told = storm.digest(guard, now=now)
            if told is None:
                return
            channels = facts.policy().receiver(receiver).channels
            made = Commit(None, notification=told, channels=channels, storm=after, storm_read=read, reason=told.reason)
            try:
                written = flushes.commit(self.settings.table, made, now=now, audit_days=self.settings.audit_days)
            except Conflict:
                continue
            for delivery in written:
                self.sender.send(delivery, told)
            return
        raise Conflict(f"{receiver}: {items.ATTEMPTS} attempts to write its digest were overtaken")

    def _beat(self) -> None:
        """The end of the dead-man's switch: rule, queue, router, queue, notifier, table, topic and key all work."""
        groups.group(self.settings.table, HEARTBEAT_GROUP)
        topics.publish(self.settings.canary_topic, subject="heartbeat", text="heartbeat", attributes={})
        with single_metric(name="Heartbeat", unit=MetricUnit.Count, value=1, namespace="mlwarden") as metric:
            metric.add_dimension(name="Stage", value=self.settings.stage)


@dataclass(frozen=True, slots=True)
class _Decided:
    """A decision, what it was made over, and the receiver's window with its version as they were read."""

    flushed: Flushed
    kept: tuple[Kept, ...]
    storm_read: int
    guard: storm.Storm | None

    def settled(self, stamp: int) -> tuple[AlertWrite, ...]:
        """The alerts that time alone has changed, as they are to be written."""
        known = {one.alert.fingerprint: one for one in self.kept}
        policy = facts.policy()
        return tuple(
            AlertWrite(
                self.flushed.group.key,
                Kept(alert, known[alert.fingerprint].revision + 1, stamp),
                inhibition.is_source(policy.inhibitions, alert.labels),
            )
            for alert in self.flushed.settled
        )


def _peaks(told: Notification) -> tuple[tuple[str, float], ...]:
    """The worst values during the incident by fingerprint, of the alerts that a message lists; as far as AWS tells."""
    peaks: list[tuple[str, float]] = []
    for alert in story.measured(told):
        start, end = alert.starts_at, alert.ends_at
        if start is None or end is None:
            continue
        found = attempt(partial(cloudwatch.extremes, alert.queries, start=start - PERIODS_BEFORE, end=end))
        if isinstance(found, Refused):
            log.warning("peak refused", extra={"alarm": alert.source, "code": found.code})
        elif found is not None:
            peaks.append((alert.fingerprint, found[0] if alert.facts.below else found[1]))
    return tuple(peaks)
