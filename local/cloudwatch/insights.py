"""Metrics Insights queries answered from the store."""

from collections.abc import Iterator, Sequence

from core.cloudwatch import insights
from core.cloudwatch.expression import Array, Grid, Member
from core.cloudwatch.insights import Candidate, Result, Select
from core.cloudwatch.queries import Query
from core.cloudwatch.refusal import validation
from local.cloudwatch.store import Store


def read(store: Store, query: Query, grid: Grid) -> Result:
    """The series of a query over the grid. A grouped series without data in it is left out."""
    if query.select is None:
        raise ValueError(f"{query.id} is no Metrics Insights query")
    return insights.choose(query.select, _candidates(store, query.select, grid, query.account))


def check(queries: Sequence[Query]) -> None:
    """Refuse a call of more than one query (User Guide, Metrics Insights quotas). Raises Refusal."""
    selects = [query.id for query in queries if query.select is not None]
    if len(selects) > 1:
        raise validation(f"A GetMetricData call may have one Metrics Insights query, not {', '.join(selects)}")


def value(query: Query, result: Result, grid: Grid) -> tuple[float | None, ...] | Array:
    """A query's result as metric math takes it: an array with GROUP BY, a series without."""
    if query.select is not None and query.select.groups:
        return Array(tuple(Member(group.values, group.label) for group in result.groups))
    return result.groups[0].values or (None,) * grid.count


def _candidates(store: Store, query: Select, grid: Grid, account: str) -> Iterator[Candidate]:
    for dimensions, series in store.named(query.namespace, query.metric):
        if insights.matching(query, dimensions, account=account, tags={}):
            buckets = tuple(series.bucket(at, at + grid.period) for at in grid.times)
            yield Candidate(dimensions, buckets, account)
