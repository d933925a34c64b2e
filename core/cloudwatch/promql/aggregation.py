"""PromQL's aggregations: many samples to one a group, or to the first few of each group."""

import math
from collections.abc import Callable, Sequence

from core.cloudwatch.promql.arithmetic import extreme, quantile, total, variance
from core.cloudwatch.promql.samples import Labels, Sample, Vector, nameless, only, without
from core.cloudwatch.promql.tree import METRIC

_FOLDS: dict[str, Callable[[list[float]], float]] = {
    "sum": total,
    "avg": lambda values: total(values) / len(values),
    "min": lambda values: extreme(values, highest=False),
    "max": lambda values: extreme(values, highest=True),
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
    "stddev": lambda values: math.sqrt(variance(values)),
    "stdvar": variance,
}


def aggregate(operator: str, vector: Vector, *, parameter: float, labels: Sequence[str], dropped: bool) -> Vector:
    """The aggregation over groups that share the labels, or with `dropped` all labels but those and the name."""
    groups = grouped(vector, labels=labels, dropped=dropped)
    if operator in ("topk", "bottomk"):
        return tuple(
            Sample(one.labels, one.value) for group in groups.values() for one in _first(operator, group, parameter)
        )
    return tuple(Sample(key, _fold(operator, group, parameter)) for key, group in groups.items())


def grouped(vector: Vector, *, labels: Sequence[str], dropped: bool) -> dict[Labels, list[Sample]]:
    """The samples by the labels that they share."""
    groups: dict[Labels, list[Sample]] = {}
    for sample in vector:
        key = without(sample.labels, (*labels, METRIC)) if dropped else only(sample.labels, labels)
        groups.setdefault(key, []).append(sample)
    return groups


def _fold(operator: str, group: Sequence[Sample], parameter: float) -> float:
    values = [sample.value for sample in group]
    if operator == "quantile":
        return quantile(parameter, values)
    if any(math.isnan(value) for value in values) and operator in ("sum", "avg", "stddev", "stdvar"):
        return math.nan
    return _FOLDS[operator](values)


def _first(operator: str, group: Sequence[Sample], count: float) -> list[Sample]:
    if math.isnan(count) or count < 1:
        return []
    sign = -1.0 if operator == "topk" else 1.0
    ordered = sorted(group, key=lambda sample: (math.isnan(sample.value), sign * sample.value, nameless(sample.labels)))
    return ordered[: int(min(count, len(ordered)))]
