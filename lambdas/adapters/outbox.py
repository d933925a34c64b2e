"""The table's deliveries: messages on the channels of their receivers, and how far the sending of each came.

A message is what a flush decided, a delivery is that message on one channel. An unsent delivery is in the index `due`:
first for the end of its sender's lease, then for its next attempt. So what a crash left unsent is found.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from core.channels.outcome import Outcome
from core.incidents import instants, keys, record
from core.incidents.keys import Key
from core.incidents.notification import Notification
from core.incidents.policy import Channel, ChannelKind
from lambdas.adapters import groups, items
from lambdas.adapters.items import Item, expiry, number, text

LEASE = timedelta(seconds=60)
"""Twice a sender's timeout: a delivery that is still unsent then has lost its sender."""
MAX_SAID = 300
FALLBACK = 100
"""Added to a delivery's number: the delivery on the deployment's topics that takes its place."""


class Status(StrEnum):
    """How far a delivery came."""

    UNSENT = "unsent"
    SENT = "sent"
    REFUSED = "refused"
    """The channel will not take it; another one was asked."""
    FAILED = "failed"
    """Given up; a replay tries again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on one channel. `attempts` counts the senders that took it up; `number` tells channels apart."""

    place: Key
    group: str
    incident: str
    receiver: str
    channel: Channel
    number: int
    status: Status = Status.UNSENT
    attempts: int = 1
    created_at: str = ""


def take(table: str, place: Key, *, now: datetime) -> tuple[Delivery, Notification] | None:
    """The delivery with the right to send it, and its message; None when it is sent, taken or not due.

    One that was refused or given up may be taken at any time, unless it is superseded: only a replay asks for it.
    Raises Conflict when another sender was faster.
    """
    item = items.get(table, place)
    if item is None or item["status"]["S"] == Status.SENT:
        return None
    if item["status"]["S"] == Status.UNSENT and item["due_at"]["S"] > instants.show(now):
        return None
    if item["status"]["S"] != Status.UNSENT and superseded(table, item):
        return None
    message = items.get(table, keys.message_of(place))
    if message is None:
        return None
    delivery = _read(item)
    taken = replace(delivery, attempts=delivery.attempts + 1, status=Status.UNSENT)
    lease = groups.owed(place[0], now + LEASE)
    items.update(
        table,
        place,
        "SET attempts = :next, due_shard = :shard, due_at = :lease, #status = :unsent",
        condition="attempts = :read AND #status = :found",
        values={
            ":next": number(taken.attempts),
            ":read": number(delivery.attempts),
            ":shard": lease["due_shard"],
            ":lease": lease["due_at"],
            ":unsent": text(Status.UNSENT),
            ":found": text(delivery.status),
        },
        names={"#status": "status"},
    )
    return taken, record.decode_notification(message["document"]["S"])


def superseded(table: str, item: Item) -> bool:
    """Whether a later message of the incident arrived on the delivery's channel, or is on its way to it.

    A message tells the whole of what stands, so the earlier one is news to nobody.
    """
    earlier = _read(item)
    numbers = {earlier.number, earlier.number % FALLBACK}
    after = items.query(table, earlier.place[0], since=f"{earlier.place[1]}~", until=f"{keys.DELIVERIES}~")
    return any(
        (later.incident, later.receiver) == (earlier.incident, earlier.receiver)
        and later.number in numbers
        and later.status in {Status.SENT, Status.UNSENT}
        for later in map(_read, after)
    )


def settle(table: str, delivery: Delivery, status: Status, outcome: Outcome, *, now: datetime) -> None:
    """Note that nothing more is to be done; raises Conflict when another sender took the delivery meanwhile."""
    items.update(
        table,
        delivery.place,
        "SET #status = :status, said = :said, settled_at = :now REMOVE due_shard, due_at",
        condition="attempts = :read",
        values={
            ":status": text(status),
            ":said": text((outcome.reference if outcome.sent else outcome.reason)[:MAX_SAID]),
            ":now": text(instants.show(now)),
            ":read": number(delivery.attempts),
        },
        names={"#status": "status"},
    )


def postpone(table: str, delivery: Delivery, outcome: Outcome, *, until: datetime) -> None:
    """Give the right to send back until later; raises Conflict as `settle` does."""
    items.update(
        table,
        delivery.place,
        "SET due_at = :until, said = :said",
        condition="attempts = :read",
        values={
            ":until": text(instants.show(until)),
            ":said": text(outcome.reason[:MAX_SAID]),
            ":read": number(delivery.attempts),
        },
        names={},
    )


def add(table: str, delivery: Delivery, *, now: datetime, audit_days: int) -> bool:
    """Add a delivery of the same message, leased to the caller; False when it was there."""
    item = item_of(delivery, now + LEASE, now, audit_days)
    try:
        items.transact([groups.put_version(table, item, 0)])
    except items.Conflict:
        return False
    return True


def reference(table: str, delivery: Delivery) -> str:
    """What the channel calls the first message of the incident that it took; "" when there is none."""
    item = items.get(table, _reference_key(delivery))
    return "" if item is None else str(item["reference"]["S"])


def refer(table: str, delivery: Delivery, outcome: Outcome, *, now: datetime, audit_days: int) -> None:
    """Keep what the channel calls the message, for those that edit it later."""
    item = {**items.key(_reference_key(delivery)), "reference": text(outcome.reference)}
    items.put(table, item | {"expires_at": expiry(now, audit_days)})


def edits(delivery: Delivery) -> bool:
    """Whether the channel goes on with an incident's first message."""
    return bool(delivery.incident) and delivery.channel.kind in {ChannelKind.SLACK_BOT, ChannelKind.OPSCENTER}


def unsent(table: str, key: str) -> Iterator[Delivery]:
    """The deliveries of a group that were given up or are still owed."""
    for item in items.query(table, keys.partition(key), prefix=keys.DELIVERIES):
        if item["status"]["S"] in {Status.UNSENT, Status.FAILED}:
            yield _read(item)


def item_of(delivery: Delivery, due: datetime, now: datetime, audit_days: int) -> Item:
    """A delivery's item, in the index `due`."""
    channel = delivery.channel
    return {
        **items.key(delivery.place),
        "group": text(delivery.group),
        "incident": text(delivery.incident),
        "receiver": text(delivery.receiver),
        "channel": text(json.dumps([channel.kind.value, channel.target, channel.secret, channel.options])),
        "number": number(delivery.number),
        "status": text(delivery.status),
        "attempts": number(delivery.attempts),
        "created_at": text(delivery.created_at),
        "expires_at": expiry(now, audit_days),
        **groups.owed(delivery.place[0], due),
    }


def _read(item: Item) -> Delivery:
    kind, target, secret, options = json.loads(item["channel"]["S"])
    return Delivery(
        place=(item["pk"]["S"], item["sk"]["S"]),
        group=item["group"]["S"],
        incident=item["incident"]["S"],
        receiver=item["receiver"]["S"],
        channel=Channel(ChannelKind(kind), target, secret, tuple((name, value) for name, value in options)),
        number=int(item["number"]["N"]),
        status=Status(item["status"]["S"]),
        attempts=int(item["attempts"]["N"]),
        created_at=item["created_at"]["S"],
    )


def _reference_key(delivery: Delivery) -> Key:
    kind, target = delivery.channel.kind.value, delivery.channel.target
    return keys.partition(delivery.group), f"reference#{delivery.incident}#{delivery.receiver}#{kind}#{target}"
