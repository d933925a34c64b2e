"""Queries answered from the store: statistics on a grid of periods, and metric math over them."""

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from core.cloudwatch import expression, labels
from core.cloudwatch.expression import Array, Band, Call, Given, Grid, Member, Origin, Series, Value
from core.cloudwatch.limits import INSIGHTS_PERIOD, KEPT_FOR, LISTED_FOR, MAX_SEARCHED
from core.cloudwatch.queries import Query, Stat, in_expression
from local.cloudwatch import insights
from local.cloudwatch.store import Key, Store, missing

Values = Sequence[float | None]

BandSource = Callable[[Query, Sequence[Query], Grid], Band | None]
"""The band on a grid of a query (a metric, or an expression over others of the list); None where none is trained."""

_DEFAULT_PERIOD = 60
TOO_MANY = "MaxMetricsExceeded"
NO_SOURCE = "DataSourceNotGiven"
"""Ours: AWS documents that GetMetricData has Messages of such a kind, not their codes."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a query gives, over the grid that it was read or computed on."""

    grid: Grid
    value: Value

    def on(self, grid: Grid) -> Value:
        """The value on another grid: the datapoints whose periods start where one of that grid does."""
        if grid == self.grid or isinstance(self.value, int | float):
            return self.value
        if isinstance(self.value, Array):
            return Array(tuple(replace(one, values=self._moved(one.values, grid)) for one in self.value.members))
        return self._moved(self.value, grid)

    def _moved(self, series: Series, grid: Grid) -> Series:
        known = dict(zip(self.grid.times, series, strict=True))
        return tuple(known.get(at) for at in grid.times)


def read_stat(store: Store, stat: Stat, start: int, count: int) -> list[float | None]:
    """The statistic of `count` periods from `start` (epoch seconds), oldest first."""
    series = store.find(stat.namespace, stat.name, stat.dimensions)
    if series is None:
        return [None] * count
    return series.values(stat.statistic, start=start, period=stat.period, count=count, unit=stat.unit)


def read_numbers(store: Store, stat: Stat, start: int, count: int) -> "array[float]":
    """The same as `read_stat`, with NaN for what is missing."""
    series = store.find(stat.namespace, stat.name, stat.dimensions)
    if series is None:
        return missing(count)
    return series.numbers(stat.statistic, start=start, period=stat.period, count=count, unit=stat.unit)


def read_source(store: Store, call: Call, over: Grid) -> Array:
    """The series that were given for a call of another source: of each period the average of what was given in it."""
    return Array(
        tuple(
            Member(tuple(series.values("Average", start=over.start, period=over.period, count=over.count)), label)
            for label, series in store.sources.get(expression.render(call), {}).items()
        )
    )


def evaluate(
    store: Store,
    queries: Sequence[Query],
    returned: Query,
    start: int,
    count: int,
    *,
    bands: BandSource | None = None,
) -> Values:
    """The returned query of an alarm over `count` of its periods; `queries` are in order of evaluation.

    PutMetricAlarm has seen to it that the expressions can be evaluated, to a series.
    """
    if returned.stat is not None:
        return read_stat(store, returned.stat, start, count)
    values: dict[str, Value] = {}
    stats = {query.id: query.stat for query in queries if query.stat is not None}
    asked = next((query.period for query in queries if query.select is not None or query.sources), None)
    period = next((stat.period for stat in stats.values()), asked or _DEFAULT_PERIOD)
    over = Grid(start, period, count)
    given = Given(
        grid=over,
        quota=lambda id_: store.quota(stats.get(id_)),
        source=lambda call: read_source(store, call, over),
    )
    for query in queries:
        if query.stat is not None:
            values[query.id] = tuple(read_stat(store, query.stat, start, count))
        elif query.select is not None:
            own = Grid(start, query.period or _DEFAULT_PERIOD, count)
            values[query.id] = insights.value(query, insights.read(store, query, own), own)
        elif query.expression is not None:
            values[query.id] = expression.evaluate(query.expression, values, _banded(given, query, queries, bands))
    found = values.get(returned.id)
    if isinstance(found, Array) and len(found.members) == 1:
        return found.members[0].values
    return found if isinstance(found, tuple) else [None] * count


def _banded(given: Given, query: Query, queries: Sequence[Query], bands: BandSource | None) -> Given:
    """With the bands that the query's expression needs."""
    if bands is None or query.expression is None or given.grid is None or not query.banded:
        return given
    found = {}
    for need in expression.bands_of(query.expression):
        of = next((one for one in queries if one.id == need.key), None)
        band = bands(of or replace(query, id=need.key, expression=need.of, text=need.key), queries, given.grid)
        if band is not None:
            found[need.key] = band
    return replace(given, bands=found)


def grid(start: float, end: float, period: int, *, now: float) -> Grid:
    """The periods from `start` to before `end` (epoch seconds); none where data so old are not kept for such periods.

    The start is rounded down to the minute, or to the period where that is shorter; to five minutes or the hour where
    it lies more than 15 or 63 days back (API reference, GetMetricData: StartTime, MetricStat: Period).
    """
    age = now - start
    finest = next((seconds for kept, seconds in KEPT_FOR if age <= kept.total_seconds()), 0)
    first = math.floor(start)
    first -= first % max(min(period, 60), finest if finest > 60 else 1)
    if not finest or period % finest:
        return Grid(first, period, 0)
    return Grid(first, period, max(math.ceil((end - first) / period), 0))


