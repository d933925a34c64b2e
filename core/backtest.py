"""What an alarm would have done over a history: when it would have fired, for how long, and at which threshold less.

Pure: values in, outcomes out. `states` is the plain way from values to states; `Replay` takes another, faster one.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from core.catalogue.alarm import Comparison, MissingData
from core.cloudwatch import evaluation
from core.cloudwatch.composite import Rule, evaluate
from core.cloudwatch.evaluation import Condition
from core.cloudwatch.state import State

Values = Sequence[float | None]
States = Sequence[State]
Replay = Callable[[Values, Condition], States]
"""The states at the end of each period from the first whole evaluation range on; the same as `states` gives."""

FLAP = timedelta(minutes=15)
"""An alarm that is back this soon after it ended is a flap."""
FIRES_A_WEEK = 1
"""How often an alarm may fire before another threshold is suggested."""
_HIGH = frozenset({Comparison.GREATER, Comparison.GREATER_OR_EQUAL})
_FEWEST = 3
"""A series with fewer distinct values counts something: no threshold between them means anything."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in ALARM, in epoch seconds."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Track:
    """An alarm's states over a history: from `start` to `end` (epoch seconds), changes in order."""

    start: int
    end: int
    changes: tuple[tuple[int, State], ...]

    def state(self, at: int) -> State:
        """The state at an instant."""
        known = [state for since, state in self.changes if since <= at]
        return known[-1] if known else State.INSUFFICIENT_DATA

    @property
    def alarms(self) -> tuple[Span, ...]:
        """The stretches in ALARM; one that has not ended ends with the history."""
        ends = [*(at for at, _ in self.changes[1:]), self.end]
        return tuple(Span(at, end) for (at, state), end in zip(self.changes, ends, strict=True) if state is State.ALARM)

    @property
    def fired(self) -> int:
        """How often the alarm went into ALARM."""
        return len(self.alarms)

    @property
    def minutes(self) -> float:
        """Minutes in ALARM."""
        return sum(span.end - span.start for span in self.alarms) / 60

    @property
    def flaps(self) -> int:
        """How often it was back in ALARM within FLAP of leaving it."""
        spans = self.alarms
        most = FLAP.total_seconds()
        return sum(after.start - before.end <= most for before, after in pairwise(spans))


def states(values: Values, condition: Condition) -> tuple[State, ...]:
    """The state at the end of each period from the first whole evaluation range on, oldest first."""
    count = evaluation.evaluation_range(condition.periods)
    return tuple(window_states((values[end - count : end] for end in range(count, len(values) + 1)), condition))


def window_states(windows: Iterable[Values], condition: Condition) -> tuple[State, ...]:
    """The states that follow from one evaluation range after the other."""
    found: list[State] = []
    current = State.INSUFFICIENT_DATA
    for window in windows:
        current = evaluation.evaluate(window, condition, current)
        found.append(current)
    return tuple(found)


def track(found: States, *, first: int, period: int) -> Track:
    """The track of states at `first` and each `period` seconds after it."""
    changes: list[tuple[int, State]] = []
    for number, state in enumerate(found):
        if not changes or state is not changes[-1][1]:
            changes.append((first + period * number, state))
    return Track(first, first + period * len(found), tuple(changes))


def composite(rule: Rule, children: Mapping[str, Track]) -> Track:
    """The track of a composite over its children's; a child without one is in INSUFFICIENT_DATA."""
    start = min((child.start for child in children.values()), default=0)
    end = max((child.end for child in children.values()), default=0)
    moves = sorted((at, name, state) for name, child in children.items() for at, state in child.changes)
    now: dict[str, State] = {}
    changes: list[tuple[int, State]] = []
    for number, (at, name, state) in enumerate(moves):
        now[name] = state
        if number + 1 < len(moves) and moves[number + 1][0] == at:
            continue
        holds = evaluate(rule, lambda child: now.get(child, State.INSUFFICIENT_DATA))
        value = State.ALARM if holds else State.OK
        if not changes or changes[-1][1] is not value:
            changes.append((at, value))
    return Track(start, end, tuple(changes))


def decisive(values: Values, condition: Condition) -> tuple[float | None, ...]:
    """For each evaluation the value that decides: the M-th worst of the newest N. None: no threshold would alarm.

    An alarm on high values is in ALARM while its decisive value is above the threshold. Missing data count as
    endlessly bad where they are breaching (infinity), and as nothing elsewhere.
    """
    sign = 1.0 if condition.comparison in _HIGH else -1.0
    count = evaluation.evaluation_range(condition.periods)
    found: list[float | None] = []
    for end in range(count, len(values) + 1):
        real = [sign * value for value in values[end - count : end] if value is not None][-condition.periods :]
        if condition.missing is MissingData.BREACHING:
            real += [math.inf] * (condition.periods - len(real))
        real.sort(reverse=True)
        found.append(sign * real[condition.datapoints - 1] if len(real) >= condition.datapoints else None)
    return tuple(found)


def came_to(found: Sequence[float | None], condition: Condition) -> float | None:
    """The worst decisive value: how near to the threshold the alarm came, or how far over it."""
    finite = [value for value in found if value is not None and math.isfinite(value)]
    worst = max if condition.comparison in _HIGH else min
    return worst(finite) if finite else None


def suggested(found: Sequence[float | None], condition: Condition, *, allowed: int) -> float | None:
    """The threshold nearest to the normal values at which the alarm would have fired at most `allowed` times.

    `found` are the decisive values. An alarm fires at a threshold as often as they rise above it, so the thresholds
    are tried from the worst decisive value inwards, as long as no more rises than `allowed` cross them; the last is
    rounded outwards to two digits. None: no threshold does that, or the values are too few to tell.
    """
    sign = 1.0 if condition.comparison in _HIGH else -1.0
    line = [-math.inf if value is None else sign * value for value in found]
    levels = sorted({value for value in line if math.isfinite(value)})
    if len(levels) < _FEWEST:
        return None
    rises = _rises(line, levels)
    best: float | None = None
    for level, count in zip(reversed(levels), reversed(rises), strict=True):
        if count > allowed:
            break
        best = level
    if best is None:
        return None
    strict = condition.comparison in (Comparison.GREATER, Comparison.LESS)
    return sign * rounded_up(best, beyond=not strict)


def _rises(line: Sequence[float], levels: Sequence[float]) -> list[int]:
    """How often `line` rises from a level or below it to above it, for each of the sorted `levels`."""
    place = {level: number for number, level in enumerate(levels)}
    place |= {-math.inf: 0, math.inf: len(levels)}
    steps = [0] * (len(levels) + 1)
    before = -math.inf
    for value in line:
        if value > before:
            steps[place[before]] += 1
            steps[place[value]] -= 1
        before = value
    counts, count = [], 0
    for step in steps[:-1]:
        count += step
        counts.append(count)
    return counts


def rounded_up(value: float, *, beyond: bool) -> float:
    """The next number of two digits that is not below `value`; above it where `beyond`."""
    if value == 0:
        return 0.0 if not beyond else 1.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    steps = math.ceil(value / unit - 1e-9)
    if steps * unit < value or (beyond and steps * unit <= value):
        steps += 1
    # 0.1 * 3 is not 0.3: a decimal number is meant.
    return float(f"{steps * unit:.6g}")
