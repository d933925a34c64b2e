"""The types of metric math: what each function takes and gives, and the type of a whole expression.

User Guide, Using math expressions with CloudWatch metrics: S is a scalar, TS a time series, TS[] an array of them.
"""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product

from core.cloudwatch.expression import sources
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
    bands_of,
    searches,
    spine,
)


class Type(StrEnum):
    """What an expression gives, by the User Guide's abbreviations."""

    SCALAR = "S"
    SERIES = "TS"
    ARRAY = "TS[]"
    TEXT = "String"
    WORD = "keyword"


Overload = tuple[tuple[Type, ...], Type]

_S, _T, _A, _W = Type.SCALAR, Type.SERIES, Type.ARRAY, Type.WORD
_EACH: tuple[Overload, ...] = (((_T,), _T), ((_A,), _A))
_FOLD: tuple[Overload, ...] = (((_T,), _S), ((_A,), _T))
_TIME: tuple[Overload, ...] = (((_T,), _T),)

_IF: tuple[Overload, ...] = tuple(
    (kinds, _T if _T in kinds else _S) for count in (2, 3) for kinds in product((_T, _S), repeat=count)
)

FUNCTIONS: dict[str, tuple[Overload, ...]] = {
    **dict.fromkeys(("ABS", "CEIL", "FLOOR", "LOG", "LOG10", "DIFF", "DIFF_TIME", "RATE", "RUNNING_SUM"), _EACH),
    **dict.fromkeys(("AVG", "DATAPOINT_COUNT", "MAX", "MIN", "STDDEV", "SUM"), _FOLD),
    **dict.fromkeys(("MINUTE", "HOUR", "DAY", "DATE", "MONTH", "YEAR", "EPOCH"), _TIME),
    "ANOMALY_DETECTION_BAND": (((_T,), _A), ((_T, _S), _A)),
    "FILL": tuple(((kind, filler), kind) for kind in (_T, _A) for filler in (_S, _T, _W)),
    "FIRST": (((_A,), _T),),
    "IF": _IF,
    "LAST": (((_A,), _T),),
    "METRICS": (((), _A), ((Type.TEXT,), _A)),
    "METRIC_COUNT": (((_A,), _S),),
    "PERIOD": (((_T,), _S),),
    "REMOVE_EMPTY": (((_A,), _A),),
    "SERVICE_QUOTA": (((_T,), _T),),
    "SLICE": (((_A, _S), _A), ((_A, _S, _S), _A)),
    "SORT": (((_A, _W, _W), _A), ((_A, _W, _W, _S), _A)),
    "TIME_SERIES": (((_S,), _T),),
}
"""Every function but SEARCH and those of `sources`: the types that it takes and the one that it gives."""


def check(expression: Expression, types: Mapping[str, Type]) -> Type:
    """The type of `expression`; `types` has that of each id. Raises ExpressionError, whose message names the position.

    Asks of an anomaly band what the User Guide does: one to an expression, and not of a SEARCH.
    """
    bands = bands_of(expression)
    if len(bands) > 1:
        raise ExpressionError("an expression takes one ANOMALY_DETECTION_BAND, not more", 0)
    if bands and searches(bands[0].of):
        raise ExpressionError("ANOMALY_DETECTION_BAND takes no SEARCH", 0)
    return _type(expression, types)


def _type(expression: Expression, types: Mapping[str, Type]) -> Type:
    match expression:
        case Number():
            return _S
        case Reference(id_, position):
            if id_ not in types:
                raise ExpressionError(f"unknown id {id_} at position {position}", position)
            return types[id_]
        case Negation(operand):
            return _type(operand, types)
        case Operation():
            first, rest = spine(expression)
            left = _type(first, types)
            for operation in rest:
                left = _combined(operation, left, _type(operation.right, types))
            return left
        case Listing(items, position):
            return _listed(items, position, types)
        case Search():
            return _A
        case Call(function) if function in sources.SOURCES:
            return _A if sources.gives_array(expression) else _T
        case Call():
            return _called(expression, types)
        case Text():
            return Type.TEXT
        case Word():
            return _W


def _combined(operation: Operation, left: Type, right: Type) -> Type:
    if (left is _A and right is _A) or not {left, right} <= {_S, _T, _A}:
        raise _unsupported(operation.operator, (left, right), operation.position)
    if _A in (left, right):
        return _A
    return _T if _T in (left, right) else _S


def _listed(items: tuple[Expression, ...], position: int, types: Mapping[str, Type]) -> Type:
    kinds = tuple(_type(item, types) for item in items)
    if not set(kinds) <= {_T, _A}:
        raise _unsupported("[]", kinds, position)
    return _A


def _called(call: Call, types: Mapping[str, Type]) -> Type:
    kinds = tuple(_type(argument, types) for argument in call.arguments)
    for wanted, gives in FUNCTIONS[call.function]:
        if wanted == kinds:
            _check_numbers(call)
            return gives
    forms = " or ".join(f"({', '.join(wanted)})" for wanted, _ in FUNCTIONS[call.function])
    refused = _unsupported(call.function, kinds, call.position)
    raise ExpressionError(f"{refused.message}; it takes {forms}", call.position)


def _check_numbers(call: Call) -> None:
    """SLICE and SORT count series: a number that is written out must be a whole one."""
    if call.function not in ("SLICE", "SORT"):
        return
    for argument in call.arguments:
        negative = isinstance(argument, Negation)
        if negative or (isinstance(argument, Number) and not argument.value.is_integer()):
            raise ExpressionError(
                f"{call.function} at position {call.position} takes whole numbers from 0 up", call.position
            )


def _unsupported(what: str, kinds: tuple[Type, ...], position: int) -> ExpressionError:
    return ExpressionError(
        f"Unsupported operand type(s) for {what}: '[{', '.join(kinds)}]' at position {position}", position
    )
