"""What a Metrics Insights query is once parsed."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from core.cloudwatch.insights.reserved import RESERVED

ACCOUNT = "AWS.AccountId"
CURRENT_ACCOUNT = "CURRENT_ACCOUNT_ID()"

_PLAIN = re.compile(r"[A-Za-z0-9_]+")


class Function(StrEnum):
    """How observations become one value."""

    AVG = "AVG"
    COUNT = "COUNT"
    MAX = "MAX"
    MIN = "MIN"
    SUM = "SUM"


class Kind(StrEnum):
    """What a label key names."""

    DIMENSION = "dimension"
    TAG = "tag"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Label:
    """A label key: a dimension, a resource's tag (`tag.env`) or the account (`AWS.AccountId`)."""

    kind: Kind
    name: str
    position: int = field(default=0, compare=False)

    @property
    def text(self) -> str:
        """The key as contributors and labels show it."""
        return f"tag.{self.name}" if self.kind is Kind.TAG else self.name


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition of WHERE. `value` is None for CURRENT_ACCOUNT_ID()."""

    label: Label
    equal: bool
    value: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """ORDER BY."""

    function: Function
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """A query. `dimensions` is None without SCHEMA; otherwise a metric has exactly these dimensions."""

    function: Function
    metric: str
    namespace: str
    dimensions: tuple[str, ...] | None = None
    filters: tuple[Filter, ...] = ()
    groups: tuple[Label, ...] = ()
    order: Order | None = None
    limit: int | None = None

    @property
    def tags(self) -> tuple[Label, ...]:
        """The resource tags that the query asks for."""
        labels = (*(one.label for one in self.filters), *self.groups)
        return tuple(label for label in labels if label.kind is Kind.TAG)


def render(query: Select) -> str:
    """Text that parses to the same query."""
    source = _name(query.namespace)
    if query.dimensions is not None:
        source = f"SCHEMA({', '.join((source, *(_name(name) for name in query.dimensions)))})"
    parts = ["SELECT", f"{query.function}({_name(query.metric)})", "FROM", source]
    if query.filters:
        parts.append("WHERE " + " AND ".join(_condition(one) for one in query.filters))
    if query.groups:
        parts.append("GROUP BY " + ", ".join(_label(label) for label in query.groups))
    if query.order is not None:
        parts.append(f"ORDER BY {query.order.function}() {'DESC' if query.order.descending else 'ASC'}")
    if query.limit is not None:
        parts.append(f"LIMIT {query.limit}")
    return " ".join(parts)


def _condition(one: Filter) -> str:
    operator = "=" if one.equal else "!="
    value = CURRENT_ACCOUNT if one.value is None else "'" + one.value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return f"{_label(one.label)} {operator} {value}"


def _label(label: Label) -> str:
    match label.kind:
        case Kind.ACCOUNT:
            return ACCOUNT
        case Kind.TAG:
            return f"tag.{_name(label.name)}"
        case Kind.DIMENSION:
            return _name(label.name)


def _name(name: str) -> str:
    if _PLAIN.fullmatch(name) and name.upper() not in RESERVED:
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")
    return f'"{escaped}"'
