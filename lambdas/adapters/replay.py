"""Deliveries that did not arrive, owed again: the sweep finds them within a minute and sends them, and nothing else.

AWS calls: Query, UpdateItem.
"""

from collections.abc import Iterator
from datetime import datetime

from core.channels.listing import Line
from core.incidents import instants, keys
from core.incidents.keys import Key
from lambdas.adapters import audit, groups, items, outbox
from lambdas.adapters.items import Conflict, text
from lambdas.adapters.outbox import Status


def missing(table: str, line: Line, *, refused: bool) -> Iterator[Key]:
    """The incident's deliveries that were given up; `refused` ones too, which another channel stood in for.

    One is not missing where a later message of the incident went the same way.
    """
    wanted = {Status.FAILED.value} | ({Status.REFUSED.value} if refused else set())
    for item in items.query(table, keys.partition(line.group), prefix=keys.DELIVERIES):
        ours = audit.text(item, "incident") == line.id and audit.text(item, "status") in wanted
        if ours and not outbox.superseded(table, item):
            yield item["pk"]["S"], item["sk"]["S"]


def again(table: str, place: Key, *, now: datetime) -> bool:
    """Owe the delivery again; False when it arrived, or is owed, meanwhile."""
    owed = groups.owed(place[0], now)
    try:
        items.update(
            table,
            place,
            "SET #status = :unsent, due_shard = :shard, due_at = :at, created_at = :now",
            condition="#status IN (:failed, :refused)",
            values={
                ":unsent": text(Status.UNSENT),
                ":failed": text(Status.FAILED),
                ":refused": text(Status.REFUSED),
                ":shard": owed["due_shard"],
                ":at": owed["due_at"],
                ":now": text(instants.show(now)),
            },
            names={"#status": "status"},
        )
    except Conflict:
        return False
    return True
