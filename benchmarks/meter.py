"""What DynamoDB was asked to do, counted at the door of moto's backend, in the units that AWS bills.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from moto.dynamodb.models import DynamoDBBackend

INDEXED = {"due": ("due_shard", "due_at"), "firing": ("firing_shard", "firing_since"), "open": ("open_shard",)}
"""The attributes that put an item into each of the table's sparse indexes."""
KEYS_ONLY = frozenset({"due"})
"""Indexes that hold no more than the keys."""

Item = Mapping[str, Any]


@dataclass(slots=True)
class Meter:
    """Counts of a table with its indexes. Transactions cost two units a KiB, and so do their checks."""

    requests: int = 0
    refused: int = 0
    items: int = 0
    checks: int = 0
    units: int = 0
    index_items: int = 0
    index_units: int = 0
    reads: int = 0
    read_units: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)

    def wrote(self, old: Item | None, new: Item, *, transacted: bool) -> None:
        """Count the write of an item, and what it changed in the indexes: a changed index key is two writes there."""
        kib = math.ceil(max(_size(new), _size(old or {})) / 1024)
        self.items += 1
        self.units += kib * (2 if transacted else 1)
        self.kinds[new["sk"]["S"].partition("#")[0].partition("-")[0]] += 1
        for index, attributes in INDEXED.items():
            before, after = ([item.get(name) for name in attributes] for item in (old or {}, new))
            writes = (before[0] is not None) + (after[0] is not None) - (before == after and after[0] is not None)
            self.index_items += writes
            self.index_units += writes * (1 if index in KEYS_ONLY else kib)

    def read(self, size: int, *, consistent: bool) -> None:
        """Count a read of so many bytes."""
        self.reads += 1
        self.read_units += max(math.ceil(size / 4096), 1) * (1 if consistent else 0.5)


@contextmanager
def metered(meter: Meter) -> Iterator[None]:
    """Count everything that is done meanwhile; what a transaction does inside counts as the transaction's."""
    names = ("transact_write_items", "put_item", "update_item", "get_item", "query")
    kept: dict[str, Any] = {name: getattr(DynamoDBBackend, name) for name in names}
    inside = [False]

    def found(backend: Any, table: str, key: Item) -> Item | None:
        item = kept["get_item"](backend, table, {name: key[name] for name in ("pk", "sk")})
        return None if item is None else dict(item.to_json()["Attributes"])

    def write(backend: Any, places: list[tuple[str, Item]], call: Any, *, transacted: bool) -> Any:
        if inside[0]:
            return call()
        before = [found(backend, *place) for place in places]
        meter.requests += 1
        inside[0] = True
        try:
            answer = call()
        except Exception:
            meter.refused += 1
            raise
        finally:
            inside[0] = False
        for old, place in zip(before, places, strict=True):
            meter.wrote(old, found(backend, *place) or {}, transacted=transacted)
        return answer

    def transact(backend: Any, transact_items: Any) -> Any:
        actions = [next(iter(action.items())) for action in transact_items]
        checks = sum(kind == "ConditionCheck" for kind, _ in actions)
        meter.checks += checks
        meter.units += 2 * checks
        places = [
            (did["TableName"], did.get("Item") or did["Key"]) for kind, did in actions if kind != "ConditionCheck"
        ]
        return write(backend, places, lambda: kept["transact_write_items"](backend, transact_items), transacted=True)

    def put(backend: Any, table_name: str, item_attrs: Any, *more: Any, **others: Any) -> Any:
        call = lambda: kept["put_item"](backend, table_name, item_attrs, *more, **others)  # noqa: E731 - one line each
        return write(backend, [(table_name, item_attrs)], call, transacted=False)

    def update(backend: Any, table_name: str, key: Any, *more: Any, **others: Any) -> Any:
        call = lambda: kept["update_item"](backend, table_name, key, *more, **others)  # noqa: E731 - one line each
        return write(backend, [(table_name, key)], call, transacted=False)

    def get(backend: Any, *more: Any, **others: Any) -> Any:
        item = kept["get_item"](backend, *more, **others)
        if not inside[0]:
            meter.read(item.size() if item is not None else 0, consistent=True)
        return item

    def query(backend: Any, *more: Any, **others: Any) -> Any:
        answer = kept["query"](backend, *more, **others)
        meter.read(sum(item.size() for item in answer[0]), consistent=not others.get("index_name"))
        return answer

    wrapped = {
        "transact_write_items": transact,
        "put_item": put,
        "update_item": update,
        "get_item": get,
        "query": query,
    }
    for name, call in wrapped.items():
        setattr(DynamoDBBackend, name, call)
    try:
        yield
    finally:
        for name, call in kept.items():
            setattr(DynamoDBBackend, name, call)


def _size(item: Item) -> int:
    """An item's size in bytes: its names and values."""
    return sum(len(name) + len(str(next(iter(value.values()))).encode()) for name, value in item.items())
