"""PromQL's functions on labels and dates (Prometheus documentation, Query functions and Aggregation operators)."""

import calendar
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from core.cloudwatch.promql.errors import at
from core.cloudwatch.promql.samples import Labels, Sample, Vector, labelled, without

_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def replaced(vector: Vector, texts: Sequence[str], position: int) -> list[Sample]:
    """label_replace; `texts` are its label, replacement, source label and regular expression, which is anchored.

    `$1`, `${1}` and `${name}` stand for groups; one that is not there is empty. Raises PromqlError.
    """
    label, replacement, source, pattern = texts
    _check_name(label, position)
    try:
        regex = _compiled(pattern)
    except re.error as error:
        raise at(position, f"label_replace: {pattern!r} is not a regular expression ({error})") from None
    found = []
    for sample in vector:
        match = regex.fullmatch(dict(sample.labels).get(source, ""))
        labels = sample.labels if match is None else _with(sample.labels, label, _expanded(replacement, match))
        found.append(sample._replace(labels=labels))
    return found


def joined(vector: Vector, texts: Sequence[str], position: int) -> list[Sample]:
    """label_join; `texts` are its label, separator and source labels. Raises PromqlError."""
    label, separator, *sources = texts
    for name in (label, *sources):
        _check_name(name, position)
    found = []
    for sample in vector:
        known = dict(sample.labels)
        text = separator.join(known.get(source, "") for source in sources)
        found.append(sample._replace(labels=_with(sample.labels, label, text)))
    return found


def counted(groups: dict[Labels, list[Sample]], label: str, position: int) -> Vector:
    """count_values: how many samples of each group have each value, which `label` tells. Raises PromqlError."""
    _check_name(label, position)
    counts: dict[Labels, int] = {}
    for key, group in groups.items():
        for sample in group:
            labels = _with(key, label, _written(sample.value))
            counts[labels] = counts.get(labels, 0) + 1
    return tuple(Sample(labels, float(count)) for labels, count in counts.items())


def date_part(name: str, seconds: float) -> float:
    """A part of an instant's date in UTC (epoch seconds); NaN for an instant that is none."""
    try:
        when = _EPOCH + timedelta(seconds=math.floor(seconds))
    except (OverflowError, ValueError):
        return math.nan
    return float(_DATES[name](when))


_DATES: dict[str, Callable[[datetime], int]] = {
    "day_of_month": lambda when: when.day,
    "day_of_week": lambda when: when.isoweekday() % 7,
    "day_of_year": lambda when: when.timetuple().tm_yday,
    "days_in_month": lambda when: calendar.monthrange(when.year, when.month)[1],
    "hour": lambda when: when.hour,
    "minute": lambda when: when.minute,
    "month": lambda when: when.month,
    "year": lambda when: when.year,
}


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


def _expanded(replacement: str, match: re.Match[str]) -> str:
    def stands_for(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        try:
            return match[int(name) if name.isdecimal() else name] or ""
        except (IndexError, KeyError):
            return ""

    return _REFERENCE.sub(stands_for, replacement)


def _with(labels: Labels, name: str, value: str) -> Labels:
    return labelled((*without(labels, (name,)), (name, value)))


def _check_name(name: str, position: int) -> None:
    if not name:  # any other text names a label since Prometheus 3
        raise at(position, "a label needs a name:")


def _written(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return format(Decimal(repr(value)), "f").removesuffix(".0")
