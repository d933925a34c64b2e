"""FILL and IF.

User Guide, Using IF expressions: a datapoint whose condition is missing is dropped; of a branch that has none, 0 is
taken, but where the condition is false and the other branch is a scalar the datapoint is dropped. FILL with LINEAR
fills the gaps between two datapoints on the straight line, and with REPEAT from the datapoint before; what has nothing
before it, or for LINEAR nothing after it, stays missing.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from core.cloudwatch.expression.values import Series, Value


def filled(series: Series, filler: Value | str) -> Series:
    """The series with its missing datapoints filled from a word, a scalar or another series."""
    if filler == "REPEAT":
        return _repeated(series)
    if filler == "LINEAR":
        return _linear(series)
    if isinstance(filler, tuple):
        return tuple(b if a is None else a for a, b in zip(series, filler, strict=True))
    if not isinstance(filler, int | float):
        raise TypeError(f"FILL takes no {filler!r}")
    fallback = filler if math.isfinite(filler) else None
    return tuple(fallback if point is None else point for point in series)


def _repeated(series: Series) -> Series:
    points: list[float | None] = []
    last: float | None = None
    for point in series:
        last = last if point is None else point
        points.append(last)
    return tuple(points)


def _linear(series: Series) -> Series:
    points = list(series)
    known = [number for number, point in enumerate(series) if point is not None]
    for start, end in pairwise(known):
        first, last = series[start] or 0.0, series[end] or 0.0
        for number in range(start + 1, end):
            share = (number - start) / (end - start)
            points[number] = first * (1 - share) + last * share
    return tuple(points)


def chosen(condition: Value, branches: Sequence[Value]) -> Value:
    """IF. A scalar only where every argument is one; otherwise a series."""
    if isinstance(condition, tuple):
        return tuple(_point(point, branches, number) for number, point in enumerate(condition))
    holds = isinstance(condition, int | float) and not math.isnan(condition) and condition != 0
    branch = branches[0] if holds else branches[1] if len(branches) == 2 else math.nan
    size = next((len(one) for one in branches if isinstance(one, tuple)), None)
    if isinstance(branch, tuple) or size is None:
        return branch
    point = branch if isinstance(branch, int | float) and math.isfinite(branch) else None
    return (point,) * size


def _point(condition: float | None, branches: Sequence[Value], number: int) -> float | None:
    if condition is None or (condition == 0 and len(branches) == 1):
        return None
    branch = branches[0] if condition != 0 else branches[1]
    if isinstance(branch, tuple):
        point = branch[number]
        if point is not None:
            return point
        return 0.0 if condition != 0 or isinstance(branches[0], tuple) else None
    return branch if isinstance(branch, int | float) and math.isfinite(branch) else None
