"""Anomaly detection: the band that an alarm holds a metric against, and the detectors that bands come from.

User Guide, Using CloudWatch anomaly detection; Using math expressions, ANOMALY_DETECTION_BAND. The band's numbers are
those of `core.cloudwatch.seasonal`, not AWS's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.cloudwatch import seasonal, zones
from core.cloudwatch.datums import epoch
from core.cloudwatch.expression.tree import Call, Number, Reference
from core.cloudwatch.limits import MAX_BAND_PERIOD, MAX_EXCLUDED_RANGES
from core.cloudwatch.queries import Query, Stat, in_expression, leaves, ordered, read, read_stat
from core.cloudwatch.refusal import invalid_combination, invalid_value, missing, validation

FUNCTION = "ANOMALY_DETECTION_BAND"
DEVIATIONS = 2.0
"""How many standard deviations wide a band is to each side where the expression does not say."""

_SINGLE = ("Namespace", "MetricName", "Dimensions", "Stat")


class BandComparison(StrEnum):
    """ComparisonOperator of alarms with a band."""

    OUTSIDE = "LessThanLowerOrGreaterThanUpperThreshold"
    BELOW = "LessThanLowerThreshold"
    ABOVE = "GreaterThanUpperThreshold"


@dataclass(frozen=True, slots=True)
class Band:
    """The band that an alarm holds the query `of` against: the query `id`, `deviations` wide to each side."""

    comparison: BandComparison
    id: str
    of: str
    deviations: float

    def excess(self, value: float, lower: float, upper: float) -> float:
        """How far the value is out of the band on the side that counts; more than 0 breaches."""
        below, above = lower - value, value - upper
        match self.comparison:
            case BandComparison.BELOW:
                return below
            case BandComparison.ABOVE:
                return above
            case BandComparison.OUTSIDE:
                return max(below, above)


@dataclass(frozen=True, slots=True)
class Detector:
    """What a model is trained on, and how: one statistic of a series, or the returned query of a list."""

    returned: Query
    queries: tuple[Query, ...]
    settings: seasonal.Settings

    @property
    def stat(self) -> Stat | None:
        """The statistic, for a detector of a single metric."""
        return self.returned.stat


def read_band(params: Mapping[str, Any], queries: Sequence[Query]) -> Band:
    """The band that PutMetricAlarm's ThresholdMetricId names among the alarm's queries. Raises Refusal."""
    operator, id_ = params.get("ComparisonOperator"), params.get("ThresholdMetricId")
    if operator not in tuple(BandComparison):
        raise validation(
            f"ComparisonOperator must be one of {', '.join(BandComparison)} with ThresholdMetricId, not {operator}"
        )
    if params.get("Threshold") is not None:
        raise validation("Threshold and ThresholdMetricId cannot be specified together")
    query = next((query for query in queries if query.id == id_), None)
    if query is None:
        raise validation(f"ThresholdMetricId {id_} is not the Id of an element of Metrics")
    of, deviations = band_of(query)
    subject = next(one for one in queries if one.id == of)
    if not (query.returned and subject.returned):
        raise validation(f"ReturnData must be true for {of} and for its band {id_}")
    periods = {stat.period for stat in leaves(subject, queries)}
    if any(period % 60 or period > MAX_BAND_PERIOD for period in periods):
        raise in_expression(query.id, f"the period of a band must be 60 to {MAX_BAND_PERIOD} seconds")
    return Band(BandComparison(operator), query.id, of, deviations)


def band_of(query: Query) -> tuple[str, float]:
    """Which query a band is of, and its width. Raises Refusal for anything but a band of a query."""
    match query.expression:
        case Call(function, (Reference(of, _), *width), _) if function == FUNCTION:
            pass
        case _:
            raise in_expression(query.id, f"ThresholdMetricId must name {FUNCTION}(id, deviations)")
    match width:
        case []:
            return of, DEVIATIONS
        case [Number(deviations)] if deviations > 0:
            return of, deviations
        case _:
            raise in_expression(query.id, f"the second argument of {FUNCTION} must be a number greater than 0")


def detector(params: Mapping[str, Any], *, account: str) -> Detector:
    """The detector that PutAnomalyDetector's parameters state. Raises Refusal."""
    single, math = params.get("SingleMetricAnomalyDetector"), params.get("MetricMathAnomalyDetector")
    plain = [field for field in _SINGLE if params.get(field)]
    if single is not None and math is not None:
        raise invalid_combination(
            "SingleMetricAnomalyDetector and MetricMathAnomalyDetector cannot be specified together"
        )
    if plain and (single is not None or math is not None):
        kind = "SingleMetricAnomalyDetector" if single is not None else "MetricMathAnomalyDetector"
        raise invalid_combination(f"{', '.join(plain)} cannot be specified together with {kind}")
    settings = _settings(params)
    if math is not None:
        return _of_math(math.get("MetricDataQueries") or [], settings, account)
    metric = params if single is None else single
    if metric.get("AccountId") not in (None, account):
        raise invalid_value(f"AccountId {metric['AccountId']} is not this account, {account}")
    for field in ("Namespace", "MetricName", "Stat"):
        if not metric.get(field):
            raise missing(f"The parameter {field} is required.")
    stat = read_stat(
        namespace=metric["Namespace"],
        name=metric["MetricName"],
        items=metric.get("Dimensions"),
        statistic=metric["Stat"],
        period=60,
        unit=None,
    )
    query = Query("m1", stat, None, "", "", returned=True)
    return Detector(query, (query,), settings)


