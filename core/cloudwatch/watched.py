"""What a metric alarm watches, from PutMetricAlarm's parameters: one statistic, or a list of queries."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.catalogue.alarm import MissingData
from core.cloudwatch import anomaly, expression, statistics, watches
from core.cloudwatch.limits import MAX_ALARM_METRICS
from core.cloudwatch.queries import Query, in_expression, leaves, ordered, read, read_stat, types
from core.cloudwatch.refusal import validation

_PLAIN = ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")


def default_treatment(queries: Sequence[Query]) -> MissingData:
    """How missing data are treated where the alarm does not say: AWS/DynamoDB's are ignored.

    User Guide, Configuring how CloudWatch alarms treat missing data.
    """
    sources = (query.stat or query.select for query in queries)
    namespaces = {source.namespace for source in sources if source is not None}
    return MissingData.IGNORE if namespaces == {"AWS/DynamoDB"} else MissingData.MISSING


def queries_of(params: Mapping[str, Any], account: str) -> tuple[tuple[Query, ...], anomaly.Band | None]:
    """What the alarm evaluates, without the query of its band, and the band. Raises Refusal."""
    items = params.get("Metrics")
    if items:
        extra = [field for field in _PLAIN if params.get(field)]
        if extra:
            raise validation(f"{', '.join(extra)} cannot be specified together with Metrics")
        return _math(items, params, account)
    if params.get("ThresholdMetricId") is not None:
        raise validation("ThresholdMetricId can only be specified together with Metrics")
    if not params.get("MetricName"):
        raise validation("One of MetricName, Metrics and EvaluationCriteria must be specified")
    if bool(params.get("Statistic")) == bool(params.get("ExtendedStatistic")):
        raise validation("Exactly one of Statistic and ExtendedStatistic must be specified")
    if params.get("Statistic") and params["Statistic"] not in statistics.BASIC:
        raise validation(
            f"The value {params['Statistic']} for parameter Statistic is invalid: it is one of "
            + ", ".join(statistics.BASIC)
        )
    if params.get("ExtendedStatistic") in statistics.BASIC:
        raise validation(f"{params['ExtendedStatistic']} is given as Statistic, not as ExtendedStatistic")
    stat = read_stat(
        namespace=params.get("Namespace"),
        name=params["MetricName"],
        items=params.get("Dimensions"),
        statistic=params.get("Statistic") or params.get("ExtendedStatistic"),
        period=params.get("Period"),
        unit=params.get("Unit"),
    )
    return (Query("m1", stat, None, "", "", returned=True),), None


def _math(
    items: Sequence[Mapping[str, Any]], params: Mapping[str, Any], account: str
) -> tuple[tuple[Query, ...], anomaly.Band | None]:
    queries = read(items, account=account)
    band = anomaly.read_band(params, queries) if params.get("ThresholdMetricId") is not None else None
    if band is not None:
        queries = tuple(query for query in queries if query.id != band.id)
    stats = [query.stat for query in queries if query.stat is not None]
    if len(stats) > MAX_ALARM_METRICS:
        raise validation(f"An alarm may have at most {MAX_ALARM_METRICS} metrics, not {len(stats)}")
    returned = [query for query in queries if query.returned]
    if len(returned) != 1:
        raise validation(
            "Exactly one element of the Metrics list should return data, not "
            + (", ".join(query.id for query in returned) or "none")
        )
    if any(query.expression and expression.searches(query.expression) for query in queries):
        raise validation("SEARCH is not supported on Metric Alarms.")
    if not leaves(returned[0], queries) and not watches.asked_period(queries):
        raise validation(f"The expression of {returned[0].id} must rest on at least one metric")
    _check_result(returned[0], queries)
    asked = {query.period for query in queries if query.select or (query.sources and query.period is not None)}
    if len({stat.period for stat in stats} | asked) > 1:
        raise validation("The Period must be the same for all metrics of an alarm")
    return queries, band


def _check_result(returned: Query, queries: Sequence[Query]) -> None:
    """An alarm watches one series (User Guide, Using math expressions).

    How many a connected data source returns is known only when it does: one is watched (Create an alarm based on a
    connected data source); that several are no data is ours.
    """
    kind = types(ordered(queries))[returned.id]
    if watches.read_insights(returned) is not None:
        return
    if kind is expression.Type.SCALAR:
        raise in_expression(returned.id, "its result is a scalar; it must be a time series")
    if kind is expression.Type.ARRAY and not any(one.function == "LAMBDA" for one in returned.sources):
        raise validation(
            "Metrics expression that return multi time series are only allowed for MetricsInsights expression with an "
            f"ORDER BY clause; {returned.id} returns an array of time series"
        )
