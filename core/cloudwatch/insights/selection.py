"""What a Metrics Insights query makes of the series of a store: which match, how they group, in which order.

User Guide, Query components and syntax, and Metrics Insights quotas. A metric without a label that a condition names
fails `=` and passes `!=`; the documentation shows neither case.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.cloudwatch.datums import Dimensions
from core.cloudwatch.insights.tree import Filter, Function, Kind, Label, Select
from core.cloudwatch.limits import MAX_MATCHED_METRICS, MAX_SERIES
from core.cloudwatch.statistics import Bucket, merged

OTHER = "Other"
"""The value of a grouping label that a metric does not have."""

_READ: dict[Function, Callable[[Bucket], float]] = {
    Function.AVG: lambda bucket: bucket.average,
    Function.COUNT: lambda bucket: bucket.count,
    Function.MAX: lambda bucket: bucket.maximum,
    Function.MIN: lambda bucket: bucket.minimum,
    Function.SUM: lambda bucket: bucket.total,
}
_RANK: dict[Function, Callable[[Sequence[float]], float]] = {
    Function.AVG: lambda values: math.fsum(values) / len(values),
    Function.COUNT: lambda values: float(len(values)),
    Function.MAX: max,
    Function.MIN: min,
    Function.SUM: math.fsum,
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One metric of the query's namespace and name.

    `buckets` are what it received in each period asked for, oldest first; None where it received nothing.
    """

    dimensions: Dimensions
    buckets: Sequence[Bucket | None]
    account: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """One time series of a result; `attributes` are its GROUP BY labels, in the query's order."""

    attributes: tuple[tuple[str, str], ...]
    values: tuple[float | None, ...]

    @property
    def label(self) -> str:
        """The series' name: the values of its grouping labels."""
        return " ".join(value for _, value in self.attributes)


@dataclass(frozen=True, slots=True)
class Result:
    """The series in the query's order. `partial`: a quota cut what was read or returned."""

    groups: tuple[Group, ...]
    partial: bool


def matching(query: Select, dimensions: Dimensions, *, account: str, tags: Mapping[str, str]) -> bool:
    """Whether a metric of the query's namespace and name is one that the query reads."""
    if query.dimensions is not None and {name for name, _ in dimensions} != set(query.dimensions):
        return False
    return all(_holds(one, dimensions, account, tags) for one in query.filters)


def choose(query: Select, candidates: Iterable[Candidate]) -> Result:
    """The query's result over candidates that match it.

    A query without GROUP BY has one series, with or without data. With it, a group without data is left out.
    """
    groups: dict[tuple[str, ...], list[Sequence[Bucket | None]]] = {}
    partial = False
    for number, candidate in enumerate(candidates):
        if number == MAX_MATCHED_METRICS:
            partial = True
            break
        if any(bucket is not None for bucket in candidate.buckets):
            place = tuple(_value(label, candidate) for label in query.groups)
            groups.setdefault(place, []).append(candidate.buckets)
    found = [_group(query, place, members) for place, members in groups.items()]
    if not query.groups and not found:
        return Result((Group((), ()),), partial)
    found.sort(key=lambda group: tuple(value for _, value in group.attributes))
    if query.order is not None:
        rank = _RANK[query.order.function]
        found.sort(
            key=lambda group: rank([value for value in group.values if value is not None]),
            reverse=query.order.descending,
        )
    partial = partial or (query.limit is None and len(found) > MAX_SERIES)
    return Result(tuple(found[: query.limit or MAX_SERIES]), partial)


def _group(query: Select, place: tuple[str, ...], members: Sequence[Sequence[Bucket | None]]) -> Group:
    read = _READ[query.function]
    values = []
    for column in zip(*members, strict=True):
        held = [bucket for bucket in column if bucket is not None]
        values.append(read(held[0] if len(held) == 1 else merged(held)) if held else None)
    attributes = tuple((label.text, value) for label, value in zip(query.groups, place, strict=True))
    return Group(attributes, tuple(values))


def _value(label: Label, candidate: Candidate) -> str:
    found = _lookup(label, candidate.dimensions, candidate.account, candidate.tags)
    return OTHER if found is None else found


def _lookup(label: Label, dimensions: Dimensions, account: str, tags: Mapping[str, str]) -> str | None:
    match label.kind:
        case Kind.ACCOUNT:
            return account
        case Kind.TAG:
            return tags.get(label.name)
        case Kind.DIMENSION:
            return next((value for name, value in dimensions if name == label.name), None)


def _holds(one: Filter, dimensions: Dimensions, account: str, tags: Mapping[str, str]) -> bool:
    wanted = account if one.value is None else one.value
    return (_lookup(one.label, dimensions, account, tags) == wanted) is one.equal
