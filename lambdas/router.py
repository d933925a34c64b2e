"""The router: alarm and endpoint events into incidents, one transaction a batch.

A record that cannot be understood is buried at once with its reason; one that makes the code raise is left to SQS's
retries and its redrive policy; the rest of the batch is affected by neither.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger

from core.incidents import batch, events, labels, orders
from core.incidents.batch import Arrival, Plan
from core.incidents.events import MalformedEvent
from core.incidents.orders import Order
from core.incidents.signals import Heartbeat
from core.settings import Router
from lambdas import records
from lambdas.adapters import facts, queues, table
from lambdas.adapters.table import Conflict
from lambdas.records import Record

log = Logger(service="router")


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Take one batch of the Events queue; answers with the records that are to be delivered again."""
    settings = Router.from_environment(os.environ)
    now = datetime.now(UTC)
    arrivals: list[Arrival] = []
    failed = records.each(records.of(event), lambda record: arrivals.extend(_take(record, settings)), log)

    try:
        plan = _commit(arrivals, settings, now)
        _tell(plan, settings, now)
    except Exception:  # what was buried is done; only the signals may be delivered again
        log.exception("batch failed", extra={"signals": len(arrivals)})
        return records.response([*failed, *(arrival.record for arrival in arrivals)])

    for record, error in plan.failed:
        log.error("signal failed", exc_info=error, extra={"message_id": record})
    log.info(
        "batch routed",
        extra={
            "signals": len(arrivals),
            "groups": len(plan.changes),
            "notifications": len(plan.notify),
            "investigations": len(plan.investigate),
            "failed": len(failed) + len(plan.failed),
        },
    )
    return records.response([*failed, *(record for record, _ in plan.failed)])


def _take(record: Record, settings: Router) -> tuple[Arrival, ...]:
    """The record's signal; heartbeats are passed on and malformed records buried, and neither leaves one."""
    try:
        parsed = events.parse(record.body)
    except MalformedEvent as malformed:
        queues.bury(settings.dead_letters_queue, record.body, reason=str(malformed), source=record.source)
        log.warning("record buried", extra={"message_id": record.id, "reason": str(malformed)})
        return ()
    if isinstance(parsed, Heartbeat):
        queues.send(settings.notifications_queue, orders.heartbeat())
        return ()
    return (Arrival(record.id, parsed, labels.classify(parsed, facts.load())),)


def _commit(arrivals: list[Arrival], settings: Router, now: datetime) -> Plan:
    """Read, fold, write; anew when another router or notifier was faster."""
    wait = timedelta(seconds=settings.group_wait_seconds)
    for attempt in range(1, table.ATTEMPTS + 1):
        found = table.read(settings.table, ((arrival.labels.group, arrival.signal) for arrival in arrivals))
        plan = batch.fold(arrivals, found.incidents, found.seen, now=now, group_wait=wait)
        try:
            table.commit(settings.table, plan.changes, now=now)
            return plan
        except Conflict:
            log.info("race lost", extra={"attempt": attempt})
    raise Conflict(f"{table.ATTEMPTS} attempts to write {len(arrivals)} signals were overtaken")


def _tell(plan: Plan, settings: Router, now: datetime) -> None:
    """After the commit: what is lost from here on, the notifier's sweep and the batch's retry find again."""
    for incident in plan.investigate:
        queues.send(settings.investigations_queue, orders.body(Order(incident.group, incident.id)))
    for incident in plan.notify:
        body = orders.body(Order(incident.group, incident.id))
        queues.send(settings.notifications_queue, body, delay=(incident.due_at or now) - now)
