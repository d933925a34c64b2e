"""The statistics of one period of one series, from values with counts and from statistic sets.

A statistic set answers SampleCount, Sum, Average, Minimum and Maximum; the statistics that need the samples themselves
(`trimmed`) only if its Minimum equals its Maximum and its Sum is that value times its SampleCount (API reference,
PutMetricData). A period with a negative value answers none of those either (User Guide, CloudWatch statistics
definitions).
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from core.cloudwatch import trimmed
from core.cloudwatch.refusal import Refusal, validation
from core.cloudwatch.trimmed import percentile_of

BASIC = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")

__all__ = [
    "BASIC",
    "Bucket",
    "Read",
    "StatisticSet",
    "enough_samples",
    "merged",
    "percentile_of",
    "read_single",
    "reader",
    "refusal",
]


@dataclass(frozen=True, slots=True)
class StatisticSet:
    """Samples folded before they were sent: only their count, sum and extremes are known."""

    count: float
    total: float
    minimum: float
    maximum: float

    @property
    def is_exact(self) -> bool:
        """Whether the samples themselves are known, so that percentiles can be answered."""
        return self.minimum == self.maximum and (self.count == 1 or self.total == self.minimum * self.count)


class Bucket:
    """What one series received in one period. It grows while datums arrive; their order does not matter."""

    __slots__ = ("_sets", "_values")

    def __init__(self) -> None:
        self._values: dict[float, float] = {}
        self._sets: list[StatisticSet] = []

    def add(self, value: float, count: float = 1.0) -> None:
        """Take `count` samples of `value`."""
        self._values[value] = self._values.get(value, 0.0) + count

    def add_set(self, folded: StatisticSet) -> None:
        """Take samples that were folded into a statistic set."""
        if folded.is_exact:
            self.add(folded.minimum, folded.count)
        else:
            self._sets.append(folded)

    def merge(self, other: "Bucket") -> None:
        """Take everything that another bucket received."""
        for value, count in other._values.items():
            self.add(value, count)
        self._sets.extend(other._sets)

    def values(self) -> Iterable[tuple[float, float]]:
        """The values that are known, with their counts."""
        return self._values.items()

    def sets(self) -> Iterable[StatisticSet]:
        """The statistic sets whose samples are not known."""
        return self._sets

    @property
    def count(self) -> float:
        """SampleCount."""
        return math.fsum((*self._values.values(), *(folded.count for folded in self._sets)))

    @property
    def total(self) -> float:
        """Sum."""
        return math.fsum(
            (
                *(value * count for value, count in self._values.items()),
                *(folded.total for folded in self._sets),
            )
        )

    @property
    def minimum(self) -> float:
        """Minimum."""
        return min((*self._values, *(folded.minimum for folded in self._sets)))

    @property
    def maximum(self) -> float:
        """Maximum."""
        return max((*self._values, *(folded.maximum for folded in self._sets)))

    @property
    def average(self) -> float:
        """Average; 0 of values that were all sent with a count of 0."""
        return self.total / (self.count or 1.0)

    def samples(self) -> trimmed.Samples | None:
        """The values in ascending order with their counts, or None where they are not known (see the module's text)."""
        if self._sets or not self._values:
            return None
        ordered = sorted((value, count) for value, count in self._values.items() if count > 0)
        return None if not ordered or ordered[0][0] < 0 else ordered

    def percentile(self, percent: float) -> float | None:
        """The nearest-rank percentile, or None where CloudWatch answers none."""
        samples = self.samples()
        return None if samples is None else trimmed.percentile(samples, percent)


Read = Callable[[Bucket], float | None]

_READERS: dict[str, Read] = {
    "SampleCount": lambda bucket: bucket.count,
    "Average": lambda bucket: bucket.average,
    "Sum": lambda bucket: bucket.total,
    "Minimum": lambda bucket: bucket.minimum,
    "Maximum": lambda bucket: bucket.maximum,
}


@lru_cache(maxsize=4096)
def reader(statistic: str) -> Read:
    """The function that reads `statistic` from a bucket.

    Raises Refusal: ValidationError naming the statistic, when there is none such.
    """
    known = _READERS.get(statistic)
    if known is not None:
        return known
    read = trimmed.reader(statistic)
    if read is None:
        raise refusal(statistic)

    def of_bucket(bucket: Bucket) -> float | None:
        samples = bucket.samples()
        return None if samples is None else read(samples)

    return of_bucket


def refusal(statistic: str) -> Refusal:
    """Why `statistic` is refused."""
    return validation(
        f"The value {statistic} for parameter Stat is invalid; it must be one of {', '.join(BASIC)}, p0 to p100, "
        f"or like {trimmed.FORMS}, with at most ten decimal places"
    )


def read_single(statistic: str, value: float) -> float | None:
    """What `reader(statistic)` would read from a bucket of the one sample `value`."""
    if statistic == "SampleCount":
        return 1.0
    if statistic in _READERS:
        return value
    if value < 0:
        return None
    read = _single_reader(statistic)
    return value if read is None else read(((value, 1.0),))


@lru_cache(maxsize=4096)
def _single_reader(statistic: str) -> trimmed.ReadSamples | None:
    """None for a percentile: one sample is every percentile."""
    return None if percentile_of(statistic) is not None else trimmed.reader(statistic)


def merged(buckets: Iterable[Bucket]) -> Bucket:
    """One bucket with everything that the given ones received."""
    whole = Bucket()
    for bucket in buckets:
        whole.merge(bucket)
    return whole


def enough_samples(percent: float, count: float) -> bool:
    """Whether `count` samples make the percentile significant: at least 10/(1-p) from p50 up, 10/p below.

    User Guide, Percentile-based alarms and low data samples.
    """
    share = percent / 100
    rare = 1 - share if share >= 0.5 else share
    return rare > 0 and count >= 10 / rare * (1 - 1e-12)
