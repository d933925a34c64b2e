"""The notifier: tells people of incidents, once, and answers the heartbeat.

Sending is claim, publish, log. The claim is a conditional write, so of two notifiers on one incident one sends; a
crash before the log entry leaves the flush due, and after the claim's lease it is sent (again) under the same
`notification_id`: at least once, and twice only after a crash between publish and log.
"""

import os
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from core.catalogue.alarm import Severity
from core.incidents import incident as incidents
from core.incidents import orders
from core.incidents.events import MalformedEvent
from core.incidents.incident import Incident
from core.incidents.notification import Reason
from core.incidents.signals import Heartbeat
from core.messages import mail, story
from core.messages.mail import Message, Place
from core.settings import Notifier
from lambdas import records
from lambdas.adapters import cloudwatch, queues, table, topics
from lambdas.adapters.attempts import Refused, attempt
from lambdas.adapters.table import Conflict
from lambdas.records import Record

PERIODS_BEFORE = timedelta(minutes=5)
"""An alarm goes off some periods after the values that made it."""

HEARTBEAT_GROUP = "platform/heartbeat"
"""No incident's group: read with each heartbeat, so that a table that does not answer stops it."""

log = Logger(service="notifier")


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Take a batch of the Notifications queue, or `{"sweep": true}` from the schedule.

    A batch is answered with the records to be delivered again, a sweep with the reasons by group. A sweep raises
    when a flush failed, after the others were tried.
    """
    settings = Notifier.from_environment(os.environ)
    now = datetime.now(UTC)
    if event.get("sweep"):
        return _sweep(settings, now)
    failed = records.each(records.of(event), lambda record: _take(record, settings, now), log)
    return records.response(failed)


def _take(record: Record, settings: Notifier, now: datetime) -> None:
    try:
        order = orders.parse(record.body)
    except MalformedEvent as malformed:
        queues.bury(settings.dead_letters_queue, record.body, reason=str(malformed), source=record.source)
        log.warning("record buried", extra={"message_id": record.id, "reason": str(malformed)})
        return
    if isinstance(order, Heartbeat):
        table.get(settings.table, HEARTBEAT_GROUP)
        _beat(settings.stage)
        return
    _flush(order.group, settings, now)


def _sweep(settings: Notifier, now: datetime) -> dict[str, Any]:
    """Flush what is due and was not: a message that the queue lost costs a minute."""
    reasons: dict[str, str] = {}
    errors: list[Exception] = []
    for group in table.due(settings.table, now=now):
        try:
            reasons[group] = _flush(group, settings, now).value
        except Exception as error:  # one incident must not keep the others from being told
            log.exception("flush failed", extra={"group": group})
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"{len(errors)} of {len(errors) + len(reasons)} flushes failed", errors)
    return {"flushed": reasons}


def _flush(group: str, settings: Notifier, now: datetime) -> Reason:
    """Tell people what is owed about one group, and answer why, or why not."""
    found = _claim(group, settings, now)
    if isinstance(found, Reason):
        return found
    told, reason = found
    peaks = _peaks(told) if reason is Reason.ALL_RESOLVED else {}

    message = mail.write(story.tell(told, reason, now=now, peaks=peaks), Place(settings.stage, settings.runbooks))

    try:
        _publish(told, reason, message, settings)
    except Exception:
        _update(group, told, settings, now, done=False)
        raise
    _update(group, told, settings, now, done=True)
    log.info("notification sent", extra={"group": group, "incident": told.id, "reason": reason.value})
    return reason


def _claim(group: str, settings: Notifier, now: datetime) -> tuple[Incident, Reason] | Reason:
    """The incident with the right to send taken, and why; or the reason why nothing is sent."""
    for _ in range(table.ATTEMPTS):
        current = table.get(settings.table, group)
        if current is None:
            return Reason.NOTHING
        reason = incidents.decide(current, now=now)
        wanted = incidents.resolution(current, reason, now=now)
        if wanted is None:
            return reason
        try:
            written = table.put(settings.table, wanted, now=now)
        except Conflict:
            continue
        return (written, reason) if reason.sends else reason
    raise Conflict(f"{group}: {table.ATTEMPTS} attempts to claim it were overtaken")


def _peaks(told: Incident) -> dict[str, float]:
    """The worst values during the incident by fingerprint, of the alerts that a message lists; as far as AWS tells."""
    peaks: dict[str, float] = {}
    for alert in story.measured(told):
        start, end = alert.starts_at, alert.ends_at
        if start is None or end is None:
            continue
        window = {"start": start - PERIODS_BEFORE, "end": end}
        found = attempt(partial(cloudwatch.extremes, alert.queries, **window))
        if isinstance(found, Refused):
            log.warning("peak refused", extra={"alarm": alert.source, "code": found.code})
        elif found is not None:
            peaks[alert.fingerprint] = found[0] if alert.labels.below else found[1]
    return peaks


def _publish(told: Incident, reason: Reason, message: Message, settings: Notifier) -> None:
    severity = told.severity or (told.log.severity if told.log else Severity.WARNING)
    topic = settings.topics.get(severity.value) or next(iter(settings.topics.values()))
    topics.publish(
        topic,
        subject=message.subject,
        text=message.text,
        attributes={
            "severity": severity.value,
            "incident": told.id,
            "reason": reason.value,
            "notification_id": told.claim.notification_id if told.claim else "",
            "incident_json": message.figures,
        },
    )


def _update(group: str, told: Incident, settings: Notifier, now: datetime, *, done: bool) -> None:
    """Log what was sent, or give the claim back, over whatever the incident has become meanwhile."""
    for _ in range(table.ATTEMPTS):
        current = table.get(settings.table, group)
        if current is None or current.claim != told.claim:
            return
        after = incidents.sent(current, told, now=now) if done else incidents.release(current)
        try:
            table.put(settings.table, after, now=now)
            return
        except Conflict:
            continue
    raise Conflict(f"{group}: {table.ATTEMPTS} attempts to log the message were overtaken")


def _beat(stage: str) -> None:
    """The end of the dead-man's switch: rule, queue, router, queue, notifier and table all work."""
    with single_metric(name="Heartbeat", unit=MetricUnit.Count, value=1, namespace="mlwarden") as metric:
        metric.add_dimension(name="Stage", value=stage)