def _of_math(items: Sequence[Mapping[str, Any]], settings: seasonal.Settings, account: str) -> Detector:
    if not items:
        raise missing("The parameter MetricMathAnomalyDetector.MetricDataQueries is required.")
    queries = read(items, account=account)
    returned = [query for query in queries if query.returned]
    if len(returned) != 1:
        raise invalid_value("Exactly one element of MetricDataQueries must have ReturnData true")
    if returned[0].expression is None:
        raise invalid_value("The element of MetricDataQueries that returns data must be an expression")
    return Detector(returned[0], ordered(queries), settings)


def _settings(params: Mapping[str, Any]) -> seasonal.Settings:
    given: Mapping[str, Any] = params.get("Configuration") or {}
    ranges = given.get("ExcludedTimeRanges") or []
    if len(ranges) > MAX_EXCLUDED_RANGES:
        raise invalid_value(f"ExcludedTimeRanges must have at most {MAX_EXCLUDED_RANGES} entries, not {len(ranges)}")
    try:
        excluded = tuple((epoch(one["StartTime"]), epoch(one["EndTime"])) for one in ranges)
    except (KeyError, ValueError) as error:
        raise invalid_value("ExcludedTimeRanges: each has a StartTime and an EndTime, both timestamps") from error
    if any(start >= end for start, end in excluded):
        raise invalid_value("ExcludedTimeRanges: the StartTime must be before the EndTime")
    name = given.get("MetricTimezone") or "UTC"
    zone = zones.named(name)
    if zone is None:
        raise invalid_value(f"MetricTimezone {name} is not a time zone such as Europe/London")
    speed = given.get("AdaptationSpeed") or seasonal.Speed.NORMAL
    if speed not in tuple(seasonal.Speed):
        raise invalid_value(f"AdaptationSpeed must be one of {', '.join(seasonal.Speed)}, not {speed}")
    filtering = given.get("OutlierFilteringStrength") or seasonal.Filtering.MODERATE
    if filtering not in tuple(seasonal.Filtering):
        raise invalid_value(f"OutlierFilteringStrength must be one of {', '.join(seasonal.Filtering)}, not {filtering}")
    return seasonal.Settings(
        zone=zone,
        excluded=excluded,
        spikes=bool((params.get("MetricCharacteristics") or {}).get("PeriodicSpikes")),
        speed=seasonal.Speed(speed),
        filtering=seasonal.Filtering(filtering),
    )
