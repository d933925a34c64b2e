"""PromQL's binary operators between scalars and instant vectors, one to one.

Prometheus documentation, Operators. A comparison without `bool` keeps the samples of its left side for which it
holds, or of the vector where the other side is a scalar.
"""

import math
from collections.abc import Callable

from core.cloudwatch.promql.arithmetic import ARITHMETIC, COMPARE
from core.cloudwatch.promql.errors import at
from core.cloudwatch.promql.functions import SETS
from core.cloudwatch.promql.samples import Labels, Sample, Vector, nameless, only, without
from core.cloudwatch.promql.tree import METRIC, Operation


def operate(operation: Operation, left: float | str | Vector, right: float | str | Vector) -> float | Vector:
    """The operation on its sides' values."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return _sets(operation, left, right) if operation.operator in SETS else _vectors(operation, left, right)
    if isinstance(left, tuple):
        number = _scalar(right)
        return _mixed(operation, left, lambda value: (value, number))
    if isinstance(right, tuple):
        number = _scalar(left)
        return _mixed(operation, right, lambda value: (number, value))
    one, other = _scalar(left), _scalar(right)
    if operation.operator in COMPARE:
        return float(COMPARE[operation.operator](one, other))
    return ARITHMETIC[operation.operator](one, other)


def _mixed(operation: Operation, vector: Vector, sides: Callable[[float], tuple[float, float]]) -> Vector:
    operator = operation.operator
    if operator not in COMPARE:
        return tuple(Sample(nameless(one.labels), ARITHMETIC[operator](*sides(one.value))) for one in vector)
    if operation.gives_bool:
        return tuple(Sample(nameless(one.labels), float(COMPARE[operator](*sides(one.value)))) for one in vector)
    return tuple(Sample(one.labels, one.value) for one in vector if COMPARE[operator](*sides(one.value)))


def _vectors(operation: Operation, left: Vector, right: Vector) -> Vector:
    operator, others = operation.operator, _by_signature(operation, right, "right")
    _by_signature(operation, [one for one in left if _signature(operation, one.labels) in others], "left")
    found = []
    for one in left:
        other = others.get(_signature(operation, one.labels))
        if other is None:
            continue
        if operator not in COMPARE:
            value = ARITHMETIC[operator](one.value, other.value)
        elif operation.gives_bool:
            value = float(COMPARE[operator](one.value, other.value))
        elif COMPARE[operator](one.value, other.value):
            value = one.value
        else:
            continue
        found.append(Sample(_result_labels(operation, one.labels), value))
    return tuple(found)


def _result_labels(operation: Operation, labels: Labels) -> Labels:
    matching = operation.matching
    if operation.operator not in COMPARE or operation.gives_bool:
        labels = nameless(labels)
    return only(labels, matching.labels) if matching.on else without(labels, matching.labels)


def _by_signature(operation: Operation, vector: Vector | list[Sample], side: str) -> dict[Labels, Sample]:
    found: dict[Labels, Sample] = {}
    for sample in vector:
        signature = _signature(operation, sample.labels)
        if signature in found:
            group = ", ".join(f'{name}="{value}"' for name, value in signature)
            raise at(
                operation.position,
                f"more than one series for the match group {{{group}}} on the {side} side of {operation.operator}",
            )
        found[signature] = sample
    return found


def _signature(operation: Operation, labels: Labels) -> Labels:
    matching = operation.matching
    return only(labels, matching.labels) if matching.on else without(labels, (*matching.labels, METRIC))


def _sets(operation: Operation, left: Vector, right: Vector) -> Vector:
    """`and`, `or`, `unless`: many to many."""
    signatures = {_signature(operation, one.labels) for one in right}
    match operation.operator:
        case "and":
            return tuple(one for one in left if _signature(operation, one.labels) in signatures)
        case "unless":
            return tuple(one for one in left if _signature(operation, one.labels) not in signatures)
        case _:
            held = {_signature(operation, one.labels) for one in left}
            return (*left, *(one for one in right if _signature(operation, one.labels) not in held))


def _scalar(value: float | str | Vector) -> float:
    return value if isinstance(value, int | float) else math.nan
