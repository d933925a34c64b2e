"""Fetches the statistics that alarms rest on with GetMetricData, in as few calls as its limits allow."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.cloudwatch.datums import epoch
from core.cloudwatch.limits import MAX_DATAPOINTS, MAX_QUERIES
from core.cloudwatch.queries import Stat
from local.backtest.history import Archive, Fetched
from local.cloudwatch.store import Key

GetMetricData = Callable[..., dict[str, Any]]
"""boto3's get_metric_data, or what stands in for it."""
Progress = Callable[[int, int], None]
"""Told how many of how many steps are done."""


@dataclass(frozen=True, slots=True)
class Range:
    """From `start` to before `end`, epoch seconds on whole minutes."""

    start: int
    end: int

    def grid(self, period: int) -> tuple[int, int]:
        """The first multiple of `period` in it, and how many whole periods follow."""
        first = -(-self.start // period) * period
        return first, max((self.end - first) // period, 0)


def fetch(get: GetMetricData, stats: Sequence[Stat], span: Range, progress: Progress) -> Archive:
    """Every statistic over `span`. What `get` raises passes through."""
    archive = Archive()
    batches = list(_batches(stats, span))
    for number, batch in enumerate(batches):
        progress(number, len(batches))
        for stat, values in zip(batch, _values(get, batch, span), strict=True):
            key = Key(stat.namespace, stat.name, stat.dimensions)
            archive.put(key, Fetched(stat.statistic, stat.period, stat.unit, values))
    progress(len(batches), len(batches))
    return archive


def _batches(stats: Sequence[Stat], span: Range) -> Iterator[list[Stat]]:
    """Statistics of one period together, at most as many as one answer has room for."""
    for period in sorted({stat.period for stat in stats}):
        alike = [stat for stat in dict.fromkeys(stats) if stat.period == period]
        room = MAX_DATAPOINTS // max(span.grid(period)[1], 1)
        size = max(1, min(room, MAX_QUERIES))
        for start in range(0, len(alike), size):
            yield alike[start : start + size]


def _values(get: GetMetricData, batch: Sequence[Stat], span: Range) -> list[dict[int, float]]:
    first, count = span.grid(batch[0].period)
    end = first + count * batch[0].period
    found: list[dict[int, float]] = [{} for _ in batch]
    asked: dict[str, Any] = {
        "MetricDataQueries": [_query(number, stat) for number, stat in enumerate(batch)],
        "StartTime": datetime.fromtimestamp(first, UTC),
        "EndTime": datetime.fromtimestamp(end, UTC),
        "ScanBy": "TimestampAscending",
    }
    token: str | None = None
    while True:
        answer = get(**asked, **({"NextToken": token} if token else {}))
        for result in answer["MetricDataResults"]:
            values = found[int(result["Id"].removeprefix("q"))]
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                values[int(epoch(at))] = float(value)
        token = answer.get("NextToken")
        if not token:
            return found


def _query(number: int, stat: Stat) -> dict[str, Any]:
    metric = {
        "Namespace": stat.namespace,
        "MetricName": stat.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in stat.dimensions],
    }
    wanted: dict[str, Any] = {"Metric": metric, "Period": stat.period, "Stat": stat.statistic}
    return {"Id": f"q{number}", "MetricStat": wanted | ({"Unit": stat.unit} if stat.unit else {})}
