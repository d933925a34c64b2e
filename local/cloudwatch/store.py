"""The metric store, in memory: series by namespace, name and dimensions; one slot per minute or second.

A slot that received one sample is one float in an array, which a fast path over many series can read; what is
more than that is a Bucket beside it.
"""

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from core.cloudwatch.datums import Datum, Dimensions
from core.cloudwatch.stat import Stat
from core.cloudwatch.statistics import BASIC, Bucket, read_single, reader

_NOTHING = math.nan
_MAX_GAP = 20_000
"""Slots without data that the array bridges; a sample further off goes into a bucket of its own."""


Place = tuple[str, tuple[str, Dimensions]]
"""A series' identity as a plain tuple, which is hashed faster than a Key: namespace, (name, dimensions)."""


@dataclass(frozen=True, slots=True)
class Key:
    """A series' identity; `dimensions` are sorted."""

    namespace: str
    name: str
    dimensions: Dimensions


class Column:
    """What one series received in one unit at one storage resolution, by slots of `resolution` seconds."""

    __slots__ = ("base", "buckets", "resolution", "singles")

    def __init__(self, resolution: int) -> None:
        self.resolution = resolution
        self.base = 0
        """The slot number of `singles[0]`; slot n covers the epoch seconds from n * resolution on."""
        self.singles = array("d")
        """The slots' single samples; NaN where there is none, or where `buckets` has the slot."""
        self.buckets: dict[int, Bucket] = {}

    def add(self, datum: Datum) -> None:
        """Take one datum."""
        slot = datum.at // self.resolution
        bucket = self.buckets.get(slot)
        if bucket is None:
            if datum.value is not None and self._put_single(slot, datum.value):
                return
            bucket = self.buckets[slot] = self._promoted(slot)
        if datum.value is not None:
            bucket.add(datum.value)
        elif datum.folded is not None:
            bucket.add_set(datum.folded)
        for value, count in datum.values:
            bucket.add(value, count)

    def _put_single(self, slot: int, value: float) -> bool:
        singles = self.singles
        if not singles:
            self.base = slot
        place = slot - self.base
        if not -_MAX_GAP <= place <= len(singles) + _MAX_GAP:
            return False
        if place < 0:
            self.singles = array("d", [_NOTHING]) * -place + singles
            self.base, place = slot, 0
        elif place >= len(singles):
            singles.extend([_NOTHING] * (place - len(singles) + 1))
        if not math.isnan(self.singles[place]):
            return False
        self.singles[place] = value
        return True

    def _promoted(self, slot: int) -> Bucket:
        bucket = Bucket()
        single = self.single(slot)
        if single is not None:
            bucket.add(single)
            self.singles[slot - self.base] = _NOTHING
        return bucket

    def single(self, slot: int) -> float | None:
        """The slot's one sample, when it has exactly one."""
        place = slot - self.base
        if 0 <= place < len(self.singles):
            value = self.singles[place]
            return None if math.isnan(value) else value
        return None

    def run(self, first: int, count: int) -> "array[float]":
        """The single samples of `count` slots from `first` on; NaN where there is none."""
        start, end = first - self.base, first - self.base + count
        before = min(max(-start, 0), count)
        values = missing(before) + self.singles[max(start, 0) : max(end, 0)]
        if len(values) < count:
            values.extend(missing(count - len(values)))
        return values

    def fill(self, bucket: Bucket, start: int, end: int) -> int:
        """Put what was received from `start` to before `end` (epoch seconds) into `bucket`; how many slots had any."""
        first, last = -(-start // self.resolution), -(-end // self.resolution)
        found = 0
        if self.buckets:
            for slot in range(first, last):
                held = self.buckets.get(slot)
                if held is not None:
                    bucket.merge(held)
                    found += 1
        for value in self.singles[max(first - self.base, 0) : max(last - self.base, 0)]:
            if not math.isnan(value):
                bucket.add(value)
                found += 1
        return found

    def newest(self) -> int:
        """The epoch second of the newest slot with data."""
        single = self.base + len(self.singles) - 1 if self.singles else 0
        return max(single, max(self.buckets, default=0)) * self.resolution


class Series:
    """One metric: a column per unit and storage resolution, nearly always one."""

    __slots__ = ("columns",)

    def __init__(self) -> None:
        self.columns: dict[tuple[str, int], Column] = {}

    def add(self, datum: Datum) -> None:
        """Take one datum."""
        place = (datum.unit, datum.resolution)
        column = self.columns.get(place)
        if column is None:
            column = self.columns[place] = Column(datum.resolution)
        column.add(datum)

    def units(self) -> tuple[str, ...]:
        """The units that data came in."""
        return tuple(dict.fromkeys(unit for unit, _ in self.columns))

    def bucket(self, start: int, end: int, unit: str | None = None) -> Bucket | None:
        """What was received from `start` to before `end` (epoch seconds); None when nothing was."""
        bucket = Bucket()
        found = 0
        for (of, _), column in self.columns.items():
            if unit is None or of == unit:
                found += column.fill(bucket, start, end)
        return bucket if found else None

    def values(
        self, statistic: str, *, start: int, period: int, count: int, unit: str | None = None
    ) -> list[float | None]:
        """The statistic of `count` periods of `period` seconds from `start`, oldest first; None is missing."""
        numbers = self.numbers(statistic, start=start, period=period, count=count, unit=unit)
        # NaN alone differs from itself.
        return [value if value == value else None for value in numbers]

    def numbers(
        self, statistic: str, *, start: int, period: int, count: int, unit: str | None = None
    ) -> "array[float]":
        """The same as `values`, NaN for what is missing: what a fast path over many series reads."""
        columns = [column for (of, _), column in self.columns.items() if unit is None or of == unit]
        if len(columns) == 1 and columns[0].resolution == period and start % period == 0:
            return _slots(columns[0], statistic, start // period, count)
        values = missing(count)
        read = reader(statistic)
        for place, at in enumerate(range(start, start + period * count, period) if columns else ()):
            if (bucket := self.bucket(at, at + period, unit)) is not None and (value := read(bucket)) is not None:
                values[place] = value
        return values

    def newest(self) -> int:
        """The epoch second of the newest datum."""
        return max(column.newest() for column in self.columns.values())


def missing(count: int) -> "array[float]":
    """So many periods without data."""
    return array("d", [_NOTHING]) * count


def _slots(column: Column, statistic: str, first: int, count: int) -> "array[float]":
    """The common case, one slot to a period, without a bucket for each."""
    values = column.run(first, count)
    if statistic not in BASIC or statistic == "SampleCount":
        for place, single in enumerate(values):
            if single == single:
                found = read_single(statistic, single)
                values[place] = _NOTHING if found is None else found
    if column.buckets:
        read = reader(statistic)
        for place in range(count):
            bucket = column.buckets.get(first + place)
            if bucket is not None:
                found = read(bucket)
                values[place] = _NOTHING if found is None else found
    return values


class Store:
    """All series of the account."""

    def __init__(self) -> None:
        self._series: dict[Key, Series] = {}
        self._names: dict[str, dict[tuple[str, Dimensions], Series]] = {}
        self.touched: set[Place] = set()
        """The series that received data since this was last emptied."""
        self.quotas: dict[Key, float] = {}
        """The service quota of a usage metric, as given: what SERVICE_QUOTA answers."""
        self.sources: dict[str, dict[str, Series]] = {}
        """The series given for calls of LAMBDA, DB_PERF_INSIGHTS and INSIGHT_RULE_METRIC, by rendered call and label.

        They are no metrics: nothing lists or searches them.
        """

    def add(self, namespace: str, datum: Datum) -> None:
        """Take one datum."""
        names = self._names.get(namespace)
        if names is None:
            names = self._names[namespace] = {}
        place = (datum.name, datum.dimensions)
        self.touched.add((namespace, place))
        series = names.get(place)
        if series is None:
            series = names[place] = self._series[Key(namespace, *place)] = Series()
        series.add(datum)

    def give(self, call: str, label: str, datum: Datum) -> None:
        """Take one datum of a series of a call, as `core.cloudwatch.expression.render` writes it."""
        self.sources.setdefault(call, {}).setdefault(label, Series()).add(datum)

    def put_back(self, key: Key, series: Series) -> None:
        """Take a whole series, in the place of what there is of it."""
        self._series[key] = series
        self._names.setdefault(key.namespace, {})[(key.name, key.dimensions)] = series
        self.touched.add((key.namespace, (key.name, key.dimensions)))

    def find(self, namespace: str, name: str, dimensions: Dimensions) -> Series | None:
        """The series with exactly these dimensions; CloudWatch never answers for another set."""
        names = self._names.get(namespace)
        return None if names is None else names.get((name, dimensions))

    def named(self, namespace: str, name: str) -> Iterator[tuple[Dimensions, Series]]:
        """Every series of a metric, with its dimensions."""
        for (of, dimensions), series in self._names.get(namespace, {}).items():
            if of == name:
                yield dimensions, series

    def quota(self, stat: Stat | None) -> float | None:
        """The service quota of a usage metric, if one was given."""
        return None if stat is None else self.quotas.get(Key(stat.namespace, stat.name, stat.dimensions))

    def items(self) -> Iterator[tuple[Key, Series]]:
        """Every series with its identity."""
        yield from self._series.items()
