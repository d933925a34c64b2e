"""Queries answered from the store: statistics on a grid of periods, and metric math over them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.cloudwatch import expression
from core.cloudwatch.queries import Query, Stat, in_expression, leaves
from local.cloudwatch.store import Store

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Reading:
    """A series of values: the first period starts at `start` (epoch seconds); each is `period` seconds long."""

    start: int
    period: int
    values: tuple[float | None, ...]

    def on(self, start: int, period: int, count: int) -> tuple[float | None, ...]:
        """The values on another grid: those whose periods start where one of that grid does."""
        if (start, period) == (self.start, self.period) and count == len(self.values):
            return self.values
        times = range(self.start, self.start + self.period * len(self.values), self.period)
        known = dict(zip(times, self.values, strict=True))
        return tuple(known.get(start + period * number) for number in range(count))


def read_stat(store: Store, stat: Stat, start: int, count: int) -> list[float | None]:
    """The statistic of `count` periods from `start` (epoch seconds), oldest first."""
    series = store.find(stat.namespace, stat.name, stat.dimensions)
    if series is None:
        return [None] * count
    return series.values(stat.statistic, start=start, period=stat.period, count=count, unit=stat.unit)


def evaluate(store: Store, queries: Sequence[Query], returned: Query, start: int, count: int) -> Values:
    """The returned query of an alarm over `count` of its periods; `queries` are in order of evaluation.

    PutMetricAlarm has seen to it that the expressions can be evaluated, to a series.
    """
    if returned.stat is not None:
        return read_stat(store, returned.stat, start, count)
    values: dict[str, expression.Value] = {}
    for query in queries:
        if query.stat is not None:
            values[query.id] = tuple(read_stat(store, query.stat, start, count))
        elif query.expression is not None:
            values[query.id] = expression.evaluate(query.expression, values)
    found = values[returned.id]
    return found if isinstance(found, tuple) else [None] * count


def grid(start: float, end: float, period: int) -> tuple[int, int]:
    """The first period's start and the number of periods from `start` to before `end` (epoch seconds).

    The start is rounded down to the minute, or to the period where that is shorter (API reference,
    GetMetricData, StartTime).
    """
    first = math.floor(start)
    first -= first % min(period, 60)
    return first, max(math.ceil((end - first) / period), 0)


def answer(
    store: Store, queries: Sequence[Query], ordered: Sequence[Query], *, start: float, end: float
) -> dict[str, Reading]:
    """The series of every returned query, by id. Raises Refusal for an expression that yields no series.

    An expression has the longest period among the statistics that it rests on.
    """
    readings: dict[str, Reading] = {}
    scalars: dict[str, float] = {}
    for query in ordered:
        if query.stat is not None:
            first, count = grid(start, end, query.stat.period)
            values = read_stat(store, query.stat, first, count)
            readings[query.id] = Reading(first, query.stat.period, tuple(values))
        elif query.expression is not None:
            period = max((stat.period for stat in leaves(query, queries)), default=60)
            first, count = grid(start, end, period)
            known: dict[str, expression.Value] = {
                id_: readings[id_].on(first, period, count) if id_ in readings else scalars[id_]
                for id_ in dict.fromkeys(query.needs)
            }
            try:
                value = expression.evaluate(query.expression, known)
            except expression.ExpressionError as error:
                raise in_expression(query.id, error.message) from error
            if isinstance(value, tuple):
                readings[query.id] = Reading(first, period, value)
            else:
                scalars[query.id] = value
    for query in queries:
        if query.returned and query.id in scalars:
            raise in_expression(query.id, "its result is a scalar; it must be a time series")
    return {query.id: readings[query.id] for query in queries if query.returned}
