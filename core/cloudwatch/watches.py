"""What an alarm of many time series watches: a Metrics Insights query with GROUP BY, or a PromQL query.

API reference, PutMetricAlarm, EvaluationCriteria and AlarmPromQLCriteria.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.cloudwatch import insights, promql
from core.cloudwatch.contributors import Pace
from core.cloudwatch.limits import (
    EVALUATION_INTERVALS,
    INSIGHTS_PERIOD,
    INSIGHTS_RANGE,
    MAX_EVALUATION_INTERVAL,
    MAX_PROMQL,
    MAX_PROMQL_PERIOD,
)
from core.cloudwatch.queries import Query, in_expression
from core.cloudwatch.refusal import validation

_EXCLUDED = (
    "Namespace MetricName Dimensions Period Unit Statistic ExtendedStatistic Metrics Threshold ComparisonOperator "
    "ThresholdMetricId EvaluationPeriods DatapointsToAlarm"
)
_INAPPLICABLE = ("TreatMissingData", "EvaluateLowSampleCountPercentile", "EvaluationWindow", "WarmUpConfiguration")


@dataclass(frozen=True, slots=True)
class InsightsWatch:
    """A query whose every group is a contributor. `id` is the entry's of Metrics."""

    id: str
    query: insights.Select


@dataclass(frozen=True, slots=True)
class PromqlWatch:
    """A query whose every returned series is a breaching contributor."""

    text: str
    expression: promql.Expression
    pace: Pace
    interval: timedelta

    def is_due(self, at: datetime) -> bool:
        """Whether the query is evaluated at an instant: at the multiples of its interval."""
        return at.timestamp() % self.interval.total_seconds() == 0


Watch = InsightsWatch | PromqlWatch


def asked_period(queries: Sequence[Query]) -> int:
    """The period of the alarm's Metrics Insights query, or of what it reads elsewhere, in seconds; 0 for neither."""
    asked = (query.period for query in queries if query.select is not None or query.sources)
    return next((period for period in asked if period), 0)


def check_insights(queries: Sequence[Query], periods: int, *, wall_clock: bool) -> None:
    """Refuse a Metrics Insights alarm that asks for more than such alarms are given. Raises Refusal.

    Metrics Insights quotas, and API reference, PutMetricAlarm, EvaluationWindow.
    """
    selects = [query for query in queries if query.select is not None]
    if len(selects) > 1:
        raise validation("An alarm may have one Metrics Insights query, not " + ", ".join(one.id for one in selects))
    for query in selects:
        period = query.period or 0
        if period < INSIGHTS_PERIOD:
            raise in_expression(query.id, f"the Period of a Metrics Insights query is 60 or more, not {period}")
        if timedelta(seconds=period) * (periods + wall_clock) > INSIGHTS_RANGE:
            product = "(EvaluationPeriods + 1) * Period" if wall_clock else "EvaluationPeriods * Period"
            raise validation(f"A Metrics Insights alarm evaluates the latest three hours: {product} must be <= 10800.")


def read_insights(returned: Query) -> InsightsWatch | None:
    """What the contributors of an alarm come from: the query that it returns, if that has GROUP BY. Raises Refusal."""
    select = returned.select
    if select is None or not select.groups:
        return None
    if select.order is None:
        raise validation(
            "Metrics expression that return multi time series are only allowed for MetricsInsights expression with an "
            "ORDER BY clause"
        )
    return InsightsWatch(returned.id, select)


def is_promql(params: Mapping[str, Any]) -> bool:
    """Whether PutMetricAlarm's parameters state a PromQL alarm, well or badly."""
    return params.get("EvaluationCriteria") is not None or params.get("EvaluationInterval") is not None


def read_promql(params: Mapping[str, Any]) -> PromqlWatch:
    """What the parameters of a PromQL alarm state. Raises Refusal, with the position of what is wrong in the query."""
    criteria = params.get("EvaluationCriteria")
    if criteria is None:
        raise validation("EvaluationInterval cannot be specified for alarms configured with MetricName or Metrics")
    extra = [field for field in _EXCLUDED.split() if params.get(field) not in (None, [], "")]
    if extra:
        raise validation(f"{', '.join(extra)} cannot be specified together with EvaluationCriteria")
    for field in _INAPPLICABLE:
        if params.get(field) is not None:
            raise validation(f"{field} is not applicable to PromQL alarms")
    stated = criteria.get("PromQLCriteria")
    if not isinstance(stated, Mapping) or len(criteria) != 1:
        raise validation("EvaluationCriteria must have PromQLCriteria, and nothing else")
    text = stated.get("Query")
    return PromqlWatch(
        text=str(text),
        expression=_parsed(text),
        pace=Pace(_seconds(stated, "PendingPeriod"), _seconds(stated, "RecoveryPeriod")),
        interval=_interval(params.get("EvaluationInterval")),
    )


def _parsed(text: object) -> promql.Expression:
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_PROMQL:
        raise validation(f"EvaluationCriteria.PromQLCriteria.Query must have 1 to {MAX_PROMQL} characters")
    try:
        expression = promql.parse(text)
        later = promql.first_later(expression)
    except promql.PromqlError as error:
        raise validation(f"Invalid PromQL query: {error.message}") from error
    type_ = promql.check(expression)
    if type_ is not promql.Type.VECTOR:
        raise validation(f"Invalid PromQL query: it must return an instant vector, not a {type_}")
    if later is not None:
        raise validation(f"Invalid PromQL query: {later.message}")
    return expression


def _seconds(stated: Mapping[str, Any], field: str) -> timedelta:
    value = stated.get(field)
    value = 0 if value is None else value
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_PROMQL_PERIOD:
        raise validation(f"{field} must be between 0 and {MAX_PROMQL_PERIOD} seconds, not {value}")
    return timedelta(seconds=value)


def _interval(value: object) -> timedelta:
    if value is None:
        raise validation("EvaluationInterval is required for alarms that use EvaluationCriteria")
    if not isinstance(value, int) or isinstance(value, bool) or not 10 <= value <= MAX_EVALUATION_INTERVAL:
        raise validation(f"EvaluationInterval must be between 10 and {MAX_EVALUATION_INTERVAL} seconds, not {value}")
    if value not in EVALUATION_INTERVALS and value % 60:
        raise validation(f"EvaluationInterval must be 10, 20, 30 or a multiple of 60, not {value}")
    return timedelta(seconds=value)
