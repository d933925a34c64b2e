"""The state of a metric alarm from its datapoints: M of N, the evaluation range, missing data.

User Guide, Alarm evaluation, and Configuring how CloudWatch alarms treat missing data. Datapoints are oldest
first; None is a missing one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.catalogue.alarm import Comparison, MissingData
from core.cloudwatch.state import State

_EXTRA_PERIODS = 2

_COMPARISONS: dict[Comparison, Callable[[float, float], bool]] = {
    Comparison.GREATER: lambda value, threshold: value > threshold,
    Comparison.GREATER_OR_EQUAL: lambda value, threshold: value >= threshold,
    Comparison.LESS: lambda value, threshold: value < threshold,
    Comparison.LESS_OR_EQUAL: lambda value, threshold: value <= threshold,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """What an alarm holds its datapoints against: `datapoints` (M) of `periods` (N) must breach."""

    comparison: Comparison
    threshold: float
    datapoints: int
    periods: int
    missing: MissingData

    def breaches(self, value: float) -> bool:
        """Whether one datapoint breaches."""
        return _COMPARISONS[self.comparison](value, self.threshold)


def evaluation_range(periods: int) -> int:
    """How many periods CloudWatch looks back for N `periods`.

    The User Guide says that it is more than N and shows 5 for N = 3; N + 2 is assumed for every N.
    """
    return periods + _EXTRA_PERIODS


def is_daily(period: timedelta, periods: int) -> bool:
    """Whether the alarm looks back over more than a day, so that it is evaluated once an hour only."""
    return period * periods > timedelta(days=1)


def is_due(at: datetime, period: timedelta, periods: int) -> bool:
    """Whether an alarm is evaluated at the instant `at`, a multiple of ten seconds.

    Every minute, every ten seconds for periods below a minute, every hour over more than a day (User Guide, Alarm
    evaluation).
    """
    if period < timedelta(minutes=1):
        return True
    if at.second != 0:
        return False
    return at.minute == 0 or not is_daily(period, periods)


def decide(breaching: Sequence[bool | None], condition: Condition, current: State) -> State:
    """The state that follows from which datapoints of the evaluation range breach.

    With N datapoints or more, the newest N decide. With fewer, the treatment of missing data fills the shortfall,
    and a premature alarm is avoided: where only breaching datapoints are left, they alarm only once the oldest of
    them is M periods old. This reproduces every row of the documented tables.
    """
    needed, periods = condition.datapoints, condition.periods
    real = [point for point in breaching if point is not None]
    if len(real) >= periods:
        return State.ALARM if sum(real[-periods:]) >= needed else State.OK
    breaches = sum(real)
    if condition.missing is MissingData.BREACHING:
        return State.ALARM if breaches + periods - len(real) >= needed else State.OK
    if condition.missing is MissingData.NOT_BREACHING:
        return State.ALARM if breaches >= needed else State.OK
    if not real:
        return State.INSUFFICIENT_DATA if condition.missing is MissingData.MISSING else current
    if breaches >= needed:
        return State.ALARM
    if breaches == len(real):
        age = len(breaching) - list(breaching).index(True)
        if age >= needed and condition.missing is MissingData.MISSING:
            return State.ALARM
        return current
    return State.OK


def evaluate(values: Sequence[float | None], condition: Condition, current: State) -> State:
    """`decide` on the datapoints' values."""
    breaches = _COMPARISONS[condition.comparison]
    threshold = condition.threshold
    return decide([None if value is None else breaches(value, threshold) for value in values], condition, current)


def is_unknown(values: Sequence[float | None], condition: Condition) -> bool:
    """Whether nothing is known of the metric, and the alarm is to say so."""
    return condition.missing is MissingData.MISSING and all(value is None for value in values)
