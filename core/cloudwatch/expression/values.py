"""Metric math evaluated: scalars and series over one grid of periods.

User Guide, Using metric math. A missing datapoint is None. Between two series a point that only one of them has is
computed with 0 for the other; where neither has one there is none. Between a series and a scalar there are points only
where the series has them. A result that is not a finite number (a division by zero) leaves no datapoint. IF drops
points whose condition is missing and takes 0 for a missing branch.
"""

import math
import operator
from collections.abc import Callable, Mapping
from itertools import pairwise

from core.cloudwatch.expression.errors import ExpressionError
from core.cloudwatch.expression.tree import (
    Call,
    Expression,
    Negation,
    Number,
    Operation,
    Reference,
    Word,
    spine,
)

Series = tuple[float | None, ...]
"""One value per period of the grid, oldest first; None where there is no datapoint."""

Value = float | Series

_OPERATORS: dict[str, Callable[[float, float], object]] = {
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


def evaluate(expression: Expression, series: Mapping[str, Value]) -> Value:
    """The value of `expression`; `series` has what each id stands for, every series over the same grid.

    Raises ExpressionError for an id that `series` lacks, and for FILL of a scalar.
    """
    match expression:
        case Number(value):
            return value
        case Reference(id_, position):
            if id_ not in series:
                raise ExpressionError(f"unknown id {id_} at position {position}", position)
            return series[id_]
        case Negation(operand):
            return _each(lambda value: -value, evaluate(operand, series))
        case Operation():
            first, rest = spine(expression)
            left = evaluate(first, series)
            for symbol, right in rest:
                left = _combine(_OPERATORS[symbol], left, evaluate(right, series))
            return left
        case Call("FILL", (filled, filler), position):
            return _fill(evaluate(filled, series), filler, series, position)
        case Call("IF", (condition, *branches), _):
            return _if(evaluate(condition, series), [evaluate(branch, series) for branch in branches])
        case Call(function, _, position):
            raise ExpressionError(f"{function} is not supported yet at position {position}", position)
        case Word(text):
            raise ExpressionError(f"{text} is an argument of FILL, not a value", 0)


def _finite(compute: Callable[[float, float], object], left: float, right: float) -> float | None:
    try:
        value = compute(float(left), float(right))
    except (ZeroDivisionError, OverflowError):
        return None
    # A negative number to a broken power is complex.
    return value if isinstance(value, float) and math.isfinite(value) else None


def _each(compute: Callable[[float], float], value: Value) -> Value:
    if isinstance(value, tuple):
        return tuple(None if point is None else compute(point) for point in value)
    return compute(value)


def _combine(compute: Callable[[float, float], object], left: Value, right: Value) -> Value:
    if isinstance(left, tuple) and isinstance(right, tuple):
        return tuple(
            None if a is None and b is None else _finite(compute, a or 0.0, b or 0.0)
            for a, b in zip(left, right, strict=True)
        )
    if isinstance(left, tuple):
        scalar = float(right) if not isinstance(right, tuple) else 0.0
        return tuple(None if point is None else _finite(compute, point, scalar) for point in left)
    if isinstance(right, tuple):
        return tuple(None if point is None else _finite(compute, left, point) for point in right)
    result = _finite(compute, left, right)
    return math.nan if result is None else result


def _fill(filled: Value, filler: Expression, series: Mapping[str, Value], position: int) -> Series:
    if not isinstance(filled, tuple):
        raise ExpressionError(f"FILL at position {position} takes a series first, not a scalar", position)
    if filler == Word("REPEAT"):
        return _repeat(filled)
    if filler == Word("LINEAR"):
        return _linear(filled)
    other = evaluate(filler, series)
    if isinstance(other, tuple):
        return tuple(b if a is None else a for a, b in zip(filled, other, strict=True))
    fallback = other if math.isfinite(other) else None
    return tuple(fallback if point is None else point for point in filled)


def _repeat(filled: Series) -> Series:
    points: list[float | None] = []
    last: float | None = None
    for point in filled:
        last = last if point is None else point
        points.append(last)
    return tuple(points)


def _linear(filled: Series) -> Series:
    """Gaps between two datapoints are filled on the straight line; what lies outside them stays missing."""
    points = list(filled)
    known = [number for number, point in enumerate(filled) if point is not None]
    for start, end in pairwise(known):
        first, last = filled[start] or 0.0, filled[end] or 0.0
        for number in range(start + 1, end):
            share = (number - start) / (end - start)
            points[number] = first * (1 - share) + last * share
    return tuple(points)


def _if(condition: Value, branches: list[Value]) -> Value:
    if not isinstance(condition, tuple):
        holds = not math.isnan(condition) and condition != 0
        if holds:
            return branches[0]
        return branches[1] if len(branches) == 2 else math.nan
    return tuple(_choose(point, branches, number) for number, point in enumerate(condition))


def _choose(condition: float | None, branches: list[Value], number: int) -> float | None:
    if condition is None:
        return None
    if condition == 0 and len(branches) == 1:
        return None
    branch = branches[0] if condition != 0 else branches[1]
    point = branch[number] if isinstance(branch, tuple) else branch
    if point is None:
        return 0.0
    return point if math.isfinite(point) else None
