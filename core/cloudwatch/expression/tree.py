"""What a metric-math expression is once parsed."""

from dataclasses import dataclass


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


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word that a function takes as an argument, such as REPEAT."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    function: str
    arguments: tuple["Expression", ...]
    position: int


Expression = Number | Reference | Negation | Operation | Word | Call


def spine(operation: Operation) -> tuple[Expression, list[tuple[str, Expression]]]:
    """`a + b - c`, which nests to the left, as `a` and `[("+", b), ("-", c)]`: long chains need no deep recursion."""
    rest: list[tuple[str, Expression]] = []
    expression: Expression = operation
    while isinstance(expression, Operation):
        rest.append((expression.operator, expression.right))
        expression = expression.left
    return expression, rest[::-1]


def references(expression: Expression) -> tuple[Reference, ...]:
    """Every id that the expression mentions, in order, with repeats."""
    match expression:
        case Reference():
            return (expression,)
        case Negation(operand):
            return references(operand)
        case Operation():
            first, rest = spine(expression)
            return references(first) + tuple(found for _, right in rest for found in references(right))
        case Call(_, arguments, _):
            return tuple(found for argument in arguments for found in references(argument))
        case Number() | Word():
            return ()


def render(expression: Expression) -> str:
    """Text that parses to the same tree but for positions, with every operation in brackets."""
    match expression:
        case Number(value):
            return repr(value)
        case Reference(id_, _):
            return id_
        case Word(text):
            return text
        case Negation(operand):
            return f"(-{render(operand)})"
        case Operation():
            first, rest = spine(expression)
            text = render(first)
            for operator, right in rest:
                text = f"({text} {operator} {render(right)})"
            return text
        case Call(function, arguments, _):
            return f"{function}({', '.join(render(argument) for argument in arguments)})"
