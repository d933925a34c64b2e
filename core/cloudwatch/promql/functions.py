"""PromQL's functions, operators and what each takes and gives.

Prometheus documentation, Query functions and Operators; CloudWatch follows the Prometheus 3.0 specification (User
Guide, Query metrics with PromQL).
"""

from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """What an expression evaluates to."""

    SCALAR = "scalar"
    VECTOR = "instant vector"
    MATRIX = "range vector"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's arguments: the last `optional` of them may be left out, and the last one may repeat."""

    arguments: tuple[Type, ...]
    gives: Type = Type.VECTOR
    optional: int = 0
    repeats: bool = False
    evaluated: bool = True


_S, _V, _M, _T = Type.SCALAR, Type.VECTOR, Type.MATRIX, Type.STRING

_OVER_TIME = (
    "rate increase irate delta idelta changes resets avg_over_time min_over_time max_over_time sum_over_time "
    "count_over_time last_over_time first_over_time present_over_time stddev_over_time stdvar_over_time deriv"
)
OVER_TIME = tuple(_OVER_TIME.split())
_SIMPLE = (
    "abs ceil floor exp ln log2 log10 sqrt sgn deg rad acos acosh asin asinh atan atanh cos cosh sin sinh tan tanh"
)
SIMPLE = tuple(_SIMPLE.split())
HISTOGRAM = ("histogram_avg", "histogram_count", "histogram_sum")
_LATER_RANGE = "absent_over_time mad_over_time ts_of_max_over_time ts_of_min_over_time ts_of_last_over_time"
DATES = ("day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year")


def _later(*arguments: Type, gives: Type = Type.VECTOR, optional: int = 0, repeats: bool = False) -> Signature:
    return Signature(arguments, gives, optional, repeats, evaluated=False)


FUNCTIONS: dict[str, Signature] = {
    **{name: Signature((_M,)) for name in OVER_TIME},
    **{name: Signature((_V,)) for name in (*SIMPLE, *HISTOGRAM)},
    **{name: _later(_M) for name in _LATER_RANGE.split()},
    **{name: Signature((_V,), optional=1) for name in DATES},
    "quantile_over_time": Signature((_S, _M)),
    "absent": Signature((_V,)),
    "clamp": Signature((_V, _S, _S)),
    "clamp_min": Signature((_V, _S)),
    "clamp_max": Signature((_V, _S)),
    "round": Signature((_V, _S), optional=1),
    "scalar": Signature((_V,), _S),
    "vector": Signature((_S,)),
    "time": Signature((), _S),
    "timestamp": Signature((_V,)),
    "pi": Signature((), _S),
    "sort": Signature((_V,)),
    "sort_desc": Signature((_V,)),
    "sort_by_label": _later(_V, _T, repeats=True),
    "sort_by_label_desc": _later(_V, _T, repeats=True),
    "double_exponential_smoothing": _later(_M, _S, _S),
    "histogram_fraction": _later(_S, _S, _V),
    "histogram_quantile": _later(_S, _V),
    "histogram_stddev": _later(_V),
    "histogram_stdvar": _later(_V),
    "info": _later(_V, _V, optional=1),
    "label_join": Signature((_V, _T, _T, _T), optional=1, repeats=True),
    "label_replace": Signature((_V, _T, _T, _T, _T)),
    "predict_linear": _later(_M, _S),
}

AGGREGATIONS: dict[str, Type | None] = {
    "sum": None,
    "avg": None,
    "min": None,
    "max": None,
    "count": None,
    "group": None,
    "stddev": None,
    "stdvar": None,
    "topk": _S,
    "bottomk": _S,
    "quantile": _S,
    "count_values": _T,
    "limitk": _S,
    "limit_ratio": _S,
}
"""Each aggregation's parameter, None where it has none."""

LATER_AGGREGATIONS = ("limitk", "limit_ratio")

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
SETS = ("and", "or", "unless")
LEVELS = (("or",), ("and", "unless"), COMPARISONS, ("+", "-"), ("*", "/", "%", "atan2"))
"""The binary operators, loosest first; `^` binds tighter than unary minus, and to the right."""

EVALUATED = (
    "selectors with offset, ranges, "
    + ", ".join(sorted(name for name, signature in FUNCTIONS.items() if signature.evaluated))
    + "; "
    + ", ".join(name for name in AGGREGATIONS if name not in LATER_AGGREGATIONS)
    + " by and without; arithmetic, comparisons, and, or, unless, one to one with on and ignoring"
)
