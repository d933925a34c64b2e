"""The responder: looks an endpoint up when its incident opens, and adds what it finds to the incident.

What cannot be read becomes a line that says so; only the store's own failures are retried.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from aws_lambda_powertools import Logger

from core.incidents import findings, orders
from core.incidents import incident as incidents
from core.incidents.events import MalformedEvent
from core.incidents.findings import Findings
from core.incidents.incident import Incident
from core.incidents.signals import Heartbeat
from core.settings import Responder
from lambdas import records
from lambdas.adapters import cloudwatch, queues, sagemaker, table
from lambdas.adapters.attempts import Refused, attempt
from lambdas.adapters.table import Conflict
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
    if not isinstance(order, Heartbeat):
        _investigate(order.group, order.incident, settings, now)


def _investigate(group: str, identity: str, settings: Responder, now: datetime) -> None:
    incident = _wanted(group, identity, settings)
    if incident is None:
        return
    found = _look_up(incident, now)

    investigation = findings.conclude(incident, found, now=now)

    for _ in range(table.ATTEMPTS):
        current = _wanted(group, identity, settings)
        if current is None:
            return
        try:
            table.put(settings.table, incidents.investigated(current, investigation), now=now)
        except Conflict:
            continue
        cause = investigation.cause.confidence.value if investigation.cause else "none"
        log.info("incident investigated", extra={"group": group, "incident": identity, "cause": cause})
        return
    raise Conflict(f"{group}: {table.ATTEMPTS} attempts to add the evidence were overtaken")


def _wanted(group: str, identity: str, settings: Responder) -> Incident | None:
    """The incident, while it is the group's own and nobody has looked yet."""
    found = table.get(settings.table, group)
    wanted = found is not None and found.id == identity and found.investigation is None
    return found if wanted else None


def _look_up(incident: Incident, now: datetime) -> Findings:
    """Everything that AWS lets us read; the rest by name and reason."""
    missing: list[tuple[str, str]] = []

    def read(thing: str, call: Callable[[], T]) -> T | None:
        answer = attempt(call)
        if isinstance(answer, Refused):
            log.warning("lookup refused", extra={"thing": thing, "code": answer.code})
            missing.append((thing, findings.denial(answer.code, answer.message)))
            return None
        return answer

    name = incident.subject.name
    endpoint = read("endpoint", lambda: sagemaker.describe_endpoint(name))
    current = endpoint.config if endpoint else ""
    config = read("endpoint config", lambda: sagemaker.describe_config(current)) if current else None
    others = read("earlier configs", lambda: sagemaker.list_configs(name)) if current else None
    variant = incident.subject.variant or (endpoint.variants[0].name if endpoint and endpoint.variants else "")
    start = (incident.since or now) - BASELINE
    minutes = read("metrics", lambda: cloudwatch.minutes(name, variant, start=start, end=now)) if variant else None
    return Findings(endpoint, config, others or (), minutes or (), tuple(missing))