@dataclass(slots=True)
class Answering:
    """Answers a list of queries from `start` to before `end` (epoch seconds), at the instant `now`."""

    store: Store
    queries: Sequence[Query]
    start: float
    end: float
    now: float
    bands: BandSource | None = None
    messages: list[tuple[str, str]] = field(default_factory=list)
    """What is to be said of the whole answer, such as a search that found too many metrics: codes and texts."""
    _found: dict[str, Found] = field(default_factory=dict)

    def answer(self, ordered: Sequence[Query]) -> dict[str, Found]:
        """What every query gives, by id; `ordered` are the queries in order of evaluation.

        An expression has the longest period among what it rests on. Raises Refusal for a returned one that is a scalar.
        """
        for query in ordered:
            if query.stat is not None:
                over = self._grid(query.stat.period)
                values = read_stat(self.store, query.stat, over.start, over.count)
                self._found[query.id] = Found(over, tuple(values))
            elif query.select is not None:
                over = self._grid(max(query.period or _DEFAULT_PERIOD, INSIGHTS_PERIOD))
                result = insights.read(self.store, query, over)
                if result.partial:
                    text = f"The query {query.id} read or would return more than Metrics Insights' quotas"
                    self.messages.append((TOO_MANY, text))
                self._found[query.id] = Found(over, insights.value(query, result, over))
            elif query.expression is not None:
                self._found[query.id] = self._computed(query, query.expression)
        for query in self.queries:
            if query.returned and isinstance(self._found[query.id].value, int | float):
                raise in_expression(query.id, "its result is a scalar; it must be a time series")
        return self._found

    def _grid(self, period: int) -> Grid:
        return grid(self.start, self.end, period, now=self.now)

    def _computed(self, query: Query, tree: expression.Expression) -> Found:
        needs = tuple(dict.fromkeys(query.needs))
        periods = [self._found[id_].grid.period for id_ in needs]
        periods.extend(self._period(search, query) for search in expression.searches(tree))
        if query.sources and query.period is not None:
            periods.append(query.period)
        over = self._grid(max(periods, default=query.period or _DEFAULT_PERIOD))
        given = Given(
            grid=over,
            quota=lambda id_: self.store.quota(next((one.stat for one in self.queries if one.id == id_), None)),
            origins=self._origins(needs),
            search=lambda search: self._searched(search, query, over),
            source=lambda call: self._sourced(call, query, over),
        )
        known = {id_: self._found[id_].on(over) for id_ in needs}
        try:
            value = expression.evaluate(tree, known, _banded(given, query, self.queries, self.bands))
        except expression.ExpressionError as error:
            raise in_expression(query.id, error.message) from error
        return Found(over, value)

    def _origins(self, needs: Sequence[str]) -> dict[str, Origin]:
        by_id = {query.id: query for query in self.queries}
        return {id_: Origin(own_label(by_id[id_]), by_id[id_].stat) for id_ in needs}

    def _period(self, search: expression.Search, query: Query) -> int:
        return search.period or query.period or _DEFAULT_PERIOD

    def _sourced(self, call: Call, query: Query, over: Grid) -> Array:
        text = expression.render(call)
        if text not in self.store.sources:
            self.messages.append((NO_SOURCE, f"The query {query.id} has no data: nothing was given for {text}"))
        return read_source(self.store, call, over)

    def _searched(self, search: expression.Search, query: Query, over: Grid) -> Array:
        """The metrics found, of those that had data in the last two weeks (User Guide, search expression syntax)."""
        since = self.now - LISTED_FOR.total_seconds()
        keys = sorted(
            (
                key
                for key, series in self.store.items()
                if search.pattern.finds(key.namespace, key.name, key.dimensions) and series.newest() >= since
            ),
            key=_identity,
        )
        if len(keys) > MAX_SEARCHED:
            text = f"The maximum number of allowed metrics, {MAX_SEARCHED}, has been exceeded"
            self.messages.append((TOO_MANY, text))
        period = self._period(search, query)
        stats = [
            Stat(key.namespace, key.name, key.dimensions, search.statistic, period, None) for key in keys[:MAX_SEARCHED]
        ]
        own = self._grid(period)
        members = tuple(
            Member(tuple(read_stat(self.store, stat, own.start, own.count)), label, stat)
            for stat, label in zip(stats, labels.distinguishing(stats), strict=True)
        )
        moved = Found(own, Array(members)).on(over)
        return moved if isinstance(moved, Array) else Array(members)


def own_label(query: Query) -> str:
    """What a query is called: its label, without dynamic values, or else the metric's name or its id."""
    if query.label and "${" not in query.label:
        return query.label
    return query.stat.name if query.stat is not None else query.id


def _identity(key: Key) -> tuple[str, str, object]:
    return key.namespace, key.name, key.dimensions
