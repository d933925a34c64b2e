"""The sweeper, each minute: asks again for what a queue lost, and for what an event never told.

It decides nothing about incidents: flushes and deliveries that are overdue become orders to the notifier, alarms whose
state the table does not know become events to the router.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger

from core.incidents import keys, orders, reconcile
from core.incidents.orders import Deliver, Digest, Flush
from core.settings import Sweeper
from lambdas.adapters import alarms, groups, queues
from lambdas.adapters.groups import Owed

_AT_ONCE = timedelta(0)

log = Logger(service="sweeper")


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Do both, each whether or not the other fails; answers how much was found, or raises what failed."""
    settings = Sweeper.from_environment(os.environ)
    now = datetime.now(UTC)
    found: dict[str, int] = {}
    errors: list[Exception] = []
    sweeps: tuple[tuple[str, Callable[[Sweeper, datetime], int]], ...] = (("overdue", _overdue), ("lost", _lost))
    for name, sweep in sweeps:
        try:
            found[name] = sweep(settings, now)
        except Exception as error:  # overdue flushes must not wait for CloudWatch, nor alarms for the table's index
            log.exception("sweep failed", extra={"sweep": name})
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"{len(errors)} of {len(sweeps)} sweeps failed", errors)
    log.info("swept", extra=found)
    return found


def _overdue(settings: Sweeper, now: datetime) -> int:
    owed = groups.due(settings.table, now=now)
    queues.send_all(settings.notifications_queue, [(_order(one), _AT_ONCE) for one in owed])
    return len(owed)


def _order(owed: Owed) -> dict[str, str]:
    match owed.place[1]:
        case keys.GROUP:
            return orders.body(Flush(owed.place[0], owed.at))
        case keys.STORM:
            return orders.body(Digest(owed.place[0].removeprefix(keys.RECEIVER), owed.at))
        case _:
            return orders.body(Deliver(owed.place))


def _lost(settings: Sweeper, now: datetime) -> int:
    """Hold what CloudWatch says against the alerts that stand; tell the router where they differ."""
    firing = groups.firing(settings.table)
    listed = alarms.alarming(settings.prefix)
    reread = alarms.described(reconcile.unlisted(listed, firing))

    differences = reconcile.differences(listed, reread, firing, now=now)

    queues.send_all(settings.events_queue, [(reconcile.wrap(one), _AT_ONCE) for one in differences])
    return len(differences)
