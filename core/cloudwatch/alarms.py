"""PutMetricAlarm's and PutCompositeAlarm's parameters: what AWS refuses, and the alarm they state."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.catalogue.alarm import Comparison, MissingData
from core.cloudwatch import anomaly, composite, propagation, statistics, watched, watches, windows
from core.cloudwatch.composite.suppression import Suppressor
from core.cloudwatch.evaluation import Condition
from core.cloudwatch.limits import (
    MAX_ACTION_ARN,
    MAX_ACTIONS,
    MAX_ALARM_DESCRIPTION,
    MAX_ARN,
    MAX_EVALUATED,
    MAX_EVALUATED_LONG_PERIOD,
    MAX_NAME,
    MAX_TAG_KEY,
    MAX_TAG_VALUE,
    MAX_TAGS,
    MAX_WARM_UP_MINUTES,
    SUB_MINUTE_PERIODS,
)
from core.cloudwatch.queries import Query, leaves, ordered
from core.cloudwatch.refusal import unsupported, validation

ACTION_SERVICES = ("sns", "lambda")
_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SUPPRESSOR = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
_NO_CONDITION = Condition(Comparison.GREATER, 0.0, 1, 1, MissingData.MISSING)


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """What evaluating a metric alarm takes.

    `queries` are in order of evaluation, the returned one among them; a plain alarm has one with a stat.
    `explicit`: the alarm states its DatapointsToAlarm. `significant`: evaluate a percentile only where it has
    samples enough. `window`: the periods lie on the wall clock, not sliding with the evaluation.

    An alarm with a `band` watches how far the returned query lies outside it: more than 0 breaches its condition.
    One with a `watch` has contributors; of a PromQL alarm's plan only `period`, how often it is evaluated, is used.
    """

    queries: tuple[Query, ...]
    returned: Query
    condition: Condition
    period: timedelta
    explicit: bool
    significant: bool
    warm_up: "WarmUp | None" = None
    window: windows.WallClock | None = None
    band: anomaly.Band | None = None
    watch: watches.Watch | None = None


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How long after its creation an alarm stays in INSUFFICIENT_DATA, without actions.

    Unless it is `whole`, it ends as soon as every period of the alarm's window has a datapoint (API reference,
    WarmUpConfiguration).
    """

    duration: timedelta
    whole: bool


def plan(params: Mapping[str, Any], *, account: str = "") -> MetricPlan:
    """The alarm that PutMetricAlarm's parameters state. Raises Refusal."""
    check_common(params)
    if watches.is_promql(params):
        return _promql(params)
    window = windows.read(params.get("EvaluationWindow"))
    queries, band = watched.queries_of(params, account)
    returned = next(query for query in queries if query.returned)
    period = watches.asked_period(queries) or leaves(returned, queries)[0].period
    if window is not None:
        windows.check_period(period)
    condition = _condition(params, band, watched.default_treatment(queries))
    _check_period(period, condition.periods)
    watches.check_insights(queries, condition.periods, wall_clock=window is not None)
    percentile = returned.stat is not None and statistics.percentile_of(returned.stat.statistic) is not None
    low = params.get("EvaluateLowSampleCountPercentile")
    if low not in (None, "", "evaluate", "ignore"):
        raise validation(f"EvaluateLowSampleCountPercentile must be evaluate or ignore, not {low}")
    return MetricPlan(
        queries=ordered(queries),
        returned=returned,
        condition=condition,
        period=timedelta(seconds=period),
        explicit=params.get("DatapointsToAlarm") is not None,
        significant=low == "ignore" and percentile,
        warm_up=_warm_up(params.get("WarmUpConfiguration")),
        window=window,
        band=band,
        watch=watches.read_insights(returned),
    )


def _promql(params: Mapping[str, Any]) -> MetricPlan:
    watch = watches.read_promql(params)
    query = Query("q1", None, None, watch.text, "", returned=True)
    return MetricPlan((query,), query, _NO_CONDITION, watch.interval, explicit=False, significant=False, watch=watch)


def _warm_up(configuration: Mapping[str, Any] | None) -> WarmUp | None:
    if configuration is None:
        return None
    minutes = configuration.get("WarmUpPeriodDurationInMinutes")
    if not isinstance(minutes, int) or not 1 <= minutes <= MAX_WARM_UP_MINUTES:
        raise validation(f"WarmUpPeriodDurationInMinutes must be between 1 and {MAX_WARM_UP_MINUTES}, not {minutes}")
    whole = bool(configuration.get("OnlyStartEvaluatingAfterWarmUpPeriodEnds", False))
    return WarmUp(timedelta(minutes=minutes), whole)


def rule(params: Mapping[str, Any]) -> composite.Rule:
    """The rule that PutCompositeAlarm's parameters state. Raises Refusal."""
    check_common(params)
    text = params.get("AlarmRule")
    if not isinstance(text, str) or not text or text != text.strip():
        raise validation("AlarmRule must not contain leading or trailing whitespace or be null")
    try:
        return composite.parse(text)
    except composite.RuleError as error:
        raise validation(f"Invalid AlarmRule: {error.message}") from error


