"""The metric operations: PutMetricData, GetMetricData, GetMetricStatistics, ListMetrics."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from core.cloudwatch import datums, statistics
from core.cloudwatch.limits import (
    LISTED_FOR,
    MAX_DATAPOINTS,
    MAX_LISTED_METRICS,
    MAX_QUERIES,
    MAX_STATISTICS_DATAPOINTS,
    QUERY_SUB_MINUTE_PERIODS,
    RECENTLY_ACTIVE,
    UNITS,
)
from core.cloudwatch.queries import Query, ordered, read
from core.cloudwatch.refusal import invalid_combination, invalid_value, missing, unsupported, validation
from local.cloudwatch import paging, readings
from local.cloudwatch.store import Key, Series, Store

Params = Mapping[str, Any]


class Metrics:
    """The operations over the store. Times are the clock's."""

    def __init__(self, store: Store, now: Callable[[], datetime], account: str) -> None:
        self._store = store
        self._now = now
        self._account = account

    def put(self, namespace: str, items: Sequence[Mapping[str, Any]]) -> None:
        """Take datums without asking whether a customer might send them."""
        now = self._now().timestamp()
        for item in items:
            self._store.add(namespace, datums.read(item, now))

    def put_metric_data(self, params: Params) -> dict[str, Any]:
        """PutMetricData. One bad datum refuses all."""
        if params.get("EntityMetricData"):
            raise unsupported("EntityMetricData", "MetricData")
        namespace = datums.check_namespace(params.get("Namespace"))
        items = params.get("MetricData") or []
        datums.check(items, self._now().timestamp())
        self.put(namespace, items)
        return {}

    def get_metric_data(self, params: Params) -> dict[str, Any]:
        """GetMetricData."""
        items = params.get("MetricDataQueries") or []
        if not 1 <= len(items) <= MAX_QUERIES:
            raise validation(f"MetricDataQueries must have 1 to {MAX_QUERIES} entries, not {len(items)}.")
        start, end = _span(params, "ValidationError")
        queries = read(items, account=self._account)
        for query in queries:
            if query.stat is not None:
                check_period(query.stat.period)
        most = params.get("MaxDatapoints") or MAX_DATAPOINTS
        if not 1 <= most <= MAX_DATAPOINTS:
            raise validation(f"MaxDatapoints must be between 1 and {MAX_DATAPOINTS}, not {most}.")
        scan = params.get("ScanBy") or "TimestampDescending"
        if scan not in ("TimestampDescending", "TimestampAscending"):
            raise validation(f"ScanBy must be TimestampDescending or TimestampAscending, not {scan}.")
        found = readings.answer(self._store, queries, ordered(queries), start=start, end=end)
        listed = [
            (query, _points(found[query.id], descending=scan == "TimestampDescending"))
            for query in queries
            if query.returned
        ]
        call = hashlib.sha256(json.dumps([items, start, end, scan], default=str).encode()).hexdigest()[:16]
        return _page(listed, most, call, params.get("NextToken"))

    def get_metric_statistics(self, params: Params) -> dict[str, Any]:
        """GetMetricStatistics: one datapoint per period and unit."""
        namespace, name = _required(params, "Namespace"), _required(params, "MetricName")
        period = params.get("Period")
        if not isinstance(period, int):
            raise missing("The parameter Period is required.")
        check_period(period)
        start, end = _span(params, "InvalidParameterCombination")
        asked = [*(params.get("Statistics") or ()), *(params.get("ExtendedStatistics") or ())]
        if not asked:
            raise missing("The parameter Statistics or ExtendedStatistics is required.")
        for statistic in params.get("Statistics") or ():
            if statistic not in statistics.BASIC:
                raise invalid_value(f"The value {statistic} for parameter Statistics is invalid.")
        readers = {statistic: statistics.reader(statistic) for statistic in asked}
        first, count = readings.grid(start, end, period)
        if count > MAX_STATISTICS_DATAPOINTS:
            raise invalid_combination(
                f"You have requested up to {count:,} datapoints, which exceeds the limit of "
                f"{MAX_STATISTICS_DATAPOINTS:,}. You may reduce the datapoints requested by increasing Period, or "
                "decreasing the time range."
            )
        unit = params.get("Unit")
        if unit is not None and unit not in UNITS:
            raise invalid_value(f"The value {unit} for parameter Unit is invalid.")
        series = self._store.find(namespace, name, datums.dimensions(params.get("Dimensions")))
        times = range(first, first + period * count, period)
        units = () if series is None else tuple(of for of in series.units() if unit in (None, of))
        points = [
            _statistics(bucket, readers, at, of)
            for at in times
            for of in units
            if series is not None and (bucket := series.bucket(at, at + period, of)) is not None
        ]
        return {"Label": name, "Datapoints": points}

    def list_metrics(self, params: Params) -> dict[str, Any]:
        """ListMetrics: series that had data in the last two weeks, or three hours."""
        active = params.get("RecentlyActive")
        if active not in (None, "PT3H"):
            raise invalid_value(f"The value {active} for parameter RecentlyActive is invalid; only PT3H is valid.")
        since = (self._now() - (RECENTLY_ACTIVE if active else LISTED_FOR)).timestamp()
        found = sorted(
            (key.namespace, key.name, key.dimensions)
            for key, series in self._store.items()
            if _matches(key, params) and _is_active(series, since)
        )
        listed, token = paging.page(found, MAX_LISTED_METRICS, params.get("NextToken"))
        metrics = [
            {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in pairs],
            }
            for namespace, name, pairs in listed
        ]
        return {"Metrics": metrics, **({"NextToken": token} if token else {})}


