"""Samples in, one window of values and counts out, aligned to the wall clock's minute."""

from array import array
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from agent.sample import Datum, Dimensions, Sample, Window
from core.catalogue.metric import Metric

# PutMetricData, MetricDatum: values beyond ±2^360, NaN and the infinities are refused.
LARGEST_VALUE = 2.0**360

MOST_SAMPLES = 4096
"""So many samples of one series are kept one by one; then they are counted by value."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def window_start(now: datetime, length: timedelta) -> datetime:
    """The start of the window that `now` falls in: windows are whole multiples of `length` since the epoch."""
    return now - (now - _EPOCH) % length


class _Series:
    __slots__ = ("counted", "dimensions", "metric", "samples", "second")

    def __init__(self, metric: Metric, dimensions: Dimensions, second: int) -> None:
        self.metric = metric
        self.dimensions = dimensions
        self.second = second
        self.samples = array("d")
        self.counted: dict[float, int] = {}

    def add(self, value: float) -> None:
        self.samples.append(value)
        if len(self.samples) == MOST_SAMPLES:
            self.count()

    def add_often(self, value: float, count: int) -> None:
        value = float(value) if exact(self.metric) else float(f"{value:.3g}")
        self.counted[value] = self.counted.get(value, 0) + count

    def count(self) -> None:
        """Move the samples to their counts, rounded if they are a gauge's that moved."""
        samples = self.samples
        if not exact(self.metric) and (self.counted or min(samples) != max(samples)):
            values = [float(f"{value:.3g}") for value in samples]
        else:
            values = samples.tolist()
        for value in values:
            self.counted[value] = self.counted.get(value, 0) + 1
        self.samples = array("d")

    def datum(self) -> Datum:
        if self.samples:
            self.count()
        counted = self.counted
        values = tuple(sorted(counted))
        counts = tuple(counted[value] for value in values)
        total = sum(map(float.__mul__, values, map(float, counts)))
        datum = Datum(
            self.metric, self.dimensions, values[0], values[-1], total, sum(counts), values, counts, self.second
        )
        # CloudWatch has no percentiles of negative values (user guide, "Percentiles"), so a set says as much.
        signed = self.metric.minimum is None or self.metric.minimum < 0 or values[0] < 0
        return datum.folded() if signed else datum


def exact(metric: Metric) -> bool:
    """Whether values are kept as they are: what is counted is, a gauge that moves has three significant digits."""
    return metric.counted or metric.unit == "Count"


class Aggregate:
    """The open window. `add` samples; `close` gives the window and starts an empty one.

    `identity` is the host's own dimension, put before each sample's. The metrics named by `high_resolution` have a
    datum for each second that has samples; `second` is the present one of the window.
    """

    def __init__(self, identity: Dimensions, *, high_resolution: Collection[str] = ()) -> None:
        self._identity = identity
        self._high_resolution = frozenset(high_resolution)
        self._series: dict[tuple[str, Dimensions, int], _Series] = {}
        self._faults: set[tuple[str, Dimensions, int]] = set()
        self._dropped = 0
        self.second = 0

    def add(self, sample: Sample) -> None:
        """Take one sample into its series. What is not a number that CloudWatch takes is dropped and counted."""
        value = sample.value
        if not -LARGEST_VALUE <= value <= LARGEST_VALUE:  # false for NaN too
            self._dropped += 1
            return
        name = sample.metric.name
        key = (name, sample.dimensions, self.second + 1 if name in self._high_resolution else 0)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series(sample.metric, self._identity + sample.dimensions, key[2])
        if sample.times == 1:
            series.add(value)
        else:
            series.add_often(value, sample.times)
        if sample.metric.fault and value > 0:
            self._faults.add(key)

    @property
    def has_faults(self) -> bool:
        """Whether there was a fault since the last take."""
        return bool(self._faults)

    def take_faults(self, start: datetime, length: timedelta) -> Window:
        """The series with a fault since the last take, out of the open window, as one that can go at once."""
        datums = tuple(self._series.pop(key).datum() for key in sorted(self._faults))
        self._faults = set()
        return Window(start, length, datums)

    def close(self, start: datetime, length: timedelta) -> Window:
        """Everything since the last close, as the window from `start`."""
        window = Window(start, length, tuple(series.datum() for series in self._series.values()), self._dropped)
        self._series = {}
        self._faults = set()
        self._dropped = 0
        return window
