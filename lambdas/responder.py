"""The responder: looks an endpoint up when its incident opens, and adds what it finds to the incident.

What cannot be read becomes a line that says so; only the store's own failures are retried.
"""

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from aws_lambda_powertools import Logger

from core.catalogue.alarm import Subject
from core.incidents import findings, orders
from core.incidents.batch import Kept
from core.incidents.events import MalformedEvent
from core.incidents.findings import Findings
from core.incidents.notification import telling
from core.incidents.orders import Investigate
from core.settings import Responder
from lambdas import records
from lambdas.adapters import cloudwatch, flushes, groups, queues, sagemaker
from lambdas.adapters.attempts import Refused, attempt
from lambdas.records import Record

BASELINE = timedelta(hours=1)
"""How far before the first symptom the metrics are read."""

log = Logger(service="responder")
T = TypeVar("T")


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Take a batch of the Investigations queue; answers with the records that are to be delivered again."""
    settings = Responder.from_environment(os.environ)
    now = datetime.now(UTC)
    failed = records.each(records.of(event), lambda record: _take(record, settings, now), log)
    return records.response(failed)


def _take(record: Record, settings: Responder, now: datetime) -> None:
    try:
        order = orders.parse(record.body)
    except MalformedEvent as malformed:
        queues.bury(settings.dead_letters_queue, record.body, reason=str(malformed), source=record.source)
        log.warning("record buried", extra={"message_id": record.id, "reason": str(malformed)})
        return
    if isinstance(order, Investigate):
        _investigate(order, settings, now)


def _investigate(order: Investigate, settings: Responder, now: datetime) -> None:
    table, key, identity = settings.table, order.group, order.incident
    group = groups.group(table, key)
    if group is None or group.incident != identity or flushes.investigation(table, key, identity) is not None:
        return
    subject = _endpoint(groups.members(table, key))
    if subject is None:
        return
    since = group.opened_at or now
    found = _look_up(subject, since, now)
    changes = groups.deployments(table, subject.kind, subject.name)

    investigation = findings.conclude(found, changes, since=since, now=now)

    flushes.investigated(table, key, identity, investigation, now=now, audit_days=settings.audit_days)
    cause = investigation.cause.confidence.value if investigation.cause else "none"
    log.info("incident investigated", extra={"group": key, "incident": identity, "cause": cause})


def _endpoint(members: Iterable[Kept]) -> Subject | None:
    """The endpoint that the group's worst standing alert is about, one that names a variant first."""
    standing = [one.alert for one in members if one.alert.stands and one.alert.facts.subject.kind == "endpoint"]
    if not standing:
        return None
    ranked = sorted(standing, key=lambda alert: (not alert.facts.subject.variant, telling(alert)))
    return ranked[0].facts.subject


def _look_up(subject: Subject, since: datetime, now: datetime) -> Findings:
    """Everything that AWS lets us read; the rest by name and reason."""
    missing: list[tuple[str, str]] = []

    def read(thing: str, call: Callable[[], T]) -> T | None:
        answer = attempt(call)
        if isinstance(answer, Refused):
            log.warning("lookup refused", extra={"thing": thing, "code": answer.code})
            missing.append((thing, findings.denial(answer.code, answer.message)))
            return None
        return answer

    name = subject.name
    endpoint = read("endpoint", lambda: sagemaker.describe_endpoint(name))
    current = endpoint.config if endpoint else ""
    config = read("endpoint config", lambda: sagemaker.describe_config(current)) if current else None
    others = read("earlier configs", lambda: sagemaker.list_configs(name)) if current else None
    variant = subject.variant or (endpoint.variants[0].name if endpoint and endpoint.variants else "")
    start = since - BASELINE
    minutes = read("metrics", lambda: cloudwatch.minutes(name, variant, start=start, end=now)) if variant else None
    return Findings(endpoint, config, others or (), minutes or (), tuple(missing))
