"""What values a query can take, by interval arithmetic from the catalogue's ranges."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.catalogue.alarm import Comparison, MetricStat
from core.cloudwatch.expression import Expression
from core.cloudwatch.expression.tree import Call, Listing, Negation, Number, Operation, Reference, Search, Text, Word


@dataclass(frozen=True, slots=True)
class Interval:
    """Every value from `low` to `high`, both included."""

    low: float
    high: float

    def union(self, other: "Interval") -> "Interval":
        """The smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


ANY = Interval(-math.inf, math.inf)
ZERO = Interval(0.0, 0.0)


def of_stat(stat: MetricStat) -> Interval:
    """The range of one statistic: a sum or a count of samples has no upper bound."""
    low = -math.inf if stat.metric.minimum is None else stat.metric.minimum
    high = math.inf if stat.metric.maximum is None else stat.metric.maximum
    if stat.statistic == "SampleCount":
        return Interval(0.0, math.inf)
    if stat.statistic == "Sum":
        return Interval(-math.inf if low < 0 else low, math.inf if high > 0 else high)
    return Interval(low, high)


def of_expression(expression: Expression, known: Mapping[str, Interval]) -> Interval:
    """The range of an expression; `known` has that of each id it mentions (any value where it has none)."""
    match expression:
        case Number(value):
            return Interval(value, value)
        case Reference(id_, _):
            return known.get(id_, ANY)
        case Negation(operand):
            inner = of_expression(operand, known)
            return Interval(-inner.high, -inner.low)
        case Operation(operator, left, right, _):
            return _operation(operator, of_expression(left, known), of_expression(right, known))
        case Call("FILL", (series, filling), _):
            found = of_expression(series, known)
            return found if isinstance(filling, Word) else found.union(of_expression(filling, known))
        case Call("IF", (_, *branches), _):
            # A branch without a datapoint counts as 0.
            found = ZERO
            for branch in branches:
                found = found.union(of_expression(branch, known))
            return found
        case Word() | Text() | Listing() | Search() | Call():
            return ANY


def _operation(operator: str, left: Interval, right: Interval) -> Interval:
    combine = _COMBINED.get(operator)
    if combine is not None:
        return _corners(combine, left, right)
    if operator == "/":
        return _quotient(left, right)
    if operator == "^":
        return Interval(0.0, math.inf) if left.low >= 0 else ANY
    return Interval(0.0, 1.0)  # comparisons, AND, OR


_COMBINED: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    # 0 times infinity: the bound is never reached, the zero is.
    "*": lambda left, right: 0.0 if 0.0 in (left, right) else left * right,
}


def _corners(combine: Callable[[float, float], float], left: Interval, right: Interval) -> Interval:
    values = [combine(a, b) for a in (left.low, left.high) for b in (right.low, right.high)]
    return ANY if any(math.isnan(value) for value in values) else Interval(min(values), max(values))


def _quotient(left: Interval, right: Interval) -> Interval:
    """A division by zero leaves no datapoint, but a divisor may come as near to it as it likes."""
    if right.low > 0 or right.high < 0:
        return _corners(_ratio, left, right)
    if left.low >= 0 and right.low >= 0:
        return Interval(0.0, math.inf)
    return ANY


def _ratio(left: float, right: float) -> float:
    return 0.0 if math.isinf(right) else left / right


def can_breach(values: Interval, comparison: Comparison, threshold: float) -> bool:
    """Whether any value in reach breaches the threshold."""
    return {
        Comparison.GREATER: values.high > threshold,
        Comparison.GREATER_OR_EQUAL: values.high >= threshold,
        Comparison.LESS: values.low < threshold,
        Comparison.LESS_OR_EQUAL: values.low <= threshold,
    }[comparison]


def can_hold(values: Interval, comparison: Comparison, threshold: float) -> bool:
    """Whether any value in reach does not breach it: an alarm that is never OK says nothing either."""
    return {
        Comparison.GREATER: values.low <= threshold,
        Comparison.GREATER_OR_EQUAL: values.low < threshold,
        Comparison.LESS: values.high >= threshold,
        Comparison.LESS_OR_EQUAL: values.high > threshold,
    }[comparison]
