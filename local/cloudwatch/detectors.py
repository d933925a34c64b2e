"""Anomaly detectors: the operations on them, and the bands that their models give.

A model is trained at each whole hour, on up to two weeks before it. As long as a metric has less than a day of data it
is trained anew for each question, on all that came before the newest period asked for.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from core.cloudwatch import anomaly, seasonal
from core.cloudwatch.anomaly import Detector
from core.cloudwatch.datums import dimensions, epoch
from core.cloudwatch.expression import Band, Grid
from core.cloudwatch.limits import MAX_DETECTORS, MAX_LISTED_DETECTORS, TRAINED_ON
from core.cloudwatch.queries import Query, leaves, ordered
from core.cloudwatch.refusal import Refusal, invalid_combination, invalid_value
from local.cloudwatch import paging, readings
from local.cloudwatch.store import Store
from local.world import World

Params = Mapping[str, Any]
Key = tuple[object, ...]

_HOUR = 3_600
_DAY = 86_400
_TYPES = ("SINGLE_METRIC", "METRIC_MATH")
_FORMS = ("SingleMetricAnomalyDetector", "MetricMathAnomalyDetector")
_FILTERS = ("Namespace", "MetricName", "Dimensions", "AnomalyDetectorTypes")
_METRIC = ("Namespace", "MetricName", "Dimensions", "Stat")


@dataclass(slots=True)
class _Kept:
    """A detector, what PutAnomalyDetector said of it, and its models by period with the hour each was trained at."""

    id: str
    detector: Detector
    params: Mapping[str, Any]
    created: datetime
    models: dict[int, tuple[int, seasonal.Model]] = field(default_factory=dict)


class Detectors:
    """PutAnomalyDetector, DescribeAnomalyDetectors, DeleteAnomalyDetector, and the bands."""

    def __init__(self, world: World, store: Store) -> None:
        self._world = world
        self._store = store
        self._kept: dict[Key, _Kept] = {}

    def put(self, params: Params) -> dict[str, Any]:
        """PutAnomalyDetector."""
        detector = anomaly.detector(params, account=self._world.account)
        return {"AnomalyDetectorId": self._keep(detector, params).id}

    def describe(self, params: Params) -> dict[str, Any]:
        """DescribeAnomalyDetectors: detectors of single metrics unless AnomalyDetectorTypes says otherwise."""
        ids = params.get("AnomalyDetectorIds")
        if ids is not None and any(params.get(one) for one in _FILTERS):
            raise invalid_combination(f"AnomalyDetectorIds cannot be specified together with {', '.join(_FILTERS)}")
        types = params.get("AnomalyDetectorTypes") or _TYPES[:1]
        for one in types:
            if one not in _TYPES:
                raise invalid_value(f"AnomalyDetectorTypes must be of {', '.join(_TYPES)}, not {one}")
        size = params.get("MaxResults") or MAX_LISTED_DETECTORS
        if not 1 <= size <= MAX_LISTED_DETECTORS:
            raise invalid_value(f"MaxResults must be between 1 and {MAX_LISTED_DETECTORS}, not {size}")
        found = [
            kept
            for kept in self._kept.values()
            if (kept.id in ids if ids is not None else _kind(kept.detector) in types and _fits(kept.detector, params))
        ]
        page, token = paging.page(found, size, params.get("NextToken"))
        described = [self._described(kept) for kept in page]
        return {"AnomalyDetectors": described} | ({"NextToken": token} if token else {})

    def delete(self, params: Params) -> dict[str, Any]:
        """DeleteAnomalyDetector; an alarm that needs it makes it anew."""
        id_ = params.get("AnomalyDetectorId")
        if id_ is not None:
            key = next((key for key, kept in self._kept.items() if kept.id == id_), None)
        else:
            key = _key(anomaly.detector(params, account=self._world.account))
        if key not in self._kept or key is None:
            raise Refusal("ResourceNotFoundException", "There is no such anomaly detector")
        del self._kept[key]
        return {}

    def all(self) -> Iterator[tuple[dict[str, Any], datetime]]:
        """Every detector as PutAnomalyDetector would take it, and when it was made."""
        for kept in self._kept.values():
            yield (
                dict(kept.params) or {key: value for key, value in self._described(kept).items() if key in _FORMS},
                (kept.created),
            )

    def put_back(self, params: Params, created: datetime) -> None:
        """Have a detector again, unless there is one of its metric."""
        detector = anomaly.detector(params, account=self._world.account)
        if _key(detector) not in self._kept:
            self._keep(detector, params).created = created

    def ensure(self, returned: Query, queries: Sequence[Query]) -> None:
        """An alarm is evaluated: a missing detector is made on its behalf (User Guide, Deleting an anomaly model)."""
        self._find(_implied(returned, queries), create=True)

    def band(self, returned: Query, queries: Sequence[Query], grid: Grid) -> Band | None:
        """The band of a query on a grid; None where there are too few datapoints to train on."""
        implied = _implied(returned, queries)
        kept = self._find(implied, create=False)
        newest = grid.start + grid.period * max(grid.count - 1, 0)
        model = self._model(kept, implied, grid.period, newest)
        if model is None:
            return None
        expected, deviation = zip(*(model.expect(at) for at in grid.times), strict=True) if grid.count else ((), ())
        return Band(expected, deviation)

    def _find(self, implied: Detector, *, create: bool) -> _Kept | None:
        kept = self._kept.get(_key(implied))
        return self._keep(implied, {}) if kept is None and create else kept

    def _keep(self, detector: Detector, params: Params) -> _Kept:
        key = _key(detector)
        if key not in self._kept and len(self._kept) >= MAX_DETECTORS:
            raise Refusal("LimitExceededException", f"There are {MAX_DETECTORS} anomaly detectors already")
        id_ = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._world.account}/{self._world.region}/{key}"))
        self._kept[key] = kept = _Kept(id_, detector, params, self._world.clock.now())
        return kept

    def _model(self, kept: _Kept | None, implied: Detector, period: int, newest: int) -> seasonal.Model | None:
        settings = kept.detector.settings if kept else implied.settings
        hour = newest - newest % _HOUR
        trained = kept.models.get(period) if kept else None
        if trained is not None and trained[0] == hour:
            return trained[1]
        points = self._points(implied, period, hour)
        if not points or points[0][0] > hour - _DAY:
            return seasonal.train(self._points(implied, period, newest), settings)
        model = seasonal.train(points, settings)
        if kept is not None and model is not None:
            kept.models[period] = (hour, model)
        return model

    def _points(self, detector: Detector, period: int, end: int) -> list[seasonal.Point]:
        """The datapoints of the two weeks before `end`."""
        count = int(TRAINED_ON.total_seconds()) // period
        start = end - period * count
        returned, queries = detector.returned, detector.queries
        if returned.stat is not None:
            returned = replace(returned, stat=replace(returned.stat, period=period))
        values = readings.evaluate(self._store, queries, returned, start, count)
        return [(start + period * number, value) for number, value in enumerate(values) if value is not None]

    def _described(self, kept: _Kept) -> dict[str, Any]:
        detector, params = kept.detector, kept.params
        found: dict[str, Any] = {
            "AnomalyDetectorId": kept.id,
            "StateValue": self._state(kept),
            **({"Configuration": _configuration(params["Configuration"])} if params.get("Configuration") else {}),
            **{key: params[key] for key in ("MetricCharacteristics",) if params.get(key)},
        }
        stat = detector.stat
        if stat is None:
            queries = [_as_given(query) for query in detector.queries]
            return found | {"MetricMathAnomalyDetector": {"MetricDataQueries": queries}}
        listed = [{"Name": name, "Value": value} for name, value in stat.dimensions]
        metric = dict(zip(_METRIC, (stat.namespace, stat.name, listed, stat.statistic), strict=True))
        return found | metric | {"SingleMetricAnomalyDetector": metric}

    def _state(self, kept: _Kept) -> str:
        period = max(stat.period for stat in leaves(kept.detector.returned, kept.detector.queries))
        now = int(self._world.clock.now().timestamp())
        points = self._points(kept.detector, period, now - now % period)
        if not points:
            return "PENDING_TRAINING"
        return "TRAINED" if seasonal.train(points, kept.detector.settings) else "TRAINED_INSUFFICIENT_DATA"


def _implied(returned: Query, queries: Sequence[Query]) -> Detector:
    """The detector of a query of a call or alarm, with nothing configured."""
    if returned.stat is not None:
        return Detector(returned, (returned,), seasonal.Settings())
    others = [query for query in queries if query.id != returned.id]
    return Detector(returned, ordered(_needed(returned, [*others, returned])), seasonal.Settings())


def _needed(returned: Query, queries: Sequence[Query]) -> tuple[Query, ...]:
    by_id = {query.id: query for query in queries}
    seen: dict[str, Query] = {}
    waiting = [returned.id]
    while waiting:
        query = by_id[waiting.pop()]
        if query.id not in seen:
            seen[query.id] = query
            waiting.extend(query.needs)
    return tuple(seen.values())


def _key(detector: Detector) -> Key:
    """What tells a detector from others: a metric and its statistic, or the texts and metrics of its expressions."""
    if (stat := detector.stat) is not None:
        return (stat.namespace, stat.name, stat.dimensions, stat.statistic)
    needed = _needed(detector.returned, detector.queries)
    return (detector.returned.id, *sorted((query.id, query.text, str(query.stat)) for query in needed))


def _kind(detector: Detector) -> str:
    return _TYPES[0] if detector.stat is not None else _TYPES[1]


def _fits(detector: Detector, params: Params) -> bool:
    stat = detector.stat
    if stat is None:
        return True
    wanted = params.get("Dimensions")
    return (
        params.get("Namespace") in (None, stat.namespace)
        and params.get("MetricName") in (None, stat.name)
        and (not wanted or dimensions(wanted) == stat.dimensions)
    )


def _configuration(given: Mapping[str, Any]) -> dict[str, Any]:
    ranges = [{key: epoch(at) for key, at in one.items()} for one in given.get("ExcludedTimeRanges") or ()]
    return dict(given) | ({"ExcludedTimeRanges": ranges} if ranges else {})


def _as_given(query: Query) -> dict[str, Any]:
    labelled = {"Label": query.label} if query.label else {}
    if (stat := query.stat) is None:
        return {"Id": query.id, "Expression": query.text, **labelled, "ReturnData": query.returned}
    metric = {
        "Namespace": stat.namespace,
        "MetricName": stat.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in stat.dimensions],
    }
    wanted = {"Metric": metric, "Period": stat.period, "Stat": stat.statistic}
    return {"Id": query.id, "MetricStat": wanted, **labelled, "ReturnData": query.returned}
