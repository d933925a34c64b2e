"""The table's flushes: what was decided about a group, written in one transaction with what is to be sent for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.incidents import instants, keys, record
from core.incidents.batch import AlertWrite
from core.incidents.evidence import Investigation
from core.incidents.group import Group
from core.incidents.notification import Notification, Reason
from core.incidents.policy import Channel
from core.incidents.storm import Storm
from lambdas.adapters import groups, items
from lambdas.adapters.items import Item, expiry, number, text
from lambdas.adapters.outbox import LEASE, Delivery, item_of

_TELLING = frozenset({Reason.BRIEF, Reason.MUTED, Reason.INHIBITED, Reason.SILENCED, Reason.STORM, Reason.NO_RESOLVES})
"""Decisions to send nothing that the audit trail explains; the others say that there was nothing to send."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What a flush writes: its group, the alerts that settled, and what is to be sent."""

    group: Group | None
    settled: tuple[AlertWrite, ...] = ()
    notification: Notification | None = None
    channels: tuple[Channel, ...] = ()
    storm: Storm | None = None
    """As it is to be written; None leaves it."""
    storm_read: int = 0
    """The version of the receiver's item that must still stand."""
    reason: Reason = Reason.NOTHING
    closed: str = ""


def commit(table: str, made: Commit, *, now: datetime, audit_days: int) -> tuple[Delivery, ...]:
    """Write the flush whole and return its deliveries, leased to the caller; raises Conflict when it was overtaken."""
    told = made.notification
    deliveries = _deliveries(told, made.channels, now) if told is not None else ()
    actions: list[dict[str, Any]] = []
    if made.group is not None:
        written = replace(made.group, version=made.group.version + 1)
        actions.append(groups.put_version(table, groups.group_item(written, now), made.group.version))
        if not made.reason.sends and made.reason in _TELLING:
            actions.append(groups.put(table, _decision(made, now, audit_days)))
    if made.storm is not None:
        item = _storm_item(made.storm, made.storm_read + 1, now)
        actions.append(groups.put_version(table, item, made.storm_read))
    if told is not None:
        actions.append(groups.put(table, _message(told, now, audit_days)))
        actions += [groups.put(table, item_of(each, now + LEASE, now, audit_days)) for each in deliveries]
    if update := _incident(table, made, now):
        actions.append(update)
    room = items.MAX_ACTIONS - len(actions)
    overflow, last = made.settled[:-room] if len(made.settled) > room else (), made.settled[-room:]
    for start in range(0, len(overflow), items.MAX_ACTIONS):
        settled = overflow[start : start + items.MAX_ACTIONS]
        items.transact([groups.alert_action(table, entry, now) for entry in settled])
    items.transact([*actions, *(groups.alert_action(table, entry, now) for entry in last)])
    return deliveries


def investigation(table: str, key: str, incident: str) -> Investigation | None:
    """What the responder found about an incident."""
    item = items.get(table, keys.investigation(key, incident))
    return None if item is None else record.decode_investigation(item["document"]["S"])


def investigated(table: str, key: str, incident: str, found: Investigation, *, now: datetime, audit_days: int) -> None:
    """Keep what the responder found; a second look replaces the first."""
    item = {
        **items.key(keys.investigation(key, incident)),
        "document": text(record.encode_investigation(found)),
        "expires_at": expiry(now, audit_days),
    }
    items.put(table, item)


def storm(table: str, receiver: str) -> tuple[Storm | None, int]:
    """The storm guard's memory of a receiver, and its version (0: none yet)."""
    item = items.get(table, keys.receiver(receiver))
    return (None, 0) if item is None else (record.decode_storm(item["document"]["S"]), int(item["version"]["N"]))


def _deliveries(told: Notification, channels: Sequence[Channel], now: datetime) -> tuple[Delivery, ...]:
    message = keys.message(told.group, told.at, told.seq)
    return tuple(
        Delivery(
            keys.delivery(message, index),
            told.group,
            told.incident,
            told.receiver,
            channel,
            index,
            created_at=instants.show(now),
        )
        for index, channel in enumerate(channels)
    )


def _message(told: Notification, now: datetime, audit_days: int) -> Item:
    return {
        **items.key(keys.message(told.group, told.at, told.seq)),
        "document": text(record.encode_notification(told)),
        "reason": text(told.reason.value),
        "incident": text(told.incident),
        "receiver": text(told.receiver),
        "severity": text(told.severity.value),
        "notification_id": text(told.id),
        "expires_at": expiry(now, audit_days),
    }


def _decision(made: Commit, now: datetime, audit_days: int) -> Item:
    assert made.group is not None  # noqa: S101 - the caller's case
    return {
        **items.key(keys.decision(made.group.key, now)),
        "reason": text(made.reason.value),
        "incident": text(made.group.incident or made.closed),
        "expires_at": expiry(now, audit_days),
    }


def _storm_item(guard: Storm, version: int, now: datetime) -> Item:
    item: Item = {
        **items.key(keys.receiver(guard.receiver)),
        "document": text(record.encode_storm(guard)),
        "version": number(version),
    }
    if guard.digest_at is None:
        return item | {"expires_at": expiry(now, groups.QUIET_DAYS)}
    return item | groups.owed(item["pk"]["S"], guard.digest_at)


def _incident(table: str, made: Commit, now: datetime) -> dict[str, Any] | None:
    """What the list of incidents is to say after this flush, when that changes."""
    told, identity = made.notification, made.closed
    if told is not None and told.incident:
        identity = identity or told.incident
    if not identity:
        return None
    sets: dict[str, Any] = {}
    if told is not None and told.incident == identity:
        sets |= {"severity": text(told.severity.value), "firing": number(told.firing_count)}
        if told.investigation is not None and told.investigation.cause is not None:
            sets["cause"] = text(told.investigation.cause.text)
    if made.closed:
        ended = told.resolved_at if told is not None and told.resolved_at is not None else now
        sets["resolved_at"] = text(instants.show(ended))
    sets["told"] = text((told.reason if told is not None else made.reason).value)
    names = {f"#{name}": name for name in sets}
    return {
        "Update": {
            "TableName": table,
            "Key": items.key(keys.incident(identity)),
            "UpdateExpression": f"SET {', '.join(f'#{name} = :{name}' for name in sets)}"
            + (" REMOVE open_shard" if made.closed else ""),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {f":{name}": value for name, value in sets.items()},
        }
    }
