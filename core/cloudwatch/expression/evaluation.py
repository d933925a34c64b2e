"""Metric math evaluated: scalars, series and arrays of series over one grid of periods."""

import math
from collections.abc import Mapping

from core.cloudwatch.expression import arithmetic, choices, folds, functions, sources
from core.cloudwatch.expression.errors import ExpressionError
from core.cloudwatch.expression.tree import (
    Call,
    Expression,
    Listing,
    Negation,
    Number,
    Operation,
    Reference,
    Search,
    Text,
    Word,
    render,
    spine,
)
from core.cloudwatch.expression.values import NOTHING, Array, Given, Grid, Member, Series, Value

_DEVIATIONS = 2.0
"""ANOMALY_DETECTION_BAND's second argument, where it is not given."""


def evaluate(expression: Expression, series: Mapping[str, Value], given: Given = NOTHING) -> Value:
    """The value of an expression that `signatures.check` has passed and `tree.expand` written out.

    `series` has what each id stands for, every series over the grid of `given`. Raises ExpressionError for an id that
    `series` lacks, and for a function that needs what `given` does not have: a grid or a search.
    """
    match expression:
        case Number(value):
            return value
        case Reference(id_, position):
            if id_ not in series:
                raise ExpressionError(f"unknown id {id_} at position {position}", position)
            return series[id_]
        case Operation():
            first, rest = spine(expression)
            left = evaluate(first, series, given)
            for operation in rest:
                right = evaluate(operation.right, series, given)
                left = arithmetic.combine(arithmetic.OPERATORS[operation.operator], left, right)
            return left
        case Negation(operand):
            return arithmetic.negated(evaluate(operand, series, given))
        case Call():
            return _Evaluation(series, given).call(expression)
        case Listing(items, _):
            return _Evaluation(series, given).listing(items)
        case Search(_, _, _, _, position):
            if given.search is None:
                raise ExpressionError(f"SEARCH at position {position} has no metrics to search", position)
            return given.search(expression)
        case Word(text) | Text(text):
            raise ExpressionError(f"{text} is an argument of a function, not a value", 0)


class _Evaluation:
    """One function or array, over what it rests on."""

    def __init__(self, series: Mapping[str, Value], given: Given) -> None:
        self._series = series
        self._given = given

    def _value(self, expression: Expression) -> Value:
        return evaluate(expression, self._series, self._given)

    def listing(self, items: tuple[Expression, ...]) -> Array:
        values = [(value, self._member(item, value)) for item in items for value in (self._value(item),)]
        return functions.listed(values)

    def _member(self, item: Expression, value: Value) -> Member:
        points = value if isinstance(value, tuple) else ()
        if not isinstance(item, Reference):
            return Member(points)
        origin = self._given.origins.get(item.id)
        return Member(points, item.id) if origin is None else Member(points, origin.label, origin.stat)

    def call(self, call: Call) -> Value:
        name, arguments = call.function, call.arguments
        if name in functions.PER_SERIES:
            return arithmetic.each(functions.PER_SERIES[name], self._value(arguments[0]))
        if name in folds.FOLDS:
            value = self._value(arguments[0])
            return folds.fold(name, value, self._count if isinstance(value, Array) else 0)
        if name in functions.STEPS:
            period = self._grid(call).period
            return arithmetic.each(lambda series: functions.stepped(name, series, period), self._value(arguments[0]))
        if name in functions.CLOCKS:
            return functions.clocked(name, self._grid(call))
        match name:
            case "FILL":
                filler = arguments[1].text if isinstance(arguments[1], Word) else self._value(arguments[1])
                return arithmetic.each(lambda series: choices.filled(series, filler), self._value(arguments[0]))
            case "IF":
                condition, *branches = [self._value(argument) for argument in arguments]
                return choices.chosen(condition, branches)
            case "TIME_SERIES":
                value = self._scalar(arguments[0])
                return ((value if math.isfinite(value) else None),) * self._count
            case "ANOMALY_DETECTION_BAND":
                return self._band(call)
            case "SERVICE_QUOTA":
                return self._quota(call)
            case source if source in sources.SOURCES:
                return self._source(call)
            case _:
                return self._of_array(call)

    def _of_array(self, call: Call) -> Value:
        arguments = call.arguments
        array = self._value(arguments[0]) if arguments else None
        if not isinstance(array, Array):
            raise ExpressionError(f"{call.function} at position {call.position} takes an array", call.position)
        match call.function:
            case "FIRST" | "LAST" if array.members:
                return array.members[0 if call.function == "FIRST" else -1].values
            case "FIRST" | "LAST":
                return (None,) * self._count
            case "METRIC_COUNT":
                return float(len(array.members))
            case "REMOVE_EMPTY":
                return functions.without_empty(array)
            case "SLICE":
                end = self._scalar(arguments[2]) if len(arguments) > 2 else math.inf
                return functions.sliced(array, self._scalar(arguments[1]), end)
            case "SORT":
                limit = self._scalar(arguments[3]) if len(arguments) > 3 else math.inf
                return functions.ordered(array, _word(arguments[1]), _word(arguments[2]), limit)
            case _:
                raise ExpressionError(f"{call.function} at position {call.position} is unknown", call.position)

    def _band(self, call: Call) -> Array:
        """Two series, labelled as the metric: the lower, then the upper bound."""
        of = call.arguments[0]
        key = render(of)
        deviations = self._scalar(call.arguments[1]) if len(call.arguments) > 1 else _DEVIATIONS
        band = self._given.bands.get(key)
        lower, upper = ((None,) * self._count,) * 2 if band is None else band.at(deviations)
        origin = self._given.origins.get(key)
        label = key if origin is None else origin.label
        return Array((Member(lower, f"{label} (expected low)"), Member(upper, f"{label} (expected high)")))

    def _quota(self, call: Call) -> Series:
        of = call.arguments[0]
        if not isinstance(of, Reference):
            raise ExpressionError(
                f"SERVICE_QUOTA at position {call.position} takes the id of a usage metric", call.position
            )
        quota = self._given.quota
        return (None if quota is None else quota(of.id),) * self._count

    def _source(self, call: Call) -> Value:
        """What was given for the call. One whose type is a series takes the first that was given."""
        given = Array(()) if self._given.source is None else self._given.source(call)
        if sources.gives_array(call):
            return given
        return given.members[0].values if given.members else (None,) * self._count

    def _scalar(self, expression: Expression) -> float:
        value = self._value(expression)
        return float(value) if isinstance(value, int | float) else math.nan

    def _grid(self, call: Call) -> Grid:
        if self._given.grid is None:
            raise ExpressionError(f"{call.function} at position {call.position} has no times to go by", call.position)
        return self._given.grid

    @property
    def _count(self) -> int:
        """The number of periods."""
        if self._given.grid is not None:
            return self._given.grid.count
        return next((size for value in self._series.values() if (size := _size(value)) is not None), 0)


def _size(value: Value) -> int | None:
    if isinstance(value, tuple):
        return len(value)
    if isinstance(value, Array) and value.members:
        return len(value.members[0].values)
    return None


def _word(expression: Expression) -> str:
    return expression.text if isinstance(expression, Word) else ""
