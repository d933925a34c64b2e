"""PromQL's operators and functions on single numbers, with IEEE 754's results where Python would raise."""

import math
from collections.abc import Callable, Sequence


def divide(left: float, right: float) -> float:
    """Division by zero gives an infinity, or NaN for 0 / 0."""
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def modulo(left: float, right: float) -> float:
    """The remainder with the sign of the dividend."""
    if right == 0 or math.isinf(left):
        return math.nan
    return math.fmod(left, right)


def power(left: float, right: float) -> float:
    """Exponentiation; a negative number to a fraction is NaN."""
    try:
        return math.pow(left, right)
    except OverflowError:
        odd = right == int(right) and int(right) % 2 == 1
        return -math.inf if left < 0 and odd else math.inf
    except ValueError:
        return math.inf if left == 0 else math.nan


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": divide,
    "%": modulo,
    "^": power,
}
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


_TRIGONOMETRY = "acos acosh asin asinh atan atanh cos cosh sin sinh tan tanh"


def _guarded(function: Callable[[float], float], overflow: float = math.inf) -> Callable[[float], float]:
    def guarded(value: float) -> float:
        try:
            return function(value)
        except OverflowError:
            return overflow
        except ValueError:
            return math.nan

    return guarded


def _logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda value: -math.inf if value == 0 else _guarded(function)(value)


def _whole(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda value: float(function(value)) if math.isfinite(value) else value


def _sign(value: float) -> float:
    return value if math.isnan(value) or value == 0 else math.copysign(1.0, value)


SIMPLE: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": _whole(math.ceil),
    "floor": _whole(math.floor),
    "exp": _guarded(math.exp),
    "ln": _logarithm(math.log),
    "log2": _logarithm(math.log2),
    "log10": _logarithm(math.log10),
    "sqrt": _guarded(math.sqrt),
    "sgn": _sign,
    "deg": math.degrees,
    "rad": math.radians,
    **{name: _guarded(getattr(math, name)) for name in _TRIGONOMETRY.split()},
}


def rounded(value: float, nearest: float = 1.0) -> float:
    """To the nearest multiple, halves upwards."""
    if not math.isfinite(value) or nearest == 0:
        return value if nearest else math.nan
    inverse = 1.0 / nearest
    scaled = value * inverse + 0.5
    return math.floor(scaled) / inverse if math.isfinite(scaled) else value


def clamped(value: float, low: float, high: float) -> float:
    """Within `low` and `high`; NaN where either is NaN."""
    if math.isnan(low) or math.isnan(high) or math.isnan(value):
        return math.nan
    return max(low, min(high, value))


def quantile(share: float, values: Sequence[float]) -> float:
    """The quantile with linear interpolation, infinite outside 0 to 1."""
    if not values or math.isnan(share):
        return math.nan
    if share < 0 or share > 1:
        return math.copysign(math.inf, share - 0.5)
    ordered = sorted(values, key=lambda value: (not math.isnan(value), value))
    rank = share * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    weight = rank - low
    return ordered[low] * (1 - weight) + ordered[high] * weight


def total(values: Sequence[float]) -> float:
    """The sum, infinite or NaN where it is so in IEEE 754."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return sum(values)


def variance(values: Sequence[float]) -> float:
    """The population's variance."""
    mean = total(values) / len(values)
    return total([(value - mean) * (value - mean) for value in values]) / len(values)


def extreme(values: Sequence[float], *, highest: bool) -> float:
    """The highest or lowest value; NaN only where there is nothing else."""
    numbers = [value for value in values if not math.isnan(value)]
    if not numbers:
        return math.nan
    return max(numbers) if highest else min(numbers)
