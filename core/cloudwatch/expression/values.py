"""The values of metric math, and what an expression may rest on besides them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from core.cloudwatch.expression.tree import Call, Search
from core.cloudwatch.stat import Stat

Series = tuple[float | None, ...]
"""One value per period of the grid, oldest first; None where there is no datapoint."""


@dataclass(frozen=True, slots=True)
class Member:
    """One series of an array: its datapoints, what it is called, and the metric that it is of, where it is of one."""

    values: Series
    label: str = ""
    stat: Stat | None = None


@dataclass(frozen=True, slots=True)
class Array:
    """An array of series over one grid."""

    members: tuple[Member, ...]


Value = float | Series | Array
"""A scalar (not a number where there is none), a series, or an array of series."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The periods that series have values for: `count` of `period` seconds, the first from `start` (epoch seconds)."""

    start: int
    period: int
    count: int

    @property
    def times(self) -> range:
        """The start of each period."""
        return range(self.start, self.start + self.period * self.count, self.period)


@dataclass(frozen=True, slots=True)
class Band:
    """What a model expects of a metric: per period a value and its standard deviation, None where it knows none."""

    expected: Series
    deviation: Series

    def at(self, deviations: float) -> tuple[Series, Series]:
        """The lower and the upper series, that many standard deviations from what is expected."""
        lower, upper = [], []
        for middle, deviation in zip(self.expected, self.deviation, strict=True):
            known = middle is not None and deviation is not None and math.isfinite(deviations)
            away = deviations * (deviation or 0.0)
            lower.append((middle or 0.0) - away if known else None)
            upper.append((middle or 0.0) + away if known else None)
        return tuple(lower), tuple(upper)


@dataclass(frozen=True, slots=True)
class Origin:
    """What an id is called in an array, and its metric, where it is one."""

    label: str
    stat: Stat | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What an expression may rest on besides the values of ids.

    `bands` by the key of `tree.bands_of`; `quota` of a usage metric by its id, None where there is none; `origins` by
    id; `search` gives the series that a SEARCH finds, and `source` those of a call of `sources.SOURCES`, over the same
    grid: none where nothing was given for that call.
    """

    grid: Grid | None = None
    bands: Mapping[str, Band] = field(default_factory=dict)
    quota: Callable[[str], float | None] | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)
    search: Callable[[Search], Array] | None = None
    source: Callable[[Call], Array] | None = None


NOTHING = Given()
