"""Labels of returned series: dynamic values such as `${MAX}`, and what a series is called among others.

User Guide, Use dynamic labels. How AWS writes numbers and spans of time is not documented: here a number is as short as
it can be, an instant is `2026-11-20 10:00:00` in the zone asked for, and a span is in seconds.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from core.cloudwatch.refusal import validation
from core.cloudwatch.stat import Stat

MAX_DYNAMIC = 6

Point = tuple[float, float]
"""Epoch seconds and a value."""

_DYNAMIC = re.compile(r"\$\{([^}]*)\}")
_PROPERTY = re.compile(r"PROP\('([^']*)'\)")
_ZONE = re.compile(r"([+-])(\d{2})(\d{2})")
_UNKNOWN = "--"


@dataclass(frozen=True, slots=True)
class Subject:
    """A series that a label is for: its datapoints, oldest first, its own label, and where it comes from."""

    points: Sequence[Point]
    label: str
    stat: Stat | None
    period: int
    account: str
    region: str


def zone(text: str | None) -> timezone:
    """GetMetricData's LabelOptions.Timezone, `+0130`. Raises Refusal."""
    if text is None:
        return UTC
    match = _ZONE.fullmatch(text)
    if match is None or int(match[2]) > 23 or int(match[3]) > 59:
        raise validation(f"The value {text} for parameter LabelOptions.Timezone is invalid; +0130 would be valid")
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)


def check(label: str) -> None:
    """Refuse a label whose dynamic values are unknown or too many."""
    dynamic = [match[1] for match in _DYNAMIC.finditer(label)]
    for name in dynamic:
        if name not in _VALUES and name != "LABEL" and _PROPERTY.fullmatch(name) is None:
            raise validation(f"Unknown dynamic value ${{{name}}} in the label {label}")
    if len(dynamic) > MAX_DYNAMIC:
        raise validation(f"A label has at most {MAX_DYNAMIC} dynamic values, not {len(dynamic)}: {label}")
    if dynamic.count("LABEL") > 1:
        raise validation(f"A label has ${{LABEL}} only once: {label}")


def render(label: str, subject: Subject, *, now: float, shown: timezone) -> str:
    """The label, which `check` has passed, with its dynamic values."""
    if "${" not in label:
        return label
    return _DYNAMIC.sub(lambda match: _value(match[1], subject, now, shown), label)


def of_member(label: str, member: str) -> str:
    """The label of one series of an array: the expression's, then the series' own, unless it says where that goes."""
    if "${LABEL}" in label:
        return label
    return " ".join(part for part in (label, member) if part)


def distinguishing(stats: Sequence[Stat]) -> list[str]:
    """What the series of a search are called: by what they do not share, or the metric's name if they share all."""
    namespaces = {stat.namespace for stat in stats}
    names = {stat.name for stat in stats}
    values: dict[str, set[str]] = {}
    for stat in stats:
        for key, value in stat.dimensions:
            values.setdefault(key, set()).add(value)
    everywhere = {
        key for key, found in values.items() if len(found) == 1 and all(key in dict(one.dimensions) for one in stats)
    }
    labels = []
    for stat in stats:
        parts = [stat.namespace] if len(namespaces) > 1 else []
        parts.extend(value for key, value in stat.dimensions if key not in everywhere)
        parts.extend([stat.name] if len(names) > 1 else [])
        labels.append(" ".join(parts) or stat.name)
    return labels


def _value(name: str, subject: Subject, now: float, shown: timezone) -> str:
    if name == "LABEL":
        return subject.label
    wanted = _PROPERTY.fullmatch(name)
    if wanted is not None:
        return _property(wanted[1], subject)
    if name == "DATAPOINT_COUNT":
        return str(len(subject.points))
    return _VALUES[name](_View(subject.points, now, shown)) if subject.points else _UNKNOWN


def _property(name: str, subject: Subject) -> str:
    stat = subject.stat
    known = {"AccountId": subject.account, "Region": subject.region, "Period": str(subject.period)}
    if stat is not None:
        known |= {"MetricName": stat.name, "Namespace": stat.namespace, "Stat": stat.statistic}
        known |= {f"Dim.{key}": value for key, value in stat.dimensions}
    return known.get(name, _UNKNOWN)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _instant(at: float, shown: timezone) -> str:
    return f"{datetime.fromtimestamp(at, shown):%Y-%m-%d %H:%M:%S}"


def _span(seconds: float) -> str:
    return f"{_number(abs(seconds))}s"


@dataclass(frozen=True, slots=True)
class _View:
    """The datapoints, oldest first and at least one, the present instant, and the zone that times are shown in."""

    points: Sequence[Point]
    now: float
    shown: timezone


Pick = Callable[[Sequence[Point]], Point]

_PICKS: dict[str, Pick] = {
    "FIRST": lambda points: points[0],
    "LAST": lambda points: points[-1],
    "MIN": lambda points: min(points, key=lambda point: point[1]),
    "MAX": lambda points: max(points, key=lambda point: point[1]),
}

Show = Callable[[_View], str]


def _of_pick(name: str, pick: Pick) -> dict[str, Show]:
    return {
        name: lambda view: _number(pick(view.points)[1]),
        f"{name}_TIME": lambda view: _instant(pick(view.points)[0], view.shown),
        f"{name}_TIME_RELATIVE": lambda view: _span(view.now - pick(view.points)[0]),
    }


def _of_pair(first: str, last: str) -> dict[str, Show]:
    start, end = _PICKS[first], _PICKS[last]
    return {
        f"{first}_{last}_RANGE": lambda view: _number(end(view.points)[1] - start(view.points)[1]),
        f"{first}_{last}_TIME_RANGE": lambda view: _span(end(view.points)[0] - start(view.points)[0]),
    }


def _total(view: _View) -> float:
    return float(sum(value for _, value in view.points))


_VALUES: dict[str, Show] = {
    "AVG": lambda view: _number(_total(view) / len(view.points)),
    "SUM": lambda view: _number(_total(view)),
    "DATAPOINT_COUNT": lambda view: str(len(view.points)),
    **_of_pair("FIRST", "LAST"),
    **_of_pair("MIN", "MAX"),
    **{name: show for pick in _PICKS.items() for name, show in _of_pick(*pick).items()},
}
