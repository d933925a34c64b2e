"""DynamoDB's Query without moto's sort and comparison of the whole table: it looks at the items of one partition.

An index is asked of the items that are in it, which moto then filters and sorts as ever.
"""

import inspect
import threading
from collections.abc import Callable
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

_genuine_query: Callable[..., Any] = Table.query
_genuine_all: Callable[[Table], list[Item]] = Table.all_items
_asked = threading.local()
"""`items`: what the running query may find, None outside of one."""


def follow() -> None:
    """Take the place of moto's, until `release`."""
    Table.query = _query  # type: ignore[method-assign, assignment]
    Table.all_items = _all_items  # type: ignore[method-assign, assignment]


def release() -> None:
    """Leave moto as it was."""
    Table.query = _genuine_query  # type: ignore[method-assign]
    Table.all_items = _genuine_all  # type: ignore[method-assign, assignment]


def _query(table: Table, hash_key: DynamoType | None, *rest: Any, **others: Any) -> Any:
    index = inspect.signature(_genuine_query).bind(table, hash_key, *rest, **others).arguments.get("index_name")
    _asked.items = _indexed(table, others) if index else _partition(table, hash_key)
    try:
        return _genuine_query(table, hash_key, *rest, **others)
    finally:
        _asked.items = None


def _all_items(table: Table) -> list[Item]:
    found: list[Item] | None = getattr(_asked, "items", None)
    return _genuine_all(table) if found is None else found


def _partition(table: Table, hash_key: DynamoType | None) -> list[Item]:
    held: Any = table.items.get(hash_key) if hash_key is not None else None
    if held is None:
        return []
    return list(held.values()) if table.range_key_attr else [held]


def _indexed(table: Table, asked: dict[str, Any]) -> list[Item]:
    names = [name for name, _ in asked.get("hash_key_conditions") or ()]
    sets: list[Any] = [held.values() if table.range_key_attr else (held,) for held in table.items.values()]
    return [item for held in sets for item in held if all(name in item.attrs for name in names)]
