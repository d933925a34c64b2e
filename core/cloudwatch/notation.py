"""Series in a compact notation, one token a period, in the manner of promtool's test files.

| token | periods |
|---|---|
| `7`, `-1.5`, `2e3` | one period with that one sample |
| `_` | one period without data |
| `0+10x5` | 0, then five more, each 10 above the one before: 0 10 20 30 40 50 |
| `9-3x2` | 9 6 3 |
| `1x10` | 1, then ten more: eleven periods, as in promtool |
| `_x5` | five periods without data |
| `(250*99,900)` | one period with 99 samples of 250 and one of 900 |
| `(count=60,sum=300,min=1,max=9)` | one period with a statistic set: what it held is not known more exactly |
| `(250*99,900)x4` | the same, then four more |

Tokens are separated by white space.
"""

import math
import re
from dataclasses import dataclass
from datetime import timedelta

_NUMBER = r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_PLAIN = re.compile(rf"(?P<first>{_NUMBER})(?P<step>[+-]{_NUMBER.removeprefix('-?')})?(?:x(?P<times>\d+))?")
_MISSING = re.compile(r"_(?:x(?P<times>\d+))?")
_GROUP = re.compile(r"\((?P<inside>[^()]*)\)(?:x(?P<times>\d+))?")
_SAMPLES = re.compile(rf"(?P<value>{_NUMBER})(?:\*(?P<count>{_NUMBER}))?")
_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SET = ("count", "sum", "min", "max")
_FORMS = "7, _, 0+10x5, 1x10, _x5, (250*99,900) or (count=60,sum=300,min=1,max=9)"
MAX_PERIODS = 100_000
"""Of one series; more is a slip of the pen."""


class NotationError(ValueError):
    """A text is not in the notation; `position` counts its characters from 0."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.position = position
        self.message = message


@dataclass(frozen=True, slots=True)
class Samples:
    """What one period received: values with their counts."""

    values: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Folded:
    """What one period received as a statistic set."""

    count: float
    total: float
    minimum: float
    maximum: float


Period = Samples | Folded | None


def series(text: str) -> tuple[Period, ...]:
    """The periods of a series, oldest first; None is one without data. Raises NotationError."""
    found: list[Period] = []
    for token in re.finditer(r"\S+", text):
        found += _periods(token[0], token.start())
        if len(found) > MAX_PERIODS:
            raise NotationError(token.start(), f"a series has at most {MAX_PERIODS:,} periods")
    if not found:
        raise NotationError(0, f"no periods; tokens are {_FORMS}")
    return tuple(found)


def span(text: str) -> timedelta:
    """A length of time: `90s`, `5m`, `1h30m`, `2d`. Raises NotationError."""
    match = _SPAN.fullmatch(text)
    if match is None or not text:
        raise NotationError(0, f"{text!r} is no length of time; 90s, 5m, 1h30m or 2d would be right")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def spelled(length: timedelta) -> str:
    """A length of time as `span` reads it."""
    rest = int(length.total_seconds())
    text = ""
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, seconds)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _periods(token: str, at: int) -> list[Period]:
    if match := _MISSING.fullmatch(token):
        return [None] * _times(match["times"], at, least=1, more=0)
    if match := _GROUP.fullmatch(token):
        return [_group(match["inside"], at + 1)] * _times(match["times"], at)
    match = _PLAIN.fullmatch(token)
    if match is None:
        raise NotationError(at, f"{token!r} is not a token; tokens are {_FORMS}")
    if match["step"] and not match["times"]:
        raise NotationError(at, f"{token!r} has a step but no length; {token}x5 goes on for five more periods")
    first, step = _number(match["first"], at), _number(match["step"] or "0", at)
    return [Samples(((first + step * number, 1.0),)) for number in range(_times(match["times"], at))]


def _times(text: str | None, at: int, *, least: int = 0, more: int = 1) -> int:
    """How many periods a token stands for: after `x` stands how many follow the first, or all where `more` is 0."""
    if text is None:
        return 1
    times = int(text) if len(text) < 7 else MAX_PERIODS + 1
    if not least <= times <= MAX_PERIODS:
        raise NotationError(at, f"x{text} is out of range: {least} to {MAX_PERIODS:,}")
    return times + more


def _group(inside: str, at: int) -> Samples | Folded:
    parts = inside.split(",")
    if "=" in inside:
        return _folded(parts, at)
    values: list[tuple[float, float]] = []
    for part in parts:
        match = _SAMPLES.fullmatch(part)
        if match is None:
            raise NotationError(at, f"{part!r} is no sample; 250 or 250*99 (99 samples of 250) would be right")
        count = _number(match["count"] or "1", at)
        if count <= 0:
            raise NotationError(at, f"{part!r}: a count is more than 0")
        values.append((_number(match["value"], at), count))
        at += len(part) + 1
    return Samples(tuple(values))


def _folded(parts: list[str], at: int) -> Folded:
    given: dict[str, float] = {}
    for part in parts:
        name, _, number = part.partition("=")
        if name not in _SET or name in given or not re.fullmatch(_NUMBER, number):
            raise NotationError(at, f"{part!r}: a statistic set is (count=60,sum=300,min=1,max=9)")
        given[name] = _number(number, at)
        at += len(part) + 1
    absent = [name for name in _SET if name not in given]
    if absent:
        raise NotationError(at - 1, f"the statistic set lacks {', '.join(absent)}")
    if given["count"] <= 0 or given["min"] > given["max"]:
        raise NotationError(at - 1, "a statistic set has a count above 0 and a min not above its max")
    return Folded(*(given[name] for name in _SET))


def _number(text: str, at: int) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotationError(at, f"{text} is too large")
    return value