def suppressor(params: Mapping[str, Any]) -> Suppressor | None:
    """What suppresses the actions of the composite that PutCompositeAlarm's parameters state. Raises Refusal."""
    alarm, *periods = (params.get(field) for field in _SUPPRESSOR)
    if alarm is None:
        extra = [field for field in _SUPPRESSOR if params.get(field) is not None]
        if extra:
            raise validation(f"{', '.join(extra)} cannot be specified without ActionsSuppressor")
        return None
    if not isinstance(alarm, str) or not 1 <= len(alarm) <= MAX_ARN:
        raise validation(f"ActionsSuppressor must have 1 to {MAX_ARN} characters")
    for field, period in zip(_SUPPRESSOR[1:], periods, strict=True):
        if period is None:
            raise validation(f"{field} is required when ActionsSuppressor is specified")
        if not isinstance(period, int) or period < 0:
            raise validation(f"{field} must be a number of seconds, 0 or more, not {period}")
    wait, extension = (timedelta(seconds=period or 0) for period in periods)
    return Suppressor(composite.alarm_name(alarm), wait, extension)


def check_common(params: Mapping[str, Any]) -> None:
    """Refuse a name, description, actions or tags that no alarm may have."""
    name = params.get("AlarmName")
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or _CONTROL.search(name):
        raise validation(
            f"1 validation error detected: Value '{name}' at 'alarmName' failed to satisfy constraint: Member must "
            f"have length between 1 and {MAX_NAME} and hold no control characters"
        )
    if len(params.get("AlarmDescription") or "") > MAX_ALARM_DESCRIPTION:
        raise validation(
            "1 validation error detected: Value at 'alarmDescription' failed to satisfy constraint: Member must have "
            f"length less than or equal to {MAX_ALARM_DESCRIPTION}"
        )
    for field in _ACTIONS:
        actions = params.get(field) or []
        if len(actions) > MAX_ACTIONS:
            raise validation(f"{field} must not have more than {MAX_ACTIONS} entries, not {len(actions)}")
        for action in actions:
            if not isinstance(action, str) or not action.startswith("arn:") or len(action) > MAX_ACTION_ARN:
                raise validation(f"Invalid action in {field}: {action!r} is no ARN")
            if action.split(":")[2] not in ACTION_SERVICES:
                raise unsupported(f"the action {action} in {field}", "SNS topics, Lambda functions")
        if len(set(actions)) < len(actions):
            raise validation(f"{field} must not contain duplicates")
    check_tags(params.get("Tags") or [])
    propagation.check(params)


def check_tags(tags: Sequence[Mapping[str, str]]) -> None:
    """Refuse tags that no alarm or dashboard may have."""
    if len(tags) > MAX_TAGS:
        raise validation(f"Tags must not have more than {MAX_TAGS} entries, not {len(tags)}")
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not 1 <= len(key) <= MAX_TAG_KEY or key.startswith("aws:") or len(value) > MAX_TAG_VALUE:
            raise validation(f"Invalid tag {key!r}: a key has 1 to {MAX_TAG_KEY} characters, none reserved by aws:")


def _condition(params: Mapping[str, Any], band: anomaly.Band | None, default: MissingData) -> Condition:
    operator, threshold = (params.get(field) for field in ("ComparisonOperator", "Threshold"))
    if band is not None:
        operator, threshold = Comparison.GREATER, 0.0
    if operator in tuple(anomaly.BandComparison):
        raise validation(f"ThresholdMetricId is required with the ComparisonOperator {operator}")
    if operator not in tuple(Comparison):
        raise validation(f"ComparisonOperator must be one of {', '.join(Comparison)}, not {operator}")
    if not isinstance(threshold, int | float):
        raise validation("Threshold is required for alarms based on static thresholds")
    periods = params.get("EvaluationPeriods")
    if not isinstance(periods, int) or periods < 1:
        raise validation(f"EvaluationPeriods must be an integer greater than 0, not {periods}")
    datapoints = params.get("DatapointsToAlarm")
    datapoints = periods if datapoints is None else datapoints
    if not isinstance(datapoints, int) or not 1 <= datapoints <= periods:
        raise validation(f"DatapointsToAlarm must be between 1 and EvaluationPeriods ({periods}), not {datapoints}")
    treatment = params.get("TreatMissingData") or default
    if treatment not in tuple(MissingData):
        raise validation(f"TreatMissingData must be one of {', '.join(MissingData)}, not {treatment}")
    return Condition(Comparison(operator), float(threshold), datapoints, periods, MissingData(treatment))


def _check_period(period: int, periods: int) -> None:
    if period not in SUB_MINUTE_PERIODS and period % 60:
        raise validation(f"Period must be 10, 20, 30 or a multiple of 60, not {period}")
    evaluated = timedelta(seconds=period * periods)
    if period < 3600 and evaluated > MAX_EVALUATED:
        raise validation(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)."
        )
    if evaluated > MAX_EVALUATED_LONG_PERIOD:
        raise validation(
            "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800)."
        )
