"""PromQL's functions over range vectors.

Prometheus documentation, Query functions: rate, increase and delta extrapolate to the ends of the range; counters
that fall are taken to have started again from zero.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from core.cloudwatch.promql.arithmetic import divide, extreme, quantile, total, variance
from core.cloudwatch.promql.samples import Point

Window = tuple[int, int]
"""The start (not included) and end of a range, in milliseconds."""

Over = Callable[[Sequence[Point], Window], float | None]

_THRESHOLD = 1.1
"""How many average gaps the range may go on beyond the points for them to be extrapolated to its end."""


def quantile_over_time(share: float, points: Sequence[Point]) -> float | None:
    """quantile_over_time."""
    return quantile(share, [point.value for point in points]) if points else None


def _extrapolated(points: Sequence[Point], window: Window, *, counter: bool, rate: bool) -> float | None:
    if len(points) < 2:
        return None
    first, last = points[0], points[-1]
    change = last.value - first.value
    if counter:
        change += sum(one.value for one, after in pairwise(points) if after.value < one.value)
    sampled = (last.at_ms - first.at_ms) / 1000
    gap = sampled / (len(points) - 1)
    before, after = (first.at_ms - window[0]) / 1000, (window[1] - last.at_ms) / 1000
    if before >= gap * _THRESHOLD:
        before = gap / 2
    if counter and change > 0 and first.value >= 0:
        before = min(before, sampled * (first.value / change))
    if after >= gap * _THRESHOLD:
        after = gap / 2
    factor = (sampled + before + after) / sampled
    if rate:
        factor /= (window[1] - window[0]) / 1000
    return change * factor


def _instant(points: Sequence[Point], *, rate: bool) -> float | None:
    if len(points) < 2:
        return None
    before, last = points[-2], points[-1]
    change = last.value if rate and last.value < before.value else last.value - before.value
    return change / ((last.at_ms - before.at_ms) / 1000) if rate else change


def _slope(points: Sequence[Point]) -> float | None:
    if len(points) < 2:
        return None
    times = [(point.at_ms - points[0].at_ms) / 1000 for point in points]
    values = [point.value for point in points]
    middle, mean = total(times) / len(times), total(values) / len(values)
    spread = total([(time - middle) ** 2 for time in times])
    return divide(total([(time - middle) * (value - mean) for time, value in zip(times, values, strict=True)]), spread)


def _folded(fold: Callable[[list[float]], float]) -> Over:
    return lambda points, _: fold([point.value for point in points]) if points else None


OVER: dict[str, Over] = {
    "rate": lambda points, window: _extrapolated(points, window, counter=True, rate=True),
    "increase": lambda points, window: _extrapolated(points, window, counter=True, rate=False),
    "delta": lambda points, window: _extrapolated(points, window, counter=False, rate=False),
    "irate": lambda points, _: _instant(points, rate=True),
    "idelta": lambda points, _: _instant(points, rate=False),
    "deriv": lambda points, _: _slope(points),
    "changes": _folded(lambda values: float(sum(a != b for a, b in pairwise(values)))),
    "resets": _folded(lambda values: float(sum(b < a for a, b in pairwise(values)))),
    "avg_over_time": _folded(lambda values: total(values) / len(values)),
    "min_over_time": _folded(lambda values: extreme(values, highest=False)),
    "max_over_time": _folded(lambda values: extreme(values, highest=True)),
    "sum_over_time": _folded(total),
    "count_over_time": _folded(lambda values: float(len(values))),
    "last_over_time": _folded(lambda values: values[-1]),
    "first_over_time": _folded(lambda values: values[0]),
    "present_over_time": _folded(lambda _: 1.0),
    "stddev_over_time": _folded(lambda values: math.sqrt(variance(values))),
    "stdvar_over_time": _folded(variance),
}
