"""What a PromQL expression is once parsed. Positions do not take part in comparisons."""

from dataclasses import dataclass, field
from enum import StrEnum

METRIC = "__name__"


class Match(StrEnum):
    """How a label is held against a value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LIKE = "=~"
    NOT_LIKE = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label matcher; the metric's name is the label `__name__`."""

    name: str
    match: Match
    value: str


@dataclass(frozen=True, slots=True)
class Number:
    """A scalar."""

    value: float
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Selector:
    """An instant vector selector, or with `range_ms` a range vector selector. Times are in milliseconds.

    `pinned` is what follows `@`, as written: a time in seconds, `start()` or `end()`.
    """

    matchers: tuple[Matcher, ...]
    range_ms: int | None = None
    offset_ms: int = 0
    pinned: str = ""
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Subquery:
    """`expression[range:step]`; `step_ms` is None for the default."""

    operand: "Expression"
    range_ms: int
    step_ms: int | None
    offset_ms: int = 0
    pinned: str = ""
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Negation:
    """Unary minus."""

    operand: "Expression"
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Matching:
    """`on (...)` or `ignoring (...)`, and `group_left` or `group_right` with the labels that they carry over."""

    on: bool = False
    labels: tuple[str, ...] = ()
    group: str = ""
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A binary operator. `gives_bool`: a comparison with the `bool` modifier."""

    operator: str
    left: "Expression"
    right: "Expression"
    gives_bool: bool = False
    matching: Matching = Matching()
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Aggregation:
    """An aggregation; `without` says whether `labels` are dropped or kept."""

    operator: str
    operand: "Expression"
    parameter: "Expression | None" = None
    without: bool = False
    labels: tuple[str, ...] = ()
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    function: str
    arguments: tuple["Expression", ...]
    position: int = field(default=0, compare=False)


Expression = Number | Text | Selector | Subquery | Negation | Operation | Aggregation | Call


def children(expression: Expression) -> tuple[Expression, ...]:
    """The expressions right below one."""
    match expression:
        case Negation(operand) | Subquery(operand):
            return (operand,)
        case Operation(_, left, right):
            return (left, right)
        case Aggregation(_, operand, parameter):
            return (operand,) if parameter is None else (parameter, operand)
        case Call(_, arguments):
            return arguments
        case _:
            return ()
