"""What a metric-math expression is once parsed."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.cloudwatch.expression.errors import ExpressionError
from core.cloudwatch.expression.search import Pattern

SOURCES = ("DB_PERF_INSIGHTS", "INSIGHT_RULE_METRIC", "LAMBDA")
"""The functions that read what is not in the metric store; `sources` has their grammar."""


@dataclass(frozen=True, slots=True)
class Number:
    """A scalar."""

    value: float


@dataclass(frozen=True, slots=True)
class Reference:
    """The id of another query of the same call or alarm."""

    id: str
    position: int


@dataclass(frozen=True, slots=True)
class Negation:
    """Unary minus."""

    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Operation:
    """A binary operator: `+ - * / ^ == != < <= > >= AND OR`."""

    operator: str
    left: "Expression"
    right: "Expression"
    position: int = 0


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word that a function takes as an argument, such as REPEAT."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A string that a function takes as an argument."""

    text: str


@dataclass(frozen=True, slots=True)
class Listing:
    """`[m1, m2]`: series and arrays of them as one array."""

    items: tuple["Expression", ...]
    position: int


@dataclass(frozen=True, slots=True)
class Search:
    """SEARCH('text', 'statistic', period). Without a `period` the query's own holds."""

    text: str
    pattern: Pattern
    statistic: str
    period: int | None
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    function: str
    arguments: tuple["Expression", ...]
    position: int


Expression = Number | Reference | Negation | Operation | Word | Text | Listing | Search | Call


def spine(operation: Operation) -> tuple[Expression, list[Operation]]:
    """`a + b - c`, which nests to the left, as `a` and its operations in order: long chains need no deep recursion."""
    rest: list[Operation] = []
    expression: Expression = operation
    while isinstance(expression, Operation):
        rest.append(expression)
        expression = expression.left
    return expression, rest[::-1]


def parts(expression: Expression) -> tuple[Expression, ...]:
    """The expressions directly within: the arguments, items or operands, those of a chain side by side."""
    match expression:
        case Negation(operand):
            return (operand,)
        case Operation():
            first, rest = spine(expression)
            return (first, *(operation.right for operation in rest))
        case Call(_, arguments, _):
            return arguments
        case Listing(items, _):
            return items
        case _:
            return ()


def walk(expression: Expression) -> tuple[Expression, ...]:
    """The expression and all within it, but for the inner operations of a chain, in order."""
    found: list[Expression] = [expression]
    for part in parts(expression):
        found.extend(walk(part))
    return tuple(found)


def references(expression: Expression) -> tuple[Reference, ...]:
    """Every id that the expression mentions, in order, with repeats."""
    return tuple(found for found in walk(expression) if isinstance(found, Reference))


def searches(expression: Expression) -> tuple[Search, ...]:
    """Every SEARCH in the expression, in order."""
    return tuple(found for found in walk(expression) if isinstance(found, Search))


def sources_of(expression: Expression) -> tuple[Call, ...]:
    """Every call in the expression that reads what is not in the metric store, in order."""
    return tuple(found for found in walk(expression) if isinstance(found, Call) and found.function in SOURCES)


@dataclass(frozen=True, slots=True)
class BandNeed:
    """An anomaly band that an expression needs: of what, and the `key` by which it is to be given."""

    key: str
    of: Expression


def bands_of(expression: Expression) -> tuple[BandNeed, ...]:
    """The bands that the expression needs, in order."""
    return tuple(
        BandNeed(render(found.arguments[0]), found.arguments[0])
        for found in walk(expression)
        if isinstance(found, Call) and found.function == "ANOMALY_DETECTION_BAND"
    )


def expand(expression: Expression, periods: Mapping[str, int]) -> Expression:
    """The expression with METRICS() written out as an array of ids, and PERIOD(m1) as a number.

    `periods` has every metric of the call, in order, with its period in seconds; expressions are none of METRICS().
    Raises ExpressionError for a PERIOD of what is no metric.
    """
    match expression:
        case Negation(operand):
            return Negation(expand(operand, periods))
        case Operation():
            first, rest = spine(expression)
            left = expand(first, periods)
            for operation in rest:
                right = expand(operation.right, periods)
                left = Operation(operation.operator, left, right, operation.position)
            return left
        case Listing(items, position):
            return Listing(tuple(expand(item, periods) for item in items), position)
        case Call("METRICS", arguments, position):
            part = arguments[0].text if arguments and isinstance(arguments[0], Text) else ""
            return Listing(tuple(Reference(id_, position) for id_ in periods if part in id_), position)
        case Call("PERIOD", arguments, position):
            of = arguments[0] if arguments else None
            if isinstance(of, Reference) and of.id in periods:
                return Number(float(periods[of.id]))
            raise ExpressionError(
                f"PERIOD at position {position} takes the id of a metric, not the result of an expression", position
            )
        case Call("ANOMALY_DETECTION_BAND", arguments, position) if any(_is_metrics(one) for one in walk(expression)):
            raise ExpressionError(f"ANOMALY_DETECTION_BAND at position {position} takes no METRICS()", position)
        case Call(function, arguments, position):
            return Call(function, tuple(expand(argument, periods) for argument in arguments), position)
        case _:
            return expression


def _is_metrics(expression: Expression) -> bool:
    return isinstance(expression, Call) and expression.function == "METRICS"


def render(expression: Expression) -> str:
    """Text that parses to the same tree but for positions, with every operation in brackets."""
    match expression:
        case Number(value):
            return repr(value)
        case Reference(id_, _):
            return id_
        case Word(text):
            return text
        case Text(text):
            return quoted(text)
        case Negation(operand):
            return f"(-{render(operand)})"
        case Operation():
            first, rest = spine(expression)
            text = render(first)
            for operation in rest:
                text = f"({text} {operation.operator} {render(operation.right)})"
            return text
        case Listing(items, _):
            return f"[{', '.join(render(item) for item in items)}]"
        case Search(text, _, statistic, period, _):
            tail = "" if period is None else f", {period}"
            return f"SEARCH({quoted(text)}, {quoted(statistic)}{tail})"
        case Call(function, arguments, _):
            return f"{function}({', '.join(render(argument) for argument in arguments)})"


def quoted(text: str) -> str:
    """The text as a string of metric math."""
    return "'" + text.replace("'", "''") + "'"
