"""The table in DynamoDB: one item a group with its incident, one a handled event, one a past incident.

| item          | pk             | sk                            | else                                            |
|---------------|----------------|-------------------------------|-------------------------------------------------|
| group         | `kind/subject` | `group`                       | document, version, due_shard + due_at when due  |
| event         | `kind/subject` | `event#<instant>#<hash>`      | outcome, incident; expires after 7 days         |
| past incident | `kind/subject` | `incident#<instant>#<id>`     | document; expires after 90 days                 |

AWS calls: BatchGetItem, GetItem, TransactWriteItems (Put), PutItem, Query on index `due`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from core.incidents import instants, record
from core.incidents.batch import GroupChange
from core.incidents.incident import Incident
from core.incidents.signals import Signal
from lambdas.adapters.clients import client

MAX_BATCH_KEYS = 100  # BatchGetItem
MAX_ACTIONS = 100  # TransactWriteItems
ATTEMPTS = 10
"""How often a lost race is decided again at once, before the record goes back to its queue for minutes."""
EVENT_DAYS = 7
INCIDENT_DAYS = 90
QUIET_DAYS = 30
DUE_SHARDS = 4
"""Partitions of the index `due`, so that a storm does not write into one."""


class Conflict(Exception):
    """Someone else changed an item first: read again, decide again."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a consistent read found: groups' records, and the keys of events handled before."""

    incidents: dict[str, Incident]
    seen: frozenset[str]


def read(table: str, wanted: Iterable[tuple[str, Signal]]) -> Snapshot:
    """The records of the groups of `wanted` and which of its signals were handled before."""
    wanted = tuple(wanted)
    events = {_event_key(group, signal): signal.event_key for group, signal in wanted}
    keys = [*((group, "group") for group in sorted({group for group, _ in wanted})), *events]
    items: list[dict[str, Any]] = []
    for start in range(0, len(keys), MAX_BATCH_KEYS):
        items += _batch_get(table, [_key(pk, sk) for pk, sk in keys[start : start + MAX_BATCH_KEYS]])
    groups = [item for item in items if item["sk"]["S"] == "group"]
    seen = (events.get((item["pk"]["S"], item["sk"]["S"])) for item in items)
    return Snapshot(
        {item["pk"]["S"]: _incident(item) for item in groups}, frozenset(key for key in seen if key is not None)
    )


def get(table: str, group: str) -> Incident | None:
    """The group's record, read consistently."""
    answer = client("dynamodb").get_item(TableName=table, Key=_key(group, "group"), ConsistentRead=True)
    item = answer.get("Item")
    return None if item is None else _incident(item)


def put(table: str, incident: Incident, *, now: datetime) -> Incident:
    """Write the record over the version it was read at, and return it as it now stands; raises Conflict."""
    written = replace(incident, version=incident.version + 1)
    try:
        client("dynamodb").put_item(TableName=table, **_versioned(written, now))
    except ClientError as error:
        if error.response["Error"]["Code"] in {"ConditionalCheckFailedException", "TransactionConflictException"}:
            raise Conflict(incident.group) from error
        raise
    return written


def commit(table: str, changes: Sequence[GroupChange], *, now: datetime) -> None:
    """Write the changes, each whole, in as few transactions as fit; raises Conflict when one was overtaken.

    A change of more actions than a transaction takes leaves event markers for the next: if that one never comes, the
    alerts themselves still know the events.
    """
    batch: list[dict[str, Any]] = []
    for change in changes:
        actions = _actions(table, change, now)
        if batch and len(batch) + len(actions) > MAX_ACTIONS:
            _transact(batch)
            batch = []
        while len(actions) > MAX_ACTIONS:
            _transact(actions[:MAX_ACTIONS])
            actions = actions[MAX_ACTIONS:]
        batch += actions
    if batch:
        _transact(batch)


def due(table: str, *, now: datetime) -> tuple[str, ...]:
    """The groups whose flush is owed by `now`, longest first. The index lags the table by moments."""
    found: list[tuple[str, str]] = []
    for shard in range(DUE_SHARDS):
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=table,
                IndexName="due",
                KeyConditionExpression="due_shard = :shard AND due_at <= :now",
                ExpressionAttributeValues={":shard": {"S": str(shard)}, ":now": {"S": instants.show(now)}},
            )
        )
        found += [(item["due_at"]["S"], item["pk"]["S"]) for page in pages for item in page["Items"]]
    return tuple(group for _, group in sorted(found))


def _transact(actions: list[dict[str, Any]]) -> None:
    try:
        client("dynamodb").transact_write_items(TransactItems=actions)
    except ClientError as error:
        if error.response["Error"]["Code"] == "TransactionCanceledException":
            raise Conflict(error.response["Error"]["Message"]) from error
        raise


def _actions(table: str, change: GroupChange, now: datetime) -> list[dict[str, Any]]:
    written = replace(change.incident, version=change.incident.version + 1)
    puts = [{"Put": {"TableName": table, **_versioned(written, now)}}]
    for handled in change.handled:
        item = {
            **_key(*_event_key(written.group, handled.signal)),
            "outcome": {"S": handled.outcome.value},
            "event": {"S": handled.signal.event_key},
            "incident": {"S": handled.incident},
            "handled_at": {"S": instants.show(now)},
            "expires_at": _expiry(now, EVENT_DAYS),
        }
        puts.append({"Put": {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}})
    for past in change.closed:
        opened = instants.show(past.opened_at or now)
        item = {
            **_key(past.group, f"incident#{opened}#{past.id}"),
            "document": {"S": record.encode(past)},
            "expires_at": _expiry(now, INCIDENT_DAYS),
        }
        puts.append({"Put": {"TableName": table, "Item": item}})
    return puts


def _versioned(written: Incident, now: datetime) -> dict[str, Any]:
    item: dict[str, Any] = {
        **_key(written.group, "group"),
        "document": {"S": record.encode(written)},
        "version": {"N": str(written.version)},
    }
    if written.due_at is not None:
        shard = hashlib.sha256(written.group.encode()).digest()[0] % DUE_SHARDS
        item |= {"due_shard": {"S": str(shard)}, "due_at": {"S": instants.show(written.due_at)}}
    elif not written.open:
        item["expires_at"] = _expiry(now, QUIET_DAYS)
    if written.version == 1:
        return {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
    return {
        "Item": item,
        "ConditionExpression": "version = :read",
        "ExpressionAttributeValues": {":read": {"N": str(written.version - 1)}},
    }


def _batch_get(table: str, keys: list[dict[str, Any]]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    asked: dict[str, Any] = {table: {"Keys": keys, "ConsistentRead": True}}
    while asked:
        answer = client("dynamodb").batch_get_item(RequestItems=asked)
        items += answer["Responses"].get(table, [])
        asked = answer.get("UnprocessedKeys") or {}
    return items


def _incident(item: dict[str, Any]) -> Incident:
    return record.decode(item["document"]["S"])


def _event_key(group: str, signal: Signal) -> tuple[str, str]:
    digest = hashlib.sha256(signal.event_key.encode()).hexdigest()[:24]
    return group, f"event#{instants.show(signal.at)}#{digest}"


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _expiry(now: datetime, days: int) -> dict[str, str]:
    return {"N": str(int((now + timedelta(days=days)).timestamp()))}
