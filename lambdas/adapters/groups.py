"""The table's groups and alerts: what a batch needs to know, what it writes, and what a flush decides over.

Indexes: `due` (groups by their next flush, deliveries by their next attempt, in shards so that a storm does not write
into one partition), `firing` (alerts that stand; those that an inhibition asks for in a shard of their own).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.incidents import batch, changes, instants, keys, record
from core.incidents.alert import Alert
from core.incidents.batch import AlertWrite, Arrival, GroupWrite, Handled, Kept, Memory, Opened, Write
from core.incidents.evidence import Change
from core.incidents.group import Group
from core.incidents.keys import Key
from lambdas.adapters import items
from lambdas.adapters.items import Item, expiry, number, text

ALERT_DAYS = 7
"""An alert that ended is remembered this long, so that its late events change nothing."""
QUIET_DAYS = 30
"""A group without members is forgotten after this long."""
CHANGE_DAYS = 30
SHARDS = 4
"""Of the indexes `due` and `firing`."""
SOURCES = "source"
"""The shard of `firing` with the alerts that inhibit others."""
MAX_REASON = 300
OPEN = "open"
"""The one shard of the index of that name: few incidents run at a time."""


@dataclass(frozen=True, slots=True)
class Owed:
    """An item of the index `due`: a group's flush, a receiver's digest or a delivery."""

    place: Key
    at: datetime


def read(table: str, arrivals: Sequence[Arrival]) -> Memory:
    """The groups and alerts that the arrivals touch, and the markers of the late ones among them."""
    groups = {keys.group(key): key for one in arrivals for key, _ in one.targets}
    alerts = {keys.alert(key, one.fingerprint): (key, one.fingerprint) for one in arrivals for key, _ in one.targets}
    memory = Memory()
    for item in items.batch(table, [*groups, *alerts]):
        place = _place(item)
        if place in groups:
            memory.groups[groups[place]] = _group(item)
        else:
            memory.alerts[alerts[place]] = kept(item)
    markers = {
        keys.event(key, signal.at, signal.event_key): (key, signal.event_key)
        for key, signal in batch.late(arrivals, memory.alerts)
    }
    memory.markers |= {markers[_place(item)] for item in items.batch(table, markers, only="pk, sk")}
    return memory


def commit(table: str, write: Write, *, now: datetime, audit_days: int) -> None:
    """Write all of it or nothing; raises Conflict when somebody else was faster."""
    items.transact(
        [
            *(_group_action(table, entry, now) for entry in write.groups),
            *(alert_action(table, entry, now) for entry in write.alerts),
            *(put(table, _event_item(entry, now, audit_days)) for entry in write.handled),
            *(put(table, _incident_item(entry, now, audit_days)) for entry in write.opened),
            *(
                put(
                    table,
                    {
                        **items.key(keys.change(facts.subject.kind, facts.subject.name, word.at)),
                        "document": text(changes.encode(word)),
                        "expires_at": expiry(now, CHANGE_DAYS),
                    },
                )
                for facts, word in write.deployments
            ),
        ]
    )


def group(table: str, key: str) -> Group | None:
    """A group, read consistently."""
    item = items.get(table, keys.group(key))
    return None if item is None else _group(item)


def replace_group(table: str, changed: Group, *, now: datetime) -> None:
    """Write a group over the version that it was read at; raises Conflict when it was overtaken."""
    written = replace(changed, version=changed.version + 1)
    items.transact([put_version(table, group_item(written, now), changed.version)])


def members(table: str, key: str) -> tuple[Kept, ...]:
    """Every alert that the group has known, ended ones of the last days included."""
    return tuple(kept(item) for item in items.query(table, keys.partition(key), prefix=keys.ALERTS))


def sources(table: str) -> tuple[Alert, ...]:
    """The standing alerts that inhibitions ask for; the index lags the table by moments."""
    found = items.index(table, "firing", "firing_shard = :shard", shard=SOURCES)
    return tuple(record.decode_alert(item["document"]["S"]) for item in found)


def firing(table: str) -> tuple[Alert, ...]:
    """All standing alerts, once for each group that they are in."""
    return tuple(
        record.decode_alert(item["document"]["S"])
        for shard in (SOURCES, *map(str, range(SHARDS)))
        for item in items.index(table, "firing", "firing_shard = :shard", shard=shard)
    )


def due(table: str, *, now: datetime) -> tuple[Owed, ...]:
    """What is owed by `now`, longest first. The index lags the table by moments."""
    found = [
        Owed(_place(item), instants.parse(item["due_at"]["S"]))
        for shard in range(SHARDS)
        for item in items.index(
            table, "due", "due_shard = :shard AND due_at <= :now", shard=str(shard), now=instants.show(now)
        )
    ]
    return tuple(sorted(found, key=lambda owed: (owed.at, owed.place)))


def deployments(table: str, kind: str, name: str) -> tuple[Change, ...]:
    """The newest deployments to a subject, oldest first."""
    found = items.query(table, keys.changes(kind, name), prefix=keys.CHANGES)
    return changes.told(changes.decode(item["document"]["S"]) for item in found)


def kept(item: Item) -> Kept:
    """An alert's item."""
    return Kept(record.decode_alert(item["document"]["S"]), int(item["revision"]["N"]), int(item["stamp"]["N"]))


