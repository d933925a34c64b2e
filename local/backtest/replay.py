"""Replays alarms over a store of history."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core import backtest
from core.backtest import Replay, Track
from core.catalogue.alarm import Alarm, CompositeAlarm, Delivery, MetricAlarm, Severity
from core.cloudwatch import alarms as rules
from core.cloudwatch import composite, evaluation
from core.cloudwatch.alarms import MetricPlan
from core.cloudwatch.evaluation import Condition
from core.cloudwatch.queries import Stat
from core.cloudwatch.requests import request
from core.config import Config
from local.backtest.fetch import Progress, Range
from local.cloudwatch import bulk, readings
from local.cloudwatch.store import Store

POINTWISE = frozenset({"IF", "FILL", "ABS", "CEIL", "FLOOR", "LOG", "LOG10"})
"""Functions whose value at an instant rests on that instant alone: computed once for the whole history."""
_CALL = re.compile(r"([A-Za-z_0-9]+)\s*\(|\b(REPEAT|LINEAR)\b")
_TOPICS: Mapping[str, str] = {severity.value: f"arn:aws:sns:us-east-1:123456789012:{severity}" for severity in Severity}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one alarm would have done. Thresholds and values are in CloudWatch's unit, None where there are none.

    `pages`: its ALARM wakes people. `fires_then`: how often it would have fired at the suggested threshold. `note` says
    why it was not replayed; empty when it was.
    """

    alarm: Alarm
    pages: bool
    track: Track | None
    came_to: float | None = None
    suggested: float | None = None
    fires_then: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """An alarm and, unless it is a composite, its plan."""

    alarm: Alarm
    plan: MetricPlan | None


def plans(alarms: Sequence[Alarm], config: Config) -> tuple[Planned, ...]:
    """The alarms with what evaluating them takes."""

    def planned(alarm: Alarm) -> Planned:
        if isinstance(alarm, CompositeAlarm):
            return Planned(alarm, None)
        params: dict[str, Any] = request(alarm, runbooks=config.deployment.runbooks, topics=_TOPICS)
        return Planned(alarm, rules.plan(params))

    return tuple(planned(alarm) for alarm in alarms)


def stats(planned: Sequence[Planned]) -> tuple[Stat, ...]:
    """The statistics that the alarms rest on, each once."""
    found = [query.stat for one in planned if one.plan is not None for query in one.plan.queries]
    return tuple(dict.fromkeys(stat for stat in found if stat is not None))


def lead_in(planned: Sequence[Planned]) -> int:
    """Seconds of history before the first evaluation: the longest evaluation range."""
    ranges = [
        int(one.plan.period.total_seconds()) * evaluation.evaluation_range(one.plan.condition.periods)
        for one in planned
        if one.plan is not None
    ]
    return max(ranges, default=0)


def run(
    planned: Sequence[Planned], store: Store, span: Range, progress: Progress, replay: Replay = bulk.states
) -> tuple[Outcome, ...]:
    """The outcome of each alarm over `span`, its lead-in included; children stand before their composites."""
    outcomes: list[Outcome] = []
    tracks: dict[str, Track] = {}
    for number, one in enumerate(planned):
        progress(number, len(planned))
        outcome = _metric(one.alarm, one.plan, store, span, replay) if one.plan else _composite(one.alarm, tracks)
        if outcome.track is not None:
            tracks[one.alarm.name] = outcome.track
        outcomes.append(outcome)
    progress(len(planned), len(planned))
    return tuple(outcomes)


