"""What the functions ask of one another through the queues."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.incidents import instants
from core.incidents.events import MalformedEvent
from core.incidents.keys import Key
from core.incidents.signals import Heartbeat

LONGEST_DELAY = timedelta(minutes=15)
"""How long SQS can hold a message back: SendMessage, DelaySeconds."""


@dataclass(frozen=True, slots=True)
class Flush:
    """Decide about the group: its flush is owed at `due`.

    `early` says that the queue could not wait until then, so the order is to be queued again. Otherwise the queue's
    delay counts and not the reader's clock.
    """

    group: str
    due: datetime
    early: bool = False


@dataclass(frozen=True, slots=True)
class Digest:
    """Send what the storm guard folded away for a receiver: owed at `due`. `early` as for a flush."""

    receiver: str
    due: datetime
    early: bool = False


@dataclass(frozen=True, slots=True)
class Investigate:
    """Look at the endpoint of a group's incident."""

    group: str
    incident: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send one delivery of the outbox, if it is still owed."""

    place: Key


Order = Flush | Digest | Investigate | Deliver | Heartbeat


def timed(order: Flush | Digest, now: datetime) -> tuple[dict[str, str], timedelta]:
    """The body of an order and how long the queue is to hold it back."""
    delay = max(order.due - now, timedelta(0))
    return body(replace(order, early=delay > LONGEST_DELAY)), min(delay, LONGEST_DELAY)


def body(order: Order) -> dict[str, str]:
    """The body of an order."""
    match order:
        case Flush(group, due, early):
            return {"kind": "flush", "group": group, "due": due.isoformat(), **_EARLY[early]}
        case Digest(receiver, due, early):
            return {"kind": "digest", "receiver": receiver, "due": due.isoformat(), **_EARLY[early]}
        case Investigate(group, incident):
            return {"kind": "investigate", "group": group, "incident": incident}
        case Deliver((partition, sort)):
            return {"kind": "deliver", "pk": partition, "sk": sort}
        case Heartbeat():
            return {"kind": "heartbeat"}


def parse(text: str) -> Order:
    """What a body says; raises MalformedEvent naming the key that is wrong."""
    try:
        found = json.loads(text)
    except ValueError:
        raise MalformedEvent("body: not JSON") from None
    match found:
        case {"kind": "heartbeat"}:
            return Heartbeat()
        case {"kind": "flush", "group": str(group), "due": str(due)} if group:
            return Flush(group, _instant(due), found.get("early") == "yes")
        case {"kind": "digest", "receiver": str(receiver), "due": str(due)} if receiver:
            return Digest(receiver, _instant(due), found.get("early") == "yes")
        case {"kind": "investigate", "group": str(group), "incident": str(incident)} if group:
            return Investigate(group, incident)
        case {"kind": "deliver", "pk": str(partition), "sk": str(sort)} if partition and sort:
            return Deliver((partition, sort))
        case {"kind": "flush" | "digest" | "investigate" | "deliver" as kind}:
            raise MalformedEvent(f"{kind}: {_NEEDS[kind]} are needed, each a text")
        case _:
            raise MalformedEvent("kind: heartbeat, flush, digest, investigate or deliver is needed")


def _instant(text: str) -> datetime:
    try:
        return instants.parse(text)
    except ValueError as error:
        raise MalformedEvent(f"due: {error}") from None


_EARLY: dict[bool, dict[str, str]] = {True: {"early": "yes"}, False: {}}
_NEEDS = {
    "flush": "group and due",
    "digest": "receiver and due",
    "investigate": "group and incident",
    "deliver": "pk and sk",
}
