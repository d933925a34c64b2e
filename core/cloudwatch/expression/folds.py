"""The functions of metric math that fold: one series to a number, or an array of series to one series.

User Guide, Using metric math. AVG counts a missing datapoint as 0, and STDDEV (of the whole, not of a sample) does so
too; the others pass over it. Where no series of an array has a datapoint, the folded one has none. What has no
datapoint at all folds to no number.
"""

import math
from collections.abc import Callable, Sequence

from core.cloudwatch.expression.values import Array, Series, Value

Fold = Callable[[Sequence[float], int], float]


def _average(values: Sequence[float], size: int) -> float:
    return math.fsum(values) / size


def _deviation(values: Sequence[float], size: int) -> float:
    mean = math.fsum(values) / size
    squares = [(value - mean) * (value - mean) for value in values]
    return math.sqrt(math.fsum((*squares, (size - len(values)) * mean * mean)) / size)


FOLDS: dict[str, Fold] = {
    "AVG": _average,
    "DATAPOINT_COUNT": lambda values, _: float(len(values)),
    "MAX": lambda values, _: max(values),
    "MIN": lambda values, _: min(values),
    "STDDEV": _deviation,
    "SUM": lambda values, _: math.fsum(values),
}
"""How each function folds the values that are there, of so many that could be."""


def fold(function: str, value: Value, count: int) -> Value:
    """A series to a number, an array to a series of `count` datapoints."""
    if isinstance(value, tuple):
        return _folded(function, [point for point in value if point is not None], len(value))
    if not isinstance(value, Array):
        raise TypeError(f"{function} takes no {value!r}")
    members = value.members
    return tuple(
        _known(function, [point for one in members if (point := one.values[number]) is not None], len(members))
        for number in range(count)
    )


def _known(function: str, values: Sequence[float], size: int) -> float | None:
    folded = _folded(function, values, size) if values else math.nan
    return folded if math.isfinite(folded) else None


def _folded(function: str, values: Sequence[float], size: int) -> float:
    if not values:
        return 0.0 if function == "DATAPOINT_COUNT" else math.nan
    try:
        return FOLDS[function](values, size)
    except OverflowError:
        return math.nan


def rank(function: str, series: Series) -> float:
    """What SORT goes by: the fold of the datapoints that are there; not a number where there are none."""
    values = [point for point in series if point is not None]
    return _folded(function, values, len(values))
