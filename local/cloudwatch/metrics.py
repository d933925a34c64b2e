"""The metric operations: PutMetricData, GetMetricData, GetMetricStatistics, ListMetrics."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.cloudwatch import datums, expression, labels, statistics
from core.cloudwatch.limits import (
    LISTED_FOR,
    MAX_DATAPOINTS,
    MAX_EXTENDED_STATISTICS,
    MAX_LISTED_METRICS,
    MAX_QUERIES,
    MAX_STATISTICS,
    MAX_STATISTICS_DATAPOINTS,
    QUERY_SUB_MINUTE_PERIODS,
    RECENTLY_ACTIVE,
    UNITS,
)
from core.cloudwatch.queries import Query, Stat, ordered, read
from core.cloudwatch.refusal import invalid_combination, invalid_value, missing, unsupported, validation
from local.cloudwatch import insights, paging, readings
from local.cloudwatch.store import Key, Series, Store

Params = Mapping[str, Any]


class Metrics:
    """The operations over the store. Times are the clock's."""

    def __init__(self, store: Store, now: Callable[[], datetime], account: str, region: str) -> None:
        self._store = store
        self._now = now
        self._account = account
        self._region = region
        self.bands: readings.BandSource | None = None
        """Where ANOMALY_DETECTION_BAND takes its bands from."""

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
        insights.check(queries)
        for query in queries:
            _check_query(query)
        most = params.get("MaxDatapoints") or MAX_DATAPOINTS
        if not 1 <= most <= MAX_DATAPOINTS:
            raise validation(f"MaxDatapoints must be between 1 and {MAX_DATAPOINTS}, not {most}.")
        scan = params.get("ScanBy") or "TimestampDescending"
        if scan not in ("TimestampDescending", "TimestampAscending"):
            raise validation(f"ScanBy must be TimestampDescending or TimestampAscending, not {scan}.")
        shown = labels.zone((params.get("LabelOptions") or {}).get("Timezone"))
        now = self._now().timestamp()
        answering = readings.Answering(self._store, queries, start=start, end=end, now=now, bands=self.bands)
        found = answering.answer(ordered(queries))
        listed = [
            (Line(query.id, labels.render(label, subject, now=now, shown=shown)), subject.points)
            for query in queries
            if query.returned
            for label, subject in self._subjects(query, found[query.id])
        ]
        if scan == "TimestampDescending":
            listed = [(line, points[::-1]) for line, points in listed]
        call = hashlib.sha256(json.dumps([items, start, end, scan], default=str).encode()).hexdigest()[:16]
        answer = _page(listed, most, call, params.get("NextToken"))
        answer["Messages"] = [{"Code": code, "Value": text} for code, text in dict.fromkeys(answering.messages)]
        return answer

    def _subjects(self, query: Query, found: readings.Found) -> list[tuple[str, labels.Subject]]:
        """The series that a query returns, each with its label, dynamic values still to be put in."""

        def subject(values: expression.Series, label: str, stat: Stat | None) -> labels.Subject:
            points = [
                (float(at), value) for at, value in zip(found.grid.times, values, strict=True) if value is not None
            ]
            return labels.Subject(points, label, stat, found.grid.period, self._account, self._region)

        value = found.value
        if isinstance(value, expression.Array):
            return [
                (labels.of_member(query.label, one.label), subject(one.values, one.label, one.stat))
                for one in value.members
            ]
        own = query.stat.name if query.stat is not None else query.id
        return [(query.label or own, subject(value, own, query.stat))] if isinstance(value, tuple) else []

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
        _check_asked(params.get("Statistics") or (), params.get("ExtendedStatistics") or ())
        readers = {statistic: statistics.reader(statistic) for statistic in asked}
        over = readings.grid(start, end, period, now=self._now().timestamp())
        if over.count > MAX_STATISTICS_DATAPOINTS:
            raise invalid_combination(
                f"You have requested up to {over.count:,} datapoints, which exceeds the limit of "
                f"{MAX_STATISTICS_DATAPOINTS:,}. You may reduce the datapoints requested by increasing Period, or "
                "decreasing the time range."
            )
        unit = params.get("Unit")
        if unit is not None and unit not in UNITS:
            raise invalid_value(f"The value {unit} for parameter Unit is invalid.")
        series = self._store.find(namespace, name, datums.dimensions(params.get("Dimensions")))
        units = () if series is None else tuple(of for of in series.units() if unit in (None, of))
        points = [
            _statistics(bucket, readers, at, of)
            for at in over.times
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


@dataclass(frozen=True, slots=True)
class Line:
    """What a returned series is named by."""

    id: str
    label: str


def _check_query(query: Query) -> None:
    """Refuse periods that no data can be asked for, and labels that could not be written."""
    if query.stat is not None:
        check_period(query.stat.period)
    if query.period is not None:
        check_period(query.period)
    for search in expression.searches(query.expression) if query.expression is not None else ():
        if search.period is not None:
            check_period(search.period)
    labels.check(query.label)


def _check_asked(plain: Sequence[str], extended: Sequence[str]) -> None:
    """Refuse statistics under the wrong name, both kinds at once, or too many (API reference, GetMetricStatistics)."""
    if plain and extended:
        raise invalid_combination(
            "The parameters Statistics and ExtendedStatistics are mutually exclusive and you have specified both."
        )
    for field, asked, most in (
        ("Statistics", plain, MAX_STATISTICS),
        ("ExtendedStatistics", extended, MAX_EXTENDED_STATISTICS),
    ):
        if len(asked) > most:
            raise invalid_value(f"The collection {field} must not have a size greater than {most}.")
        for statistic in asked:
            if (statistic in statistics.BASIC) is not (field == "Statistics"):
                raise invalid_value(f"The value {statistic} for parameter {field} is invalid.")


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


def _page(
    listed: Sequence[tuple[Line, Sequence[labels.Point]]], most: int, call: str, token: str | None
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
        line, points = listed[number]
        taken = points[offset : offset + room]
        room -= len(taken)
        offset += len(taken)
        is_whole = offset >= len(points)
        results.append(_result(line, taken, "Complete" if is_whole else "PartialData"))
        if is_whole:
            number, offset = number + 1, 0
    more = {"NextToken": paging.encode([call, number, offset])} if number < len(listed) else {}
    return {"MetricDataResults": results, **more}


def _result(line: Line, points: Sequence[labels.Point], status: str) -> dict[str, Any]:
    return {
        "Id": line.id,
        "Label": line.label,
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
