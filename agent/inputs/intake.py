"""What came in since the last round, folded and bounded; any thread may add, the sampling thread takes."""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from math import isfinite

from agent.sample import Dimensions, Sample
from core.catalogue import gpu, host, inputs, kubernetes
from core.catalogue.metric import Metric

log = logging.getLogger(__name__)

MOST_VALUES = 2000
"""So many distinct values of one series in a round have three significant digits; further ones have two."""
LARGEST_COUNT = 2**53
"""A value is seen no more often in a round: beyond that a float64, which CloudWatch's counts are, is not exact."""
FORGOTTEN_SECONDS = 3600.0
"""A series that nobody told of for so long no longer counts: CloudWatch charges by the hour."""
MOST_DIMENSIONS = 29
"""PutMetricData: 30 dimensions, and one is the host's."""
_LONGEST_NAME = 255
_LONGEST_VALUE = 1024

_OWN = frozenset(metric.name for metric in (*host.METRICS, *gpu.METRICS, *kubernetes.METRICS, *inputs.METRICS))


class Rejected(ValueError):
    """A datum that the agent does not take; the text says why."""


def check_count(name: str, count: int, *, least: int = 1) -> None:
    """Raises Rejected for a count that is not between `least` and 2^53."""
    if not least <= count <= LARGEST_COUNT:
        raise Rejected(f"{name}: a count that is not a whole number from {least} to 2^53")


def dimensions(tags: Iterable[tuple[str, str]], allowed: Collection[str]) -> Dimensions:
    """Those of the tags that may become dimensions, in the order of their names. Raises Rejected."""
    kept = {name: value for name, value in tags if name in allowed and value.strip()}
    if len(kept) > MOST_DIMENSIONS:
        raise Rejected(f"{len(kept)} dimensions, more than {MOST_DIMENSIONS}")
    for name, value in kept.items():
        if not value.isascii() or len(value) > _LONGEST_VALUE:
            raise Rejected(f"tag {name}: its value is not ASCII of at most {_LONGEST_VALUE} characters")
    return tuple(sorted(kept.items()))


class Intake:
    """One input's data. Adding raises Rejected for what it does not take, which the caller hands to `reject`."""

    def __init__(self, collector: str, *, most_series: int, monotonic: Callable[[], float]) -> None:
        """`collector` is the input's name; `most_series` bounds its series."""
        self._collector = collector
        self._most_series = most_series
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, Dimensions], tuple[Metric, float]] = {}
        self._sums: dict[tuple[str, Dimensions], float] = {}
        self._values: dict[tuple[str, Dimensions], dict[float, int]] = {}
        self._rejected = 0

    def add(self, metric: Metric, value: float, dimensions: Dimensions) -> None:
        """A counter grew by `value`."""
        if not (isfinite(value) and value >= 0):
            raise Rejected(f"{metric.name}: a counter cannot grow by {value}")
        with self._lock:
            key = self._known(metric, dimensions)
            self._sums[key] = self._sums.get(key, 0.0) + value

    def observe(self, metric: Metric, value: float, dimensions: Dimensions, count: int = 1) -> None:
        """A value was seen `count` times."""
        if not isfinite(value):
            raise Rejected(f"{metric.name}: {value} is not a number that CloudWatch takes")
        check_count(metric.name, count)
        with self._lock:
            values = self._values.setdefault(self._known(metric, dimensions), {})
            if value not in values:
                value = float(f"{value:.3g}" if len(values) < MOST_VALUES else f"{value:.2g}")
                if value not in values and len(values) >= 2 * MOST_VALUES:
                    raise Rejected(f"{metric.name}: more than {2 * MOST_VALUES} distinct values in a round")
            seen = values.get(value, 0) + count
            if seen > LARGEST_COUNT:
                raise Rejected(f"{metric.name}: a value seen more than 2^53 times in a round")
            values[value] = seen

    def reject(self, reason: object, count: int = 1) -> None:
        """Count data that are not taken."""
        with self._lock:
            self._rejected += count
        log.warning("input rejected", extra={"input": self._collector, "data": count, "reason": reason})

    def take(self) -> Iterator[Sample]:
        """Everything since the last take."""
        with self._lock:
            sums, self._sums = self._sums, {}
            values, self._values = self._values, {}
            rejected, self._rejected = self._rejected, 0
            metrics = {key: self._seen[key][0] for key in (*sums, *values)}
        for key, total in sums.items():
            yield Sample(metrics[key], total, key[1])
        for key, counted in values.items():
            for value, count in counted.items():
                yield Sample(metrics[key], value, key[1], count)
        yield Sample(inputs.AGENT_INPUT_REJECTED, rejected, (("collector", self._collector),))

    def _known(self, metric: Metric, dimensions: Dimensions) -> tuple[str, Dimensions]:
        """The series' key. Raises Rejected for a name that cannot be, or a series too many."""
        key = (metric.name, dimensions)
        now = self._monotonic()
        seen = self._seen.get(key)
        if seen is None:
            _check_name(metric.name)
            if len(self._seen) >= self._most_series:
                self._forget(now)
            if len(self._seen) >= self._most_series:
                raise Rejected(f"{metric.name}: more than {self._most_series} series (input_series)")
        elif (seen[0].counted, seen[0].minimum) != (metric.counted, metric.minimum):
            raise Rejected(f"{metric.name}: told as two kinds of metric")
        self._seen[key] = (metric if seen is None else seen[0], now)
        return key

    def _forget(self, now: float) -> None:
        waiting = {*self._sums, *self._values}
        self._seen = {
            key: seen for key, seen in self._seen.items() if key in waiting or now - seen[1] < FORGOTTEN_SECONDS
        }


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isascii() or not name.isprintable():
        raise Rejected(f"{name[:80]!r} is not a metric name of 1 to {_LONGEST_NAME} ASCII characters")
    if name in _OWN:
        raise Rejected(f"{name}: is the agent's own metric; the application's needs another name")
