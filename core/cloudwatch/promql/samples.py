"""What PromQL computes with: labels, points in time, series, and the samples of an instant vector."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.cloudwatch.promql.tree import METRIC, Matcher

Labels = tuple[tuple[str, str], ...]
"""Sorted by name; no label is empty."""

LOOKBACK_MS = 300_000
"""How old the newest point of a series may be for the series to be there (Prometheus documentation, Staleness)."""


class Point(NamedTuple):
    """One value of a series. `observations` is how many it is the average of, `total` their sum."""

    at_ms: int
    value: float
    observations: float = 1.0
    total: float | None = None


class Sample(NamedTuple):
    """One element of an instant vector. `observations` and `total` stay only as long as nothing is computed with it."""

    labels: Labels
    value: float
    at_ms: int = 0
    observations: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One series: `points(after, until)` are those with after < at_ms <= until, oldest first."""

    labels: Labels
    points: Callable[[int, int], Sequence[Point]]


Source = Callable[[tuple[Matcher, ...]], Iterable[Series]]
"""The series that satisfy all matchers."""

Vector = tuple[Sample, ...]


def labelled(labels: Iterable[tuple[str, str]]) -> Labels:
    """Labels in their one order, without empty ones."""
    return tuple(sorted((name, value) for name, value in labels if value))


def without(labels: Labels, names: Iterable[str]) -> Labels:
    """The labels but for some."""
    dropped = frozenset(names)
    return tuple(pair for pair in labels if pair[0] not in dropped)


def only(labels: Labels, names: Iterable[str]) -> Labels:
    """Some of the labels."""
    kept = frozenset(names)
    return tuple(pair for pair in labels if pair[0] in kept)


def nameless(labels: Labels) -> Labels:
    """The labels without the metric's name, which no computed value has."""
    return without(labels, (METRIC,))
