"""DynamoDB's TransactWriteItems without moto's copy of the whole table for each action of a transaction.

All conditions are held against the items as they were; only then is anything written. What an update expression raises
after that undoes the items that were written, of which alone there is a copy.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import (
    ConditionalCheckFailed,
    MockValidationException,
    MultipleTransactionsException,
    TooManyTransactionsException,
    TransactionCanceledException,
    TransactWriteSingleOpException,
)
from moto.dynamodb.models import DynamoDBBackend

MAX_ACTIONS = 100

Action = Mapping[str, Any]
Problem = tuple[str | None, str | None, Any]

_genuine: Callable[..., None] = DynamoDBBackend.transact_write_items


def follow() -> None:
    """Take the place of moto's, until `release`."""
    DynamoDBBackend.transact_write_items = _write  # type: ignore[method-assign, assignment]


def release() -> None:
    """Leave moto as it was."""
    DynamoDBBackend.transact_write_items = _genuine  # type: ignore[method-assign]


def _write(backend: DynamoDBBackend, transact_items: Sequence[Mapping[str, Action]]) -> None:
    if len(transact_items) > MAX_ACTIONS:
        raise TooManyTransactionsException
    actions = [_single(item) for item in transact_items]
    places = [_place(backend, kind, action) for kind, action in actions]
    if len(set(places)) < len(places):
        raise MultipleTransactionsException
    problems = [_condition(backend, kind, action) for kind, action in actions]
    if any(code for code, _, _ in problems):
        raise TransactionCanceledException(problems)
    undo: list[Callable[[], None]] = []
    for number, (kind, action) in enumerate(actions):
        undo.append(_undo(backend, kind, action))
        try:
            _apply(backend, kind, action)
        except Exception as error:
            for each in reversed(undo):
                each()
            if isinstance(error, MockValidationException):
                raise
            problems[number] = (type(error).__name__, str(error), None)
            raise TransactionCanceledException(problems) from error


def _single(item: Mapping[str, Action]) -> tuple[str, Action]:
    if len(item) != 1:
        raise TransactWriteSingleOpException
    return next(iter(item.items()))


def _key(backend: DynamoDBBackend, kind: str, action: Action) -> dict[str, Any]:
    if kind != "Put":
        return dict(action["Key"])
    table, attributes = backend.get_table(action["TableName"]), action["Item"]
    names = [table.hash_key_attr, *([table.range_key_attr] if table.range_key_attr else [])]
    return {name: attributes[name] for name in names}


def _place(backend: DynamoDBBackend, kind: str, action: Action) -> tuple[str, str]:
    return str(action["TableName"]), str(sorted(_key(backend, kind, action).items()))


def _condition(backend: DynamoDBBackend, kind: str, action: Action) -> Problem:
    """Why the action's condition does not hold, as moto reports it."""
    text = action.get("ConditionExpression")
    if text is None:
        return None, None, None
    current = backend.get_item(action["TableName"], _key(backend, kind, action))
    names, values = action.get("ExpressionAttributeNames"), action.get("ExpressionAttributeValues")
    if get_filter_expression(text, names, values).expr(current):
        return None, None, None
    wanted = action.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    shown = current.to_json()["Attributes"] if wanted and current is not None else None
    return "ConditionalCheckFailed", str(ConditionalCheckFailed().message), shown


def _undo(backend: DynamoDBBackend, kind: str, action: Action) -> Callable[[], None]:
    table, key = backend.get_table(action["TableName"]), _key(backend, kind, action)
    before = copy.deepcopy(backend.get_item(action["TableName"], key))

    def undo() -> None:
        now = backend.get_item(action["TableName"], key)
        if now is not None:
            table.delete_item(now.hash_key, now.range_key)
        if before is not None:
            table.put_item(before.to_json()["Attributes"])

    return undo


def _apply(backend: DynamoDBBackend, kind: str, action: Action) -> None:
    table = action["TableName"]
    match kind:
        case "Put":
            backend.put_item(table, dict(action["Item"]))
        case "Delete":
            backend.delete_item(table, dict(action["Key"]))
        case "Update":
            backend.update_item(
                table,
                dict(action["Key"]),
                update_expression=action["UpdateExpression"],
                expression_attribute_names=action.get("ExpressionAttributeNames") or {},
                expression_attribute_values=action.get("ExpressionAttributeValues") or {},
            )
        case "ConditionCheck":
            return
        case _:
            raise ValueError(f"{kind} is not an action of TransactWriteItems")
