"""The operators of metric math over scalars, series and arrays.

User Guide, Using metric math. A missing datapoint is None. Between two series a point that only one of them has is
computed with 0 for the other; where neither has one there is none. Between a series and a scalar there are points only
where the series has them. A result that is not a finite number (a division by zero) leaves no datapoint.
"""

import math
import operator
from collections.abc import Callable
from dataclasses import replace

from core.cloudwatch.expression.values import Array, Series, Value

Compute = Callable[[float, float], object]

OPERATORS: dict[str, Compute] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "==": lambda left, right: float(left == right),
    "!=": lambda left, right: float(left != right),
    "<": lambda left, right: float(left < right),
    "<=": lambda left, right: float(left <= right),
    ">": lambda left, right: float(left > right),
    ">=": lambda left, right: float(left >= right),
    "AND": lambda left, right: float(bool(left) and bool(right)),
    "OR": lambda left, right: float(bool(left) or bool(right)),
}


def combine(compute: Compute, left: Value, right: Value) -> Value:
    """Both operands, of which at most one is an array, put together."""
    if isinstance(left, tuple) and not isinstance(right, Array):
        return _series(compute, left, right)
    if isinstance(left, Array):
        return Array(tuple(replace(one, values=_series(compute, one.values, right)) for one in left.members))
    if isinstance(right, Array):
        return Array(tuple(replace(one, values=_series(compute, left, one.values)) for one in right.members))
    if isinstance(left, tuple) or isinstance(right, tuple):
        return _series(compute, left, right)
    result = None if math.isnan(left) or math.isnan(right) else _finite(compute, left, right)
    return math.nan if result is None else result


def _series(compute: Compute, left: Value, right: Value) -> Series:
    """At least one of the operands is a series, none is an array."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return tuple(
            None if a is None and b is None else _finite(compute, a or 0.0, b or 0.0)
            for a, b in zip(left, right, strict=True)
        )
    if isinstance(left, tuple) and isinstance(right, int | float):
        if math.isnan(right):
            return (None,) * len(left)
        return tuple(None if point is None else _finite(compute, point, right) for point in left)
    if isinstance(right, tuple) and isinstance(left, int | float):
        if math.isnan(left):
            return (None,) * len(right)
        return tuple(None if point is None else _finite(compute, left, point) for point in right)
    raise TypeError(f"no operands of metric math: {left!r}, {right!r}")


def _finite(compute: Compute, left: float, right: float) -> float | None:
    try:
        value = compute(float(left), float(right))
    except (ZeroDivisionError, OverflowError):
        return None
    # A negative number to a broken power is complex.
    return value if isinstance(value, float) and math.isfinite(value) else None


def each(compute: Callable[[Series], Series], value: Value) -> Value:
    """The series, or every series of the array, computed."""
    if isinstance(value, Array):
        return Array(tuple(replace(one, values=compute(one.values)) for one in value.members))
    if isinstance(value, tuple):
        return compute(value)
    raise TypeError(f"no series: {value!r}")


def negated(value: Value) -> Value:
    """Unary minus."""
    if isinstance(value, int | float):
        return -value
    return each(lambda series: tuple(None if point is None else -point for point in series), value)
