"""Rights to act, once each, and what is done by one: a nonce, a silence and its line in the audit trail.

AWS calls: GetItem, PutItem, TransactWriteItems (Delete, Put).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.incidents import instants, keys, record
from core.incidents.silences import Silence
from lambdas.adapters import audit, items
from lambdas.adapters.items import Conflict, expiry, text
from lambdas.adapters.silences import SILENCE_DAYS

VALID = timedelta(minutes=10)
"""From the page to its button."""


@dataclass(frozen=True, slots=True)
class Right:
    """What a nonce is for."""

    incident: str
    until: datetime


def give(table: str, secret: str, incident: str, *, now: datetime) -> None:
    """Keep the right to act on the incident; the table gets the secret's hash."""
    item = {
        **items.key(keys.nonce(secret)),
        "incident": text(incident),
        "until": text(instants.show(now + VALID)),
        "expires_at": expiry(now, 1),
    }
    items.put(table, item)


def find(table: str, secret: str, *, now: datetime) -> Right | None:
    """What the nonce is for; None when it was used, has expired or never was."""
    item = items.get(table, keys.nonce(secret))
    if item is None:
        return None
    right = Right(audit.text(item, "incident"), instants.parse(audit.text(item, "until")))
    return right if now < right.until else None


def use(table: str, secret: str, group: str, right: Right, silence: Silence, *, now: datetime, audit_days: int) -> bool:
    """Silence, and use the nonce up, in one step; False when somebody used it first."""
    line = {
        **items.key(keys.action(group, now, secret)),
        "incident": text(right.incident),
        "what": text(f"silence {silence.id} until {instants.show(silence.ends_at)}"),
        "by": text(silence.created_by),
        "expires_at": expiry(now, audit_days),
    }
    kept = {
        **items.key(keys.silence(silence.id)),
        "document": text(record.encode_silence(silence)),
        "expires_at": expiry(silence.ends_at, SILENCE_DAYS),
    }
    nonce = {"Key": items.key(keys.nonce(secret)), "ConditionExpression": "attribute_exists(pk)"}
    try:
        items.transact(
            [
                {"Delete": {"TableName": table, **nonce}},
                {"Put": {"TableName": table, "Item": kept}},
                {"Put": {"TableName": table, "Item": line}},
            ]
        )
    except Conflict:
        return False
    return True
