"""PromQL's types: what each expression gives, and whether its parts fit."""

from itertools import repeat

from core.cloudwatch.promql.errors import PromqlError, at
from core.cloudwatch.promql.functions import (
    AGGREGATIONS,
    COMPARISONS,
    EVALUATED,
    FUNCTIONS,
    LATER_AGGREGATIONS,
    SETS,
    Signature,
    Type,
)
from core.cloudwatch.promql.tree import (
    Aggregation,
    Call,
    Expression,
    Matching,
    Negation,
    Number,
    Operation,
    Selector,
    Subquery,
    Text,
    children,
)


def check(expression: Expression) -> Type:
    """The type of an expression. Raises PromqlError at the part that does not fit."""
    match expression:
        case Number():
            return Type.SCALAR
        case Text():
            return Type.STRING
        case Selector(range_ms=range_ms):
            return Type.VECTOR if range_ms is None else Type.MATRIX
        case Subquery(operand, position=position):
            _must(check(operand), (Type.VECTOR,), "a subquery", position)
            return Type.MATRIX
        case Negation(operand, position):
            return _must(check(operand), (Type.SCALAR, Type.VECTOR), "unary minus", position)
        case Operation():
            return _operation(expression)
        case Aggregation(operator, operand, parameter, position=position):
            wanted = AGGREGATIONS[operator]
            if parameter is not None and wanted is not None:
                _must(check(parameter), (wanted,), f"the parameter of {operator}", position)
            _must(check(operand), (Type.VECTOR,), operator, position)
            return Type.VECTOR
        case Call():
            return _call(expression)


def first_later(expression: Expression) -> PromqlError | None:
    """The first part that AWS takes and that is not evaluated here, as an error that names it."""
    what = ""
    match expression:
        case Selector(pinned=pinned) | Subquery(pinned=pinned) if pinned:
            what = f"@ {pinned}"
        case Subquery():
            what = "a subquery"
        case Operation(operator, matching=matching) if matching.group or operator == "atan2":
            what = matching.group or operator
        case Aggregation(operator) if operator in LATER_AGGREGATIONS:
            what = operator
        case Call(function) if not FUNCTIONS[function].evaluated:
            what = function
    if what:
        position = expression.position
        return PromqlError(f"{what} at position {position} is not supported yet; supported: {EVALUATED}", position)
    return next((found for child in children(expression) if (found := first_later(child))), None)


def _operation(operation: Operation) -> Type:
    operator, place = operation.operator, operation.position
    wanted = (Type.VECTOR,) if operator in SETS else (Type.SCALAR, Type.VECTOR)
    left = _must(check(operation.left), wanted, f"the left side of {operator}", place)
    right = _must(check(operation.right), wanted, f"the right side of {operator}", place)
    if Type.VECTOR not in (left, right):
        if operator in COMPARISONS and not operation.gives_bool:
            raise at(place, f"comparisons between scalars must use bool: {operator}")
        if operation.matching != Matching():
            raise at(place, f"vector matching needs instant vectors on both sides of {operator}")
        return Type.SCALAR
    if operation.matching != Matching():
        if left is not right:
            raise at(place, f"vector matching needs instant vectors on both sides of {operator}")
        if operation.matching.group and operator in SETS:
            raise at(place, f"no grouping is allowed for the set operator {operator}")
    return Type.VECTOR


def _call(call: Call) -> Type:
    signature = FUNCTIONS.get(call.function)
    if signature is None:
        raise at(call.position, f"unknown function {call.function}")
    given, wanted = len(call.arguments), len(signature.arguments)
    if given < wanted - signature.optional or (given > wanted and not signature.repeats):
        raise at(call.position, f"{call.function} takes {_counted(signature)}, not {given},")
    types = (*signature.arguments, *repeat(signature.arguments[-1] if wanted else Type.STRING, max(given - wanted, 0)))
    for number, (argument, type_) in enumerate(zip(call.arguments, types, strict=False), start=1):
        _must(check(argument), (type_,), f"argument {number} of {call.function}", call.position)
    return signature.gives


def _counted(signature: Signature) -> str:
    most = len(signature.arguments)
    least = most - signature.optional
    if signature.repeats:
        return f"{least} arguments or more"
    return f"{least} or {most} arguments" if least != most else f"{most} argument{'' if most == 1 else 's'}"


def _must(type_: Type, wanted: tuple[Type, ...], what: str, position: int) -> Type:
    if type_ not in wanted:
        raise at(position, f"{what} must be of type {' or '.join(wanted)}, not {type_},")
    return type_
