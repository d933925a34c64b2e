"""What the functions ask of one another through the queues."""

import json
from dataclasses import dataclass

from core.incidents.events import MalformedEvent
from core.incidents.signals import Heartbeat


@dataclass(frozen=True, slots=True)
class Order:
    """Look at this group's incident: the notifier flushes it, the responder investigates it."""

    group: str
    incident: str


def heartbeat() -> dict[str, str]:
    """The body that carries the dead-man's switch on."""
    return {"kind": "heartbeat"}


def body(order: Order) -> dict[str, str]:
    """The body of an order."""
    return {"kind": "incident", "group": order.group, "incident": order.incident}


def parse(text: str) -> Order | Heartbeat:
    """What a body says; raises MalformedEvent naming the key that is wrong."""
    try:
        found = json.loads(text)
    except ValueError:
        raise MalformedEvent("body: not JSON") from None
    match found:
        case {"kind": "heartbeat"}:
            return Heartbeat()
        case {"kind": "incident", "group": str(group), "incident": str(incident)} if group:
            return Order(group, incident)
        case {"kind": "incident"}:
            raise MalformedEvent("group, incident: texts are needed")
        case _:
            raise MalformedEvent("kind: heartbeat or incident is needed")
