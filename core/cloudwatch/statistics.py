"""The statistics of one period of one series, from values with counts and from statistic sets.

A percentile is the nearest rank over the values weighted by their counts: the smallest value that at least that share
of the samples does not exceed (p0 is the minimum, p100 the maximum). AWS does not publish its estimator; nearest rank
always answers with a value that occurred. A statistic set answers percentiles only if its SampleCount is 1 or its
Minimum equals its Maximum (API reference, PutMetricData), and a period with a negative value answers none (User Guide,
CloudWatch statistics definitions).
"""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.cloudwatch.refusal import Refusal, unsupported, validation

BASIC = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")

_PERCENTILE = re.compile(r"p(\d{1,3}(?:\.\d+)?)")
_OTHER = re.compile(r"(?:IQM|iqm|(?:tm|wm|tc|ts|TM|WM|TC|TS|PR|pr)\s*(?:\d|\().*)")


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
        """Average."""
        return self.total / self.count

    def percentile(self, percent: float) -> float | None:
        """The nearest-rank percentile, or None where CloudWatch answers none (see the module's text)."""
        if self._sets or not self._values:
            return None
        ordered = sorted(self._values.items())
        if ordered[0][0] < 0:
            return None
        rank = percent / 100 * math.fsum(self._values.values())
        seen = 0.0
        for value, count in ordered:
            seen += count
            # 0.99 * 100 must not miss the 99th sample by a rounding error.
            if seen >= rank * (1 - 1e-12):
                return value
        return ordered[-1][0]


Read = Callable[[Bucket], float | None]

_READERS: dict[str, Read] = {
    "SampleCount": lambda bucket: bucket.count,
    "Average": lambda bucket: bucket.average,
    "Sum": lambda bucket: bucket.total,
    "Minimum": lambda bucket: bucket.minimum,
    "Maximum": lambda bucket: bucket.maximum,
}


def reader(statistic: str) -> Read:
    """The function that reads `statistic` from a bucket.

    Raises Refusal: ValidationError naming the statistic, when it is unknown or not supported yet.
    """
    known = _READERS.get(statistic)
    if known is not None:
        return known
    percent = percentile_of(statistic)
    if percent is not None:
        return lambda bucket: bucket.percentile(percent)
    raise refusal(statistic)


def percentile_of(statistic: str) -> float | None:
    """99.9 for `p99.9`; None when it is no percentile between p0 and p100."""
    match = _PERCENTILE.fullmatch(statistic)
    if match is None:
        return None
    percent = float(match[1])
    return percent if percent <= 100 else None


def refusal(statistic: str) -> Refusal:
    """Why `statistic` is refused."""
    supported = f"{', '.join(BASIC)}, p0 to p100"
    if _OTHER.fullmatch(statistic):
        return unsupported(f"Statistic {statistic}", supported)
    return validation(f"The value {statistic} for parameter Stat is invalid; it must be one of {supported}")


def read_single(statistic: str, value: float) -> float | None:
    """What `reader(statistic)` would read from a bucket of the one sample `value`."""
    if statistic == "SampleCount":
        return 1.0
    if statistic in _READERS:
        return value
    return value if value >= 0 else None


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
