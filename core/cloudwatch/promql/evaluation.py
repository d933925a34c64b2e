"""Evaluates a PromQL expression at one instant over a source of series.

Prometheus documentation, Querying basics: an instant vector selector gives the newest point of each series that is
not older than five minutes; ranges and that lookback do not include their start.
"""

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from core.cloudwatch.promql import relabelling
from core.cloudwatch.promql.aggregation import aggregate, grouped
from core.cloudwatch.promql.arithmetic import SIMPLE, clamped, rounded
from core.cloudwatch.promql.errors import PromqlError, at
from core.cloudwatch.promql.functions import DATES
from core.cloudwatch.promql.operators import operate
from core.cloudwatch.promql.ranges import OVER, quantile_over_time
from core.cloudwatch.promql.samples import LOOKBACK_MS, Labels, Point, Sample, Series, Source, Vector, nameless
from core.cloudwatch.promql.tree import (
    METRIC,
    Aggregation,
    Call,
    Expression,
    Match,
    Negation,
    Number,
    Operation,
    Selector,
    Subquery,
    Text,
)
from core.cloudwatch.promql.types import first_later

Value = float | str | Vector

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEEP_NAME = ("last_over_time", "first_over_time")


def evaluate(expression: Expression, source: Source, now: datetime) -> Vector:
    """The instant vector that the expression is at `now`; a scalar becomes a vector of one sample without labels.

    Raises PromqlError where the data make it impossible, such as two series of the same labels.
    """
    value = _Evaluation(source, (now - _EPOCH) // timedelta(milliseconds=1)).value(expression)
    if isinstance(value, tuple):
        return value
    return (Sample((), math.nan if isinstance(value, str) else value),)


class _Evaluation:
    def __init__(self, source: Source, now_ms: int) -> None:
        self._source = source
        self._now = now_ms

    def value(self, expression: Expression) -> Value:
        match expression:
            case Number(value):
                return value
            case Text(text):
                return text
            case Selector():
                return self._instant(expression)
            case Negation(operand):
                value_ = self.value(operand)
                if isinstance(value_, tuple):
                    return _mapped(value_, lambda one: -one, expression.position)
                return -_number(value_)
            case Operation():
                return operate(expression, self.value(expression.left), self.value(expression.right))
            case Aggregation("count_values", operand, parameter, without, labels) if parameter is not None:
                groups = grouped(self._vector(operand), labels=labels, dropped=without)
                return relabelling.counted(groups, str(self.value(parameter)), expression.position)
            case Aggregation(operator, operand, parameter, without, labels):
                number = math.nan if parameter is None else _number(self.value(parameter))
                vector = self._vector(operand)
                return aggregate(operator, vector, parameter=number, labels=labels, dropped=without)
            case Call():
                return self._call(expression)
            case Subquery():
                raise _later(expression)

    def _vector(self, expression: Expression) -> Vector:
        value = self.value(expression)
        return value if isinstance(value, tuple) else (Sample((), _number(value)),)

    def _instant(self, selector: Selector) -> Vector:
        until = self._now - selector.offset_ms
        found = []
        for series in self._source(selector.matchers):
            points = series.points(until - LOOKBACK_MS, until)
            if points:
                newest = points[-1]
                found.append(Sample(series.labels, newest.value, newest.at_ms, newest.observations, newest.total))
        return _distinct(found, selector.position)

    def _ranges(self, selector: Expression) -> Iterable[tuple[Series, list[Point], tuple[int, int]]]:
        if not isinstance(selector, Selector) or selector.range_ms is None:
            raise _later(selector)
        until = self._now - selector.offset_ms
        window = (until - selector.range_ms, until)
        for series in self._source(selector.matchers):
            yield series, list(series.points(*window)), window

    def _call(self, call: Call) -> Value:
        name, arguments = call.function, call.arguments
        if name in OVER:
            return self._over(call, arguments[0], OVER[name])
        if name == "quantile_over_time":
            share = _number(self.value(arguments[0]))
            return self._over(call, arguments[1], lambda points, _: quantile_over_time(share, points))
        if name in ("time", "pi"):
            return math.pi if name == "pi" else self._now / 1000
        if name == "vector":
            return (Sample((), _number(self.value(arguments[0]))),)
        if name == "absent":
            return _absent(arguments[0], self._vector(arguments[0]))
        if name in DATES:
            instants = self._vector(arguments[0]) if arguments else (Sample((), self._now / 1000),)
            return _mapped(instants, lambda value: relabelling.date_part(name, value), call.position)
        vector = self._vector(arguments[0])
        if name in ("label_replace", "label_join"):
            relabel = relabelling.replaced if name == "label_replace" else relabelling.joined
            texts = [str(self.value(argument)) for argument in arguments[1:]]
            return _distinct(relabel(vector, texts, call.position), call.position)
        numbers = [_number(self.value(argument)) for argument in arguments[1:]]
        return self._on_vector(call, vector, numbers)

    def _on_vector(self, call: Call, vector: Vector, numbers: list[float]) -> Value:
        name, position = call.function, call.position
        match name:
            case "scalar":
                return vector[0].value if len(vector) == 1 else math.nan
            case "sort" | "sort_desc":
                sign = -1 if name == "sort_desc" else 1
                return tuple(sorted(vector, key=lambda one: (math.isnan(one.value), sign * one.value)))
            case "timestamp":
                return _distinct(
                    [Sample(nameless(one.labels), (one.at_ms or self._now) / 1000) for one in vector], position
                )
            case "clamp" | "clamp_min" | "clamp_max":
                low = -math.inf if name == "clamp_max" else numbers[0]
                high = math.inf if name == "clamp_min" else numbers[-1]
                if low > high:
                    return ()
                return _mapped(vector, lambda value: clamped(value, low, high), position)
            case "round":
                return _mapped(vector, lambda value: rounded(value, *numbers), position)
            case "histogram_avg" | "histogram_count" | "histogram_sum":
                return _distinct([found for one in vector if (found := _observed(name, one))], position)
            case _ if name in SIMPLE:
                return _mapped(vector, SIMPLE[name], position)
            case _:
                raise _later(call)

    def _over(
        self, call: Call, selector: Expression, over: Callable[[list[Point], tuple[int, int]], float | None]
    ) -> Vector:
        keep = call.function in _KEEP_NAME
        found = []
        for series, points, window in self._ranges(selector):
            value = over(points, window)
            if value is not None:
                found.append(Sample(series.labels if keep else nameless(series.labels), value))
        return _distinct(found, call.position)


def _later(expression: Expression) -> PromqlError:
    return first_later(expression) or at(expression.position, "this cannot be evaluated:")


def _mapped(vector: Vector, function: Callable[[float], float], position: int) -> Vector:
    return _distinct([Sample(nameless(one.labels), function(one.value)) for one in vector], position)


def _observed(name: str, sample: Sample) -> Sample | None:
    """A sample that is the fold of observations, read as the histogram that CloudWatch keeps of them."""
    if sample.observations is None or sample.total is None:
        return None
    value = {"histogram_avg": sample.value, "histogram_count": sample.observations, "histogram_sum": sample.total}[name]
    return Sample(nameless(sample.labels), value)


def _absent(argument: Expression, vector: Vector) -> Vector:
    if vector:
        return ()
    matchers = argument.matchers if isinstance(argument, Selector) else ()
    names = [one.name for one in matchers]
    labels: Labels = tuple(
        sorted(
            (one.name, one.value)
            for one in matchers
            if one.match is Match.EQUAL and one.name != METRIC and one.value and names.count(one.name) == 1
        )
    )
    return (Sample(labels, 1.0),)


def _distinct(samples: list[Sample], position: int) -> Vector:
    seen: set[Labels] = set()
    for sample in samples:
        if sample.labels in seen:
            raise at(position, "the result has more than one series of the same labels:")
        seen.add(sample.labels)
    return tuple(samples)


def _number(value: Value) -> float:
    return value if isinstance(value, int | float) else math.nan
