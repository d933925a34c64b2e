"""DynamoDB: items by key, queries by prefix, and transactions that say when somebody else was faster.

AWS calls: BatchGetItem, GetItem, PutItem, Query, TransactWriteItems, UpdateItem.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from core.incidents.keys import Key
from lambdas.adapters.clients import client

MAX_KEYS = 100  # BatchGetItem
MAX_ACTIONS = 100  # TransactWriteItems
ATTEMPTS = 10
"""How often a lost race is decided again at once, before the record goes back to its queue for minutes."""
_LOST = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
"""Reasons of a cancelled transaction that mean that somebody else was faster; the others mean a fault."""
_UNWRITABLE = frozenset({"ValidationError", "ItemCollectionSizeLimitExceeded"})
_OVERTAKEN = frozenset({"ConditionalCheckFailedException", "TransactionConflictException"})

Item = dict[str, Any]


class Conflict(Exception):
    """Someone else changed an item first: read again, decide again."""


class Unwritable(Exception):
    """DynamoDB will never take this as it is, such as an item over 400 KB: to be tried in smaller parts or not at all.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """


def text(value: str) -> dict[str, str]:
    """A string attribute."""
    return {"S": value}


def number(value: int) -> dict[str, str]:
    """A number attribute."""
    return {"N": str(value)}


def key(place: Key) -> Item:
    """The key attributes of an item."""
    return {"pk": text(place[0]), "sk": text(place[1])}


def expiry(now: datetime, days: int) -> dict[str, str]:
    """The time-to-live attribute of an item that is kept for so many days."""
    return number(int((now + timedelta(days=days)).timestamp()))


def get(table: str, place: Key) -> Item | None:
    """One item, read consistently."""
    answer = client("dynamodb").get_item(TableName=table, Key=key(place), ConsistentRead=True)
    found: Item | None = answer.get("Item")
    return found


def batch(table: str, places: Iterable[Key], *, only: str = "") -> list[Item]:
    """The items that are there of these keys, each given once, read consistently; `only` names attributes."""
    wanted = list(places)
    found: list[Item] = []
    chosen = {"ProjectionExpression": only} if only else {}
    for start in range(0, len(wanted), MAX_KEYS):
        keys = [key(place) for place in wanted[start : start + MAX_KEYS]]
        asked: dict[str, Any] = {table: {"Keys": keys, "ConsistentRead": True, **chosen}}
        while asked:
            answer = client("dynamodb").batch_get_item(RequestItems=asked)
            found += answer["Responses"].get(table, [])
            asked = answer.get("UnprocessedKeys") or {}
    return found


def query(table: str, pk: str, *, prefix: str = "", since: str = "", until: str = "") -> Iterator[Item]:
    """The items of a partition in order, read consistently: all, by prefix, or from `since` to `until`."""
    condition, values = "pk = :pk", {":pk": text(pk)}
    if until:
        condition, values = (
            f"{condition} AND sk BETWEEN :since AND :until",
            {
                **values,
                ":since": text(since),
                ":until": text(until),
            },
        )
    elif prefix:
        condition, values = f"{condition} AND begins_with(sk, :prefix)", {**values, ":prefix": text(prefix)}
    yield from _pages(
        TableName=table, KeyConditionExpression=condition, ExpressionAttributeValues=values, ConsistentRead=True
    )


def index(table: str, name: str, condition: str, **values: str) -> Iterator[Item]:
    """The items of a sparse index, which lags the table by moments; `condition` names the values with colons."""
    yield from _pages(
        TableName=table,
        IndexName=name,
        KeyConditionExpression=condition,
        ExpressionAttributeValues={f":{name}": text(value) for name, value in values.items()},
    )


def put(table: str, item: Item) -> None:
    """Write an item whole."""
    client("dynamodb").put_item(TableName=table, Item=item)


def update(
    table: str, place: Key, expression: str, *, condition: str, values: Mapping[str, Any], names: Mapping[str, str]
) -> None:
    """Change attributes of an item; raises Conflict where `condition` does not hold."""
    try:
        client("dynamodb").update_item(
            TableName=table,
            Key=key(place),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeValues=dict(values),
            **({"ExpressionAttributeNames": dict(names)} if names else {}),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in _OVERTAKEN:
            raise Conflict(f"{place[0]} {place[1]}") from error
        raise


def transact(actions: Sequence[Mapping[str, Any]]) -> None:
    """Do all of at most 100 actions or none; raises Conflict when a condition failed or another transaction ran.

    Raises Unwritable when DynamoDB refuses what is to be written. boto3 sends a token with each call, so an answer that
    was lost on the way does not make its retry fail.
    """
    try:
        client("dynamodb").transact_write_items(TransactItems=list(actions))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        reasons = {str(reason.get("Code")) for reason in error.response.get("CancellationReasons") or ()}
        if code == "ValidationException" or reasons & _UNWRITABLE:
            raise Unwritable(error.response["Error"]["Message"]) from error
        if code != "TransactionCanceledException" or reasons - {"None"} - _LOST:
            raise
        raise Conflict(error.response["Error"]["Message"]) from error


def _pages(**call: Any) -> Iterator[Item]:
    for page in client("dynamodb").get_paginator("query").paginate(**call):
        yield from page["Items"]