def group_item(written: Group, now: datetime) -> Item:
    """A group's item, in the index `due` while a flush is owed."""
    item: Item = {
        **items.key(keys.group(written.key)),
        "document": text(record.encode_group(written)),
        "version": number(written.version),
    }
    if written.next_flush is None:
        return item | {"expires_at": expiry(now, QUIET_DAYS)}
    return item | owed(item["pk"]["S"], written.next_flush)


def owed(partition: str, at: datetime) -> Item:
    """The attributes that put an item into the index `due`."""
    return {"due_shard": text(_shard(partition)), "due_at": text(instants.show(at))}


def put_version(table: str, item: Item, read_version: int, *, counter: str = "version") -> dict[str, Any]:
    """The action that replaces an item whose `counter` is still the one read (0: there was none)."""
    return put(table, item, **_still(read_version, counter))


def alert_action(table: str, entry: AlertWrite, now: datetime) -> dict[str, Any]:
    """The action that writes an alert over the revision before."""
    alert, place = entry.kept.alert, keys.alert(entry.key, entry.kept.alert.fingerprint)
    item: Item = {
        **items.key(place),
        "document": text(record.encode_alert(alert)),
        "revision": number(entry.kept.revision),
        "stamp": number(entry.kept.stamp),
    }
    if alert.stands:
        shard = SOURCES if entry.source else _shard(alert.fingerprint)
        item |= {"firing_shard": text(shard), "firing_since": text(instants.show(alert.starts_at or alert.at))}
    else:
        item["expires_at"] = expiry(now, ALERT_DAYS)
    return put_version(table, item, entry.kept.revision - 1, counter="revision")


def _group_action(table: str, entry: GroupWrite, now: datetime) -> dict[str, Any]:
    if entry.group is not None:
        return put_version(table, group_item(entry.group, now), entry.read)
    place = items.key(keys.group(entry.key))
    return {"ConditionCheck": {"TableName": table, "Key": place, **_still(entry.read, "version")}}


def _event_item(entry: Handled, now: datetime, audit_days: int) -> Item:
    signal = entry.signal
    item: Item = {
        **items.key(keys.event(entry.key, signal.at, signal.event_key)),
        "event": text(signal.event_key),
        "outcome": text(entry.outcome.value),
        "incident": text(entry.incident),
        "source": text(signal.name),
        "state": text(signal.state.value),
        "reason": text(signal.reason[:MAX_REASON]),
        "handled_at": text(instants.show(now)),
        "expires_at": expiry(now, audit_days),
    }
    if signal.value is not None:
        item["value"] = text(repr(signal.value))
    if signal.muted_by:
        item["muted_by"] = text(signal.muted_by[:MAX_REASON])
    return item


def _incident_item(entry: Opened, now: datetime, audit_days: int) -> Item:
    opened, facts = entry.group, entry.facts
    return {
        **items.key(keys.incident(opened.incident)),
        "group": text(opened.key),
        "receiver": text(opened.receiver),
        "subject": text(f"{facts.subject.kind}/{facts.subject.name}"),
        "title": text(facts.title),
        "owner": text(facts.owner),
        "severity": text(facts.severity.value),
        "opened_at": text(instants.show(opened.opened_at or now)),
        "open_shard": text(OPEN),
        "expires_at": expiry(now, audit_days),
    }


def _still(version: int, counter: str) -> dict[str, Any]:
    if version == 0:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {
        "ConditionExpression": "#counter = :read",
        "ExpressionAttributeNames": {"#counter": counter},
        "ExpressionAttributeValues": {":read": number(version)},
    }


def put(table: str, item: Item, **condition: Any) -> dict[str, Any]:
    """The action that writes an item whole."""
    return {"Put": {"TableName": table, "Item": item, **condition}}


def _group(item: Item) -> Group:
    return record.decode_group(item["document"]["S"])


def _place(item: Item) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def _shard(name: str) -> str:
    return str(hashlib.sha256(name.encode()).digest()[0] % SHARDS)