def check_period(period: int) -> None:
    """Refuse a period that no data can be asked for."""
    if period < 1 or (period not in QUERY_SUB_MINUTE_PERIODS and period % 60):
        raise invalid_value(f"The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60, not {period}.")


def _required(params: Params, field: str) -> str:
    value = params.get(field)
    if not isinstance(value, str) or not value:
        raise missing(f"The parameter {field} is required.")
    return value


def _span(params: Params, code: str) -> tuple[float, float]:
    times = []
    for field in ("StartTime", "EndTime"):
        if params.get(field) is None:
            raise missing(f"The parameter {field} is required.")
        try:
            times.append(datums.epoch(params[field]))
        except ValueError as error:
            raise invalid_value(f"The value {params[field]} for parameter {field} is invalid.") from error
    if times[0] >= times[1]:
        refusal = validation if code == "ValidationError" else invalid_combination
        raise refusal("The parameter StartTime must be less than the parameter EndTime.")
    return times[0], times[1]


def _points(reading: readings.Reading, *, descending: bool) -> list[tuple[float, float]]:
    points = [
        (float(reading.start + reading.period * number), value)
        for number, value in enumerate(reading.values)
        if value is not None
    ]
    return points[::-1] if descending else points


def _page(
    listed: Sequence[tuple[Query, list[tuple[float, float]]]], most: int, call: str, token: str | None
) -> dict[str, Any]:
    """One page of at most `most` datapoints: series after series, a series cut where the page is full."""
    place = paging.decode(token) if token else [call, 0, 0]
    match place:
        case [str(of), int(number), int(offset)] if of == call and 0 <= number < len(listed):
            pass
        case _:
            if token or listed:
                raise paging.invalid()
            number, offset = 0, 0
    results = []
    room = most
    while number < len(listed) and room > 0:
        query, points = listed[number]
        taken = points[offset : offset + room]
        room -= len(taken)
        offset += len(taken)
        is_whole = offset >= len(points)
        results.append(_result(query, taken, "Complete" if is_whole else "PartialData"))
        if is_whole:
            number, offset = number + 1, 0
    more = {"NextToken": paging.encode([call, number, offset])} if number < len(listed) else {}
    return {"MetricDataResults": results, "Messages": [], **more}


def _result(query: Query, points: Sequence[tuple[float, float]], status: str) -> dict[str, Any]:
    label = query.label or (query.stat.name if query.stat is not None else query.id)
    return {
        "Id": query.id,
        "Label": label,
        "Timestamps": [at for at, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": status,
    }


def _statistics(
    bucket: statistics.Bucket, readers: Mapping[str, statistics.Read], at: int, unit: str
) -> dict[str, Any]:
    values = {statistic: read(bucket) for statistic, read in readers.items()}
    point: dict[str, Any] = {"Timestamp": float(at), "Unit": unit}
    point.update((statistic, value) for statistic, value in values.items() if statistic in statistics.BASIC)
    extended = {
        statistic: value
        for statistic, value in values.items()
        if statistic not in statistics.BASIC and value is not None
    }
    return point | ({"ExtendedStatistics": extended} if extended else {})


def _matches(key: Key, params: Params) -> bool:
    if params.get("Namespace") not in (None, key.namespace) or params.get("MetricName") not in (None, key.name):
        return False
    pairs = dict(key.dimensions)
    return all(
        wanted["Name"] in pairs and wanted.get("Value") in (None, pairs[wanted["Name"]])
        for wanted in params.get("Dimensions") or ()
    )


def _is_active(series: Series, since: float) -> bool:
    return series.newest() + 60 > since
