"""What a metric is expected to be: a seasonal model of our own in the place of AWS's, which is not published.

CloudWatch trains on up to two weeks of a metric and knows its hourly, daily and weekly patterns and its trend (User
Guide, Using CloudWatch anomaly detection); how is not documented. So bands here have the documented properties, not
AWS's numbers. The same data always give the same model:

- The level is the median of each half hour of the day, or of the week once there are two weeks of data, between whose
  middles it is interpolated. A season is used only where it narrows the spread by a fifth, so noise makes none.
- The spread is 1.4826 times the median absolute deviation from the level, or 1.25 times the mean one without the
  largest twentieth, whichever is wider, of the whole and of the neighbouring half hours; never less than a hundredth of
  the metric's magnitude, so that a flat metric has a band.
- Outliers are values that lie beyond some spreads from the level (3 strict, 5 moderate, 8 minimal); they are left out
  and the spread is measured anew. A metric with periodic spikes keeps them: it has a daily season whether that narrows
  the spread or not, and the band of two deviations reaches as far as the spikes around that time of day do.
- The trend is the median of what the newest values deviate from the level (of six hours fast, a day normal, none
  slow), which the level is shifted by.

Gaps are just absent values, and so are the times that the detector excludes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from statistics import fmean, median

_BIN = 1_800
_DAY = 86_400
_WEEK = 604_800
_SCALE = 1.4826
_MEAN_SCALE = 1.25
_TRIMMED = 0.95
_GAIN = 0.8
_FLOOR = 0.01
_FEWEST = 3
_FEWEST_CYCLES = 2
_THURSDAY = 3 * _DAY
"""The epoch began on a Thursday, a week on a Monday."""


class Speed(StrEnum):
    """AdaptationSpeed."""

    FAST = "FAST"
    NORMAL = "NORMAL"
    SLOW = "SLOW"


class Filtering(StrEnum):
    """OutlierFilteringStrength."""

    MINIMAL = "MINIMAL"
    MODERATE = "MODERATE"
    STRICT = "STRICT"


_RECENT = {Speed.FAST: timedelta(hours=6), Speed.NORMAL: timedelta(days=1), Speed.SLOW: None}
_BEYOND = {Filtering.MINIMAL: 8.0, Filtering.MODERATE: 5.0, Filtering.STRICT: 3.0}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is trained. `excluded` are half-open spans of epoch seconds."""

    zone: tzinfo = UTC
    excluded: tuple[tuple[float, float], ...] = ()
    spikes: bool = False
    speed: Speed = Speed.NORMAL
    filtering: Filtering = Filtering.MODERATE


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model: the level and the spread (one standard deviation's worth) of each half hour of a season."""

    zone: tzinfo
    season: int
    """Seconds: a day, a week, or 0 where there is no season."""
    levels: tuple[float, ...]
    spreads: tuple[float, ...]

    def expect(self, at: int) -> tuple[float, float]:
        """The expected value at an instant (epoch seconds), and its spread."""
        if not self.season:
            return self.levels[0], self.spreads[0]
        return self._between(self.levels, at), self._between(self.spreads, at)

    def _between(self, values: Sequence[float], at: int) -> float:
        place = (_phase(at, self.season, self.zone) - _BIN / 2) / _BIN
        number = int(place // 1)
        share = place - number
        return values[number % len(values)] * (1 - share) + values[(number + 1) % len(values)] * share


Point = tuple[int, float]


def train(points: Iterable[Point], settings: Settings) -> Model | None:
    """The model of a metric's values, (epoch seconds, value) oldest first; None where there are too few."""
    kept = [(at, value) for at, value in points if not any(start <= at < end for start, end in settings.excluded)]
    if len(kept) < _FEWEST:
        return None
    least = _FLOOR * median(abs(value) for _, value in kept) or 1e-9
    best = _fit(kept, 0, settings.zone)
    spread = max(_spread(_residuals(kept, best)), least)
    for season in (_DAY, _WEEK):
        if kept[-1][0] - kept[0][0] < (_FEWEST_CYCLES * season) - 2 * _BIN:
            break
        candidate = _fit(kept, season, settings.zone)
        narrower = max(_spread(_residuals(kept, candidate)), least)
        if narrower <= _GAIN * spread or (settings.spikes and season == _DAY):
            best, spread = candidate, narrower
    if not settings.spikes:
        limit = _BEYOND[settings.filtering] * spread
        usual = [point for point, off in zip(kept, _residuals(kept, best), strict=True) if abs(off) <= limit]
        kept = usual if len(usual) >= _FEWEST else kept
    best = _shifted(_fit(kept, best.season, settings.zone), kept, _RECENT[settings.speed])
    return _with_spreads(best, kept, least=least, spikes=settings.spikes)


def _phase(at: int, season: int, zone: tzinfo) -> int:
    """How many seconds into its local day or week an instant lies."""
    local = at + _offset(at // _BIN, zone)
    return (local + _THURSDAY) % _WEEK if season == _WEEK else local % _DAY


@lru_cache(maxsize=4_096)
def _offset(half_hour: int, zone: tzinfo) -> int:
    offset = datetime.fromtimestamp(half_hour * _BIN, zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _bins(points: Sequence[Point], season: int, zone: tzinfo) -> Mapping[int, list[float]]:
    found: dict[int, list[float]] = defaultdict(list)
    for at, value in points:
        found[_phase(at, season, zone) // _BIN].append(value)
    return found


def _fit(points: Sequence[Point], season: int, zone: tzinfo) -> Model:
    """The levels alone. A half hour without values has the level between its neighbours that have some."""
    if not season:
        return Model(zone, 0, (median(value for _, value in points),), (0.0,))
    known = {number: median(values) for number, values in _bins(points, season, zone).items()}
    count = season // _BIN
    return Model(zone, season, tuple(_level(known, number, count) for number in range(count)), (0.0,) * count)


def _level(known: Mapping[int, float], number: int, count: int) -> float:
    if number in known:
        return known[number]
    before = next(step for step in range(1, count + 1) if (number - step) % count in known)
    after = next(step for step in range(1, count + 1) if (number + step) % count in known)
    first, last = known[(number - before) % count], known[(number + after) % count]
    return first + (last - first) * before / (before + after)


def _residuals(points: Sequence[Point], model: Model) -> list[float]:
    return [value - model.expect(at)[0] for at, value in points]


def _spread(residuals: Sequence[float]) -> float:
    if not residuals:
        return 0.0
    sizes = sorted(abs(off) for off in residuals)
    usual = sizes[: max(int(len(sizes) * _TRIMMED), 1)]
    return max(_SCALE * median(sizes), _MEAN_SCALE * fmean(usual))


def _shifted(model: Model, points: Sequence[Point], recent: timedelta | None) -> Model:
    if recent is None:
        return model
    since = points[-1][0] - recent.total_seconds()
    shift = median(_residuals([point for point in points if point[0] >= since], model))
    return Model(model.zone, model.season, tuple(level + shift for level in model.levels), model.spreads)


def _with_spreads(model: Model, points: Sequence[Point], *, least: float, spikes: bool) -> Model:
    residuals = _residuals(points, model)
    whole = max(_spread(residuals), least)
    count = len(model.levels)
    near: dict[int, list[float]] = defaultdict(list)
    for (at, _), off in zip(points, residuals, strict=True):
        number = _phase(at, model.season, model.zone) // _BIN if model.season else 0
        for neighbour in {(number + step) % count for step in (-1, 0, 1)}:
            near[neighbour].append(off)
    spreads = []
    for number in range(count):
        around = near.get(number, [])
        widest = max((abs(off) for off in around), default=0.0) / 2 if spikes else 0.0
        spreads.append(max(whole, _spread(around), widest))
    return Model(model.zone, model.season, model.levels, tuple(spreads))
