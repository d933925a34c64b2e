"""The functions of metric math that give series and arrays from series and arrays."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from core.cloudwatch.expression.folds import rank
from core.cloudwatch.expression.values import Array, Grid, Member, Series, Value


def _pointwise(compute: Callable[[float], float]) -> Callable[[Series], Series]:
    def apply(series: Series) -> Series:
        return tuple(None if point is None else _defined(compute, point) for point in series)

    return apply


def _defined(compute: Callable[[float], float], point: float) -> float | None:
    try:
        return float(compute(point))
    except (ValueError, OverflowError):
        return None


def running_sum(series: Series) -> Series:
    """The sum up to each datapoint; what is missing stays so."""
    total = 0.0
    points: list[float | None] = []
    for point in series:
        total += point or 0.0
        points.append(None if point is None or not math.isfinite(total) else total)
    return tuple(points)


PER_SERIES: dict[str, Callable[[Series], Series]] = {
    "ABS": _pointwise(abs),
    "CEIL": _pointwise(math.ceil),
    "FLOOR": _pointwise(math.floor),
    "LOG": _pointwise(math.log),
    "LOG10": _pointwise(math.log10),
    "RUNNING_SUM": running_sum,
}
"""Functions of one series alone. A datapoint without a logarithm is dropped."""

STEPS: dict[str, Callable[[float, float], float]] = {
    "DIFF": lambda change, _: change,
    "DIFF_TIME": lambda _, seconds: seconds,
    "RATE": lambda change, seconds: change / seconds,
}
"""Functions of a datapoint's change since the one before it, however far back that is, and of the seconds between."""


def stepped(function: str, series: Series, period: int) -> Series:
    """The first datapoint has none before it, so it is dropped."""
    compute = STEPS[function]
    points: list[float | None] = []
    last: tuple[int, float] | None = None
    for number, point in enumerate(series):
        step = None
        if point is not None:
            if last is not None:
                value = compute(point - last[1], float(period * (number - last[0])))
                step = value if math.isfinite(value) else None
            last = number, point
        points.append(step)
    return tuple(points)


CLOCKS: dict[str, Callable[[datetime], float]] = {
    "MINUTE": lambda at: at.minute,
    "HOUR": lambda at: at.hour,
    "DAY": lambda at: at.isoweekday(),
    "DATE": lambda at: at.day,
    "MONTH": lambda at: at.month,
    "YEAR": lambda at: at.year,
    "EPOCH": lambda at: at.timestamp(),
}
"""What a time function takes from the start of a period, in UTC; Monday is day 1."""


def clocked(function: str, grid: Grid) -> Series:
    """A value for every period, whether the series has a datapoint there or not."""
    read = CLOCKS[function]
    return tuple(float(read(datetime.fromtimestamp(at, UTC))) for at in grid.times)


def without_empty(array: Array) -> Array:
    """REMOVE_EMPTY."""
    return Array(tuple(one for one in array.members if any(point is not None for point in one.values)))


def sliced(array: Array, start: float, end: float) -> Array:
    """SLICE: from `start` to before `end`, counted from 0."""
    size = len(array.members)
    return Array(array.members[_place(start, size) : _place(end, size)])


def _place(number: float, size: int) -> int:
    return size if math.isnan(number) else int(min(max(number, 0.0), size))


def ordered(array: Array, function: str, order: str, limit: float) -> Array:
    """SORT: by AVG, MIN, MAX or SUM of each series; series without datapoints come last."""
    sign = -1.0 if order == "DESC" else 1.0

    def place(member: Member) -> tuple[bool, float]:
        value = rank(function, member.values)
        return math.isnan(value), 0.0 if math.isnan(value) else sign * value

    return Array(tuple(sorted(array.members, key=place))[: _place(limit, len(array.members))])


def listed(values: list[tuple[Value, Member]]) -> Array:
    """`[m1, m2]`: series stay as they are labelled, arrays are taken apart."""
    members: list[Member] = []
    for value, member in values:
        if isinstance(value, Array):
            members.extend(value.members)
        else:
            members.append(member)
    return Array(tuple(members))
