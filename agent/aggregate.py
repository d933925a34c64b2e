"""Samples in, one window of statistic sets out, aligned to the wall clock's minute."""

import math
from datetime import UTC, datetime, timedelta

from agent.sample import Datum, Dimensions, Sample, Window
from core.catalogue.metric import Metric

# PutMetricData, MetricDatum: values beyond ±2^360, NaN and the infinities are refused.
LARGEST_VALUE = 2.0**360

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def window_start(now: datetime, length: timedelta) -> datetime:
    """The start of the window that `now` falls in: windows are whole multiples of `length` since the epoch."""
    return now - (now - _EPOCH) % length


class _Series:
    __slots__ = ("count", "dimensions", "maximum", "metric", "minimum", "total")

    def __init__(self, metric: Metric, dimensions: Dimensions) -> None:
        self.metric = metric
        self.dimensions = dimensions
        self.minimum = math.inf
        self.maximum = -math.inf
        self.total = 0.0
        self.count = 0


class Aggregate:
    """The open window. `add` samples; `close` gives the window and starts an empty one.

    `identity` is the host's own dimension, put before each sample's.
    """

    def __init__(self, identity: Dimensions) -> None:
        self._identity = identity
        self._series: dict[tuple[str, Dimensions], _Series] = {}
        self._dropped = 0

    def add(self, sample: Sample) -> None:
        """Take one sample into its series. What is not a number that CloudWatch takes is dropped and counted."""
        value = sample.value
        if not -LARGEST_VALUE <= value <= LARGEST_VALUE:  # false for NaN too
            self._dropped += 1
            return
        key = (sample.metric.name, sample.dimensions)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series(sample.metric, self._identity + sample.dimensions)
        if value < series.minimum:
            series.minimum = value
        if value > series.maximum:
            series.maximum = value
        series.total += value
        series.count += 1

    def close(self, start: datetime, length: timedelta) -> Window:
        """Everything since the last close, as the window from `start`."""
        datums = tuple(
            Datum(series.metric, series.dimensions, series.minimum, series.maximum, series.total, series.count)
            for series in self._series.values()
        )
        window = Window(start, length, datums, self._dropped)
        self._series = {}
        self._dropped = 0
        return window
