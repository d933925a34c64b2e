"""Figures of an alarm's change: the value that decided and what it was held against, in CloudWatch's unit.

They are in reasonData, JSON inside the JSON; contributors have none, so their reason's sentence is read. User Guide,
Alarm events and EventBridge; Log alarms.
"""

import re
from collections.abc import Iterable

from core.incidents.forms.fields import Document, decoded, entries, number

_NUMBER = r"(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_POINT = re.compile(rf"[\[,] ?{_NUMBER} \((\d\d)/(\d\d)/(\d\d) (\d\d:\d\d:\d\d)\)")
"""One datapoint of a reason: `99.5 (02/10/19 16:59:00)`, the day first."""
_MAX_THRESHOLD = 40
_THRESHOLD = re.compile(rf"threshold \({_NUMBER}\)")


_RECENT = '"recentDatapoints"'


def value(detail: Document) -> float | None:
    """The newest datapoint that was evaluated."""
    state = _state(detail)
    raw = state.get("reasonData")
    if isinstance(raw, str) and (usual := _usual(raw)) is not None:
        return usual
    data = decoded(raw)
    points = data.get("evaluatedDatapoints") or data.get("results")
    if points and (newest := _latest(points)) is not None:
        return newest[1]
    recent = data.get("recentDatapoints")
    if isinstance(recent, list):
        return next((figure for figure in map(number, reversed(recent)) if figure is not None), None)
    return _told_value(_reason(state))


def _usual(raw: str) -> float | None:
    """The value in a metric alarm's usual text, which is not worth decoding: it is asked of every alarm that fires."""
    key = raw.rfind(_RECENT)
    if key < 0 or '"evaluatedDatapoints"' in raw or '"results"' in raw:
        return None
    end = raw.find("]", key)
    colon, bracket, figures = raw[key + len(_RECENT) : end].partition("[")
    if end < 0 or not bracket or colon.strip() != ":":
        return None
    try:
        return number(float(figures.rpartition(",")[2]))
    except ValueError:
        return None


def threshold(detail: Document) -> float | None:
    """The threshold; of an anomaly alarm the edge of the band that the value is beyond."""
    state = _state(detail)
    data = decoded(state.get("reasonData"))
    found = number(data.get("threshold"))
    if found is None:
        found = _edge(data, value(detail))
    if found is None:
        found = number(_configuration(detail).get("threshold"))
    if found is None and (told := _THRESHOLD.search(_reason(state))):
        found = number(float(told[1]))
    return found


def threshold_text(detail: Document) -> str:
    """What a change of the threshold changes, without decoding it."""
    state = _state(detail)
    raw = state.get("reasonData")
    if isinstance(raw, str) and (at := raw.rfind('"threshold"')) >= 0:
        return raw[at : at + _MAX_THRESHOLD].partition(",")[0]
    return _reason(state).partition("threshold (")[2].partition(")")[0]


def below(detail: Document) -> bool:
    """Whether low values are bad."""
    comparison = _configuration(detail).get("comparisonOperator")
    if isinstance(comparison, str):
        return comparison.startswith("LessThan") and "OrGreater" not in comparison
    return " less than" in _reason(_state(detail)) and " not less than" not in _reason(_state(detail))


def _state(detail: Document) -> Document:
    state = detail.get("state")
    return state if isinstance(state, dict) else decoded(state)


def _configuration(detail: Document) -> Document:
    return decoded(detail.get("configuration"))


def _reason(state: Document) -> str:
    reason = state.get("reason")
    return reason if isinstance(reason, str) else ""


def _latest(points: object) -> tuple[str, float] | None:
    figures = ((str(point.get("timestamp", "")), number(point.get("value"))) for point in entries(points))
    return max(((at, figure) for at, figure in figures if figure is not None), default=None)


def _edge(data: Document, newest: float | None) -> float | None:
    upper, lower = _last(data.get("recentUpperThresholds")), _last(data.get("recentLowerThresholds"))
    if newest is not None and upper is not None and newest > upper:
        return upper
    return lower if newest is not None and lower is not None and newest < lower else None


def _last(numbers: object) -> float | None:
    found: Iterable[object] = reversed(numbers) if isinstance(numbers, list) else ()
    return next((figure for figure in map(number, found) if figure is not None), None)


def _told_value(reason: str) -> float | None:
    points = [(year, month, day, clock, figure) for figure, day, month, year, clock in _POINT.findall(reason)]
    return number(float(max(points)[-1])) if points else None
