"""Lists of metric queries, as GetMetricData and metric-math alarms take them: checked, parsed and put in order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.cloudwatch import expression, insights, statistics
from core.cloudwatch.datums import dimensions
from core.cloudwatch.expression import Call
from core.cloudwatch.limits import MAX_DIMENSIONS, MAX_EXPRESSION, UNITS
from core.cloudwatch.refusal import Refusal, unsupported, validation
from core.cloudwatch.stat import Stat as Stat  # named anew: callers take it from here

_ID = re.compile(r"[a-z][A-Za-z0-9_]{0,254}")


@dataclass(frozen=True, slots=True)
class Query:
    """One entry of a list: a statistic, or an expression over other entries.

    `label` is empty where the entry has none. `period`, in seconds, is what an expression asks for; `banded` whether it
    rests on an anomaly band.
    """

    id: str
    stat: Stat | None
    expression: expression.Expression | None
    text: str
    label: str
    returned: bool
    period: int | None = None
    banded: bool = False
    select: insights.Select | None = None
    """The Metrics Insights query that the entry is, in place of a statistic or an expression, asked in `account`."""
    account: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """The ids that the expression refers to."""
        if self.expression is None:
            return ()
        return tuple(reference.id for reference in expression.references(self.expression))

    @property
    def sources(self) -> tuple[Call, ...]:
        """The calls in the expression that read what is not in the metric store."""
        return () if self.expression is None else expression.sources_of(self.expression)


def read(items: Sequence[Mapping[str, Any]], *, account: str = "") -> tuple[Query, ...]:
    """The queries that `items` state, in the order given. Raises Refusal (ValidationError).

    A query of another account than `account` is refused: there is only one.
    """
    queries = tuple(_read(item, number, account) for number, item in enumerate(items, start=1))
    seen: set[str] = set()
    for query in queries:
        if query.id in seen:
            raise validation(f"The values for parameter id in MetricDataQueries are not unique: {query.id}")
        seen.add(query.id)
    queries = tuple(_expanded(query, queries) for query in queries)
    for query in queries:
        for reference in expression.references(query.expression) if query.expression else ():
            if reference.id not in seen:
                raise in_expression(
                    query.id,
                    f"unknown id {reference.id} at position {reference.position}; known: "
                    + ", ".join(sorted(seen - {query.id})),
                )
    types(ordered(queries))
    for query in queries:
        if query.sources and query.period is None and not leaves(query, queries):
            raise in_expression(query.id, f"Period is a required field when using {query.sources[0].function}")
    return queries


def _expanded(query: Query, queries: Sequence[Query]) -> Query:
    if query.expression is None:
        return query
    periods = {one.id: one.stat.period for one in queries if one.stat is not None}
    try:
        tree = expression.expand(query.expression, periods)
    except expression.ExpressionError as error:
        raise in_expression(query.id, error.message) from error
    return replace(query, expression=tree, banded=bool(expression.bands_of(tree)))


def in_expression(id_: str, message: str) -> Refusal:
    """A refusal that names the expression it is about."""
    return validation(f"Error in expression '{id_}': {message}")


def ordered(queries: Sequence[Query]) -> tuple[Query, ...]:
    """The same queries, each after those that it refers to. Raises Refusal when they go round in a circle."""
    by_id = {query.id: query for query in queries}
    done: dict[str, Query] = {}
    path: list[str] = []

    def visit(query: Query) -> None:
        if query.id in done:
            return
        if query.id in path:
            circle = " -> ".join((*path[path.index(query.id) :], query.id))
            raise in_expression(query.id, f"the expressions refer to one another in a circle: {circle}")
        path.append(query.id)
        for need in query.needs:
            visit(by_id[need])
        path.pop()
        done[query.id] = query

    for query in queries:
        visit(query)
    return tuple(done.values())


def leaves(query: Query, queries: Sequence[Query]) -> tuple[Stat, ...]:
    """The statistics that a query rests on."""
    by_id = {one.id: one for one in queries}
    seen: dict[str, None] = {}
    waiting = [query.id]
    while waiting:
        id_ = waiting.pop()
        if id_ not in seen:
            seen[id_] = None
            waiting.extend(by_id[id_].needs)
    return tuple(stat for id_ in seen if (stat := by_id[id_].stat) is not None)


def types(queries: Sequence[Query]) -> dict[str, expression.Type]:
    """What each query gives, by id, which does not depend on the data; `queries` are in order of evaluation.

    Raises Refusal for an expression whose functions or operators do not take what they are given.
    """
    known: dict[str, expression.Type] = {}
    for one in queries:
        known[one.id] = expression.Type.ARRAY if one.select and one.select.groups else expression.Type.SERIES
        if one.expression is not None:
            try:
                known[one.id] = expression.check(one.expression, known)
            except expression.ExpressionError as error:
                raise in_expression(one.id, error.message) from error
    return known


def read_stat(
    *, namespace: object, name: object, items: object, statistic: object, period: object, unit: object
) -> Stat:
    """A statistic of a series from the parameters that state it. Raises Refusal."""
    if not isinstance(namespace, str) or not namespace:
        raise validation("The parameter Namespace is required.")
    if not isinstance(name, str) or not name:
        raise validation("The parameter MetricName is required.")
    if not isinstance(statistic, str) or not statistic:
        raise validation("The parameter Stat is required.")
    statistics.reader(statistic)
    if unit is not None and unit not in UNITS:
        raise validation(f"The value {unit} for parameter Unit is invalid.")
    if not isinstance(period, int) or isinstance(period, bool) or period < 1:
        raise validation(f"The value {period} for parameter Period is invalid: it is a number of seconds.")
    listed = list(items) if isinstance(items, list | tuple) else []
    if len(listed) > MAX_DIMENSIONS:
        raise validation(f"The collection Dimensions must not have a size greater than {MAX_DIMENSIONS}.")
    pairs = dimensions(listed)
    if len({pair[0] for pair in pairs}) < len(pairs):
        raise validation("A metric cannot have two dimensions of the same name.")
    return Stat(namespace, name, pairs, statistic, period, str(unit) if unit is not None else None)


def _read(item: Mapping[str, Any], number: int, account: str) -> Query:
    id_ = item.get("Id")
    if not isinstance(id_, str) or _ID.fullmatch(id_) is None:
        raise validation(
            f"The value {id_} for parameter MetricDataQueries.member.{number}.Id is not matching the expected "
            "pattern ^[a-z][a-zA-Z0-9_]*$."
        )
    text = item.get("Expression")
    stat = item.get("MetricStat")
    if (text is None) == (stat is None):
        raise validation(f"Exactly one of MetricStat and Expression must be specified for the query {id_}.")
    if item.get("AccountId") not in (None, "", account):
        raise unsupported(f"AccountId {item['AccountId']} of the query {id_}", f"the account {account} itself")
    label = item.get("Label") or ""
    returned = item.get("ReturnData", True) is not False
    period = item.get("Period")
    if stat is None and insights.is_query(str(text)):
        select = parse_insights(id_, str(text), period)
        return Query(id_, None, None, str(text), label, returned, period, select=select, account=account)
    if stat is None:
        parsed = parse_expression(id_, str(text))
        _check_searches(id_, parsed, period)
        return Query(id_, None, parsed, str(text), label, returned, period)
    metric = stat.get("Metric") or {}
    wanted = read_stat(
        namespace=metric.get("Namespace"),
        name=metric.get("MetricName"),
        items=metric.get("Dimensions"),
        statistic=stat.get("Stat"),
        period=stat.get("Period"),
        unit=stat.get("Unit"),
    )
    return Query(id_, wanted, None, "", label, returned)


def parse_insights(id_: str, text: str, period: object) -> insights.Select:
    """The Metrics Insights query that the entry `id_` is. Raises Refusal, with the position."""
    if len(text) > MAX_EXPRESSION:
        raise in_expression(id_, f"it holds at most {MAX_EXPRESSION} characters, not {len(text)}")
    if not isinstance(period, int) or period < 1:
        raise in_expression(id_, "Period is a required field when using a Metrics Insights query")
    try:
        select = insights.parse(text)
    except insights.InsightsError as error:
        raise in_expression(id_, error.message) from error
    for label in select.tags:
        raise in_expression(
            id_,
            f"{label.text} at position {label.position}: resource tags on telemetry are not enabled here; use "
            "dimensions",
        )
    return select


def _check_searches(id_: str, tree: expression.Expression, period: object) -> None:
    for search in expression.searches(tree):
        if search.period is None and period is None:
            raise in_expression(
                id_, f"Period is a required field when using SEARCH within an expression, at position {search.position}"
            )


def parse_expression(id_: str, text: str) -> expression.Expression:
    """The tree of the expression of the query `id_`. Raises Refusal, with the position."""
    if len(text) > MAX_EXPRESSION:
        raise in_expression(id_, f"it holds at most {MAX_EXPRESSION} characters, not {len(text)}")
    try:
        return expression.parse(text)
    except expression.ExpressionError as error:
        raise in_expression(id_, error.message) from error