def _metric(alarm: Alarm, plan: MetricPlan, store: Store, span: Range, replay: Replay) -> Outcome:
    if not isinstance(alarm, MetricAlarm):
        raise TypeError(f"{alarm.name} is no metric alarm")
    if plan.watch is not None or plan.band is not None or plan.window is not None:
        note = "alarms on many time series, anomaly bands and wall-clock windows are not supported in a backtest yet"
        return Outcome(alarm, pages(alarm), None, note=note)
    period = int(plan.period.total_seconds())
    first, count = span.grid(period)
    margin = evaluation.evaluation_range(plan.condition.periods)
    if count < margin:
        return Outcome(alarm, pages(alarm), None, note=f"the history is shorter than its window of {margin} periods")
    if not _has_data(plan, store, first, count):
        return Outcome(alarm, pages(alarm), None, note="no data in the history")
    values = _values(plan, store, first, period, count)
    states = replay(values.whole, plan.condition) if values.windows is None else values.states(plan.condition)
    track = backtest.track(states, first=first + period * margin, period=period)
    return _judged(alarm, plan.condition, track, values.whole, replay)


def _judged(alarm: MetricAlarm, condition: Condition, track: Track, values: backtest.Values, replay: Replay) -> Outcome:
    decisive = backtest.decisive(values, condition)
    came_to = backtest.came_to(decisive, condition)
    weeks = (track.end - track.start) / (7 * 86_400)
    allowed = max(int(weeks * backtest.FIRES_A_WEEK), 1)
    if track.fired <= allowed:
        return Outcome(alarm, pages(alarm), track, came_to)
    suggested = backtest.suggested(decisive, condition, allowed=allowed)
    if suggested is None or not 0 <= suggested <= _most(alarm):
        return Outcome(alarm, pages(alarm), track, came_to)
    states = replay(values, replace(condition, threshold=suggested))
    fires_then = backtest.track(states, first=track.start, period=int(alarm.period.total_seconds())).fired
    return Outcome(alarm, pages(alarm), track, came_to, suggested, fires_then)


def _most(alarm: MetricAlarm) -> float:
    """The largest threshold that can still be crossed."""
    return 100.0 if alarm.display.unit == "%" else float("inf")


@dataclass(frozen=True, slots=True)
class _Values:
    """The returned series; `windows` reads one evaluation range anew where the expression rests on the range."""

    whole: backtest.Values
    windows: Callable[[int], backtest.Values] | None
    ends: range

    def states(self, condition: Condition) -> backtest.States:
        """The states, window by window."""
        windows = self.windows
        if windows is None:
            return backtest.states(self.whole, condition)
        return backtest.window_states((windows(end) for end in self.ends), condition)


def _values(plan: MetricPlan, store: Store, first: int, period: int, count: int) -> _Values:
    margin = evaluation.evaluation_range(plan.condition.periods)
    whole = readings.evaluate(store, plan.queries, plan.returned, first, count)
    ends = range(margin, count + 1)
    calls = {found for query in plan.queries for match in _CALL.findall(query.text) for found in match if found}
    if calls <= POINTWISE:
        return _Values(whole, None, ends)

    def window(end: int) -> backtest.Values:
        return readings.evaluate(store, plan.queries, plan.returned, first + period * (end - margin), margin)

    return _Values(whole, window, ends)


def _has_data(plan: MetricPlan, store: Store, first: int, count: int) -> bool:
    found = (query.stat for query in plan.queries if query.stat is not None)
    return any(value is not None for stat in found for value in readings.read_stat(store, stat, first, count))


def _composite(alarm: Alarm, tracks: Mapping[str, Track]) -> Outcome:
    if not isinstance(alarm, CompositeAlarm):
        raise TypeError(f"{alarm.name} is no composite")
    children = {name: tracks[name] for name in alarm.children if name in tracks}
    if not children:
        return Outcome(alarm, pages(alarm), None, note="none of its children has data")
    return Outcome(alarm, pages(alarm), backtest.composite(composite.parse(alarm.rule), children))


def pages(alarm: Alarm) -> bool:
    """Whether an ALARM of this alarm wakes people: critical, and told on its own account."""
    return alarm.severity is Severity.CRITICAL and alarm.delivery is not Delivery.CONTEXT
