"""What flows through the agent: a collector's samples, and the windows that aggregation makes of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from core.catalogue.metric import Metric

Dimensions = tuple[tuple[str, str], ...]
"""(name, value) pairs."""


SELDOM = 300.0
"""Seconds for which what is not there is not looked for again."""
FOR_GOOD = float("inf")


class NoData(Exception):
    """A collector has nothing to say this time (no GPU, no swap, the first of two reads).

    `seconds` is how long it need not be asked again.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds


class Sample(NamedTuple):
    """One value of one series, in the metric's own unit: a tuple, for hundreds are made each second.

    `dimensions` are those beyond the host's own: `(("path", "/"),)`. For counters the value is what was added since
    the collector's previous look.
    """

    metric: Metric
    value: float
    dimensions: Dimensions = ()
    times: int = 1
    """How often the value was seen; more than once where an application sampled its own."""


class Collector(Protocol):
    """Looks at one thing. Called from one thread; what it raises is the loop's to handle."""

    def collect(self) -> Iterable[Sample]:
        """The present values; raises NoData when there is nothing to look at."""
        ...


Look = Callable[[], Iterable[Sample]]
"""What was there at one look, not yet understood: called, in the order of the looks, it gives the samples."""


@runtime_checkable
class Deferring(Collector, Protocol):
    """A collector whose look only copies the kernel's text.

    Understanding several looks in a row costs a fraction of understanding each in its second, by when the processor's
    caches have forgotten how (docs/benchmarks.md). `collect` is a look understood at once.
    """

    def look(self) -> Look:
        """What is there now; raises as `collect` does."""
        ...


@runtime_checkable
class Closing(Protocol):
    """A collector that holds something: a thread, a driver, a program, a connection."""

    def close(self) -> None:
        """Let go of it. Does not wait for what hangs."""
        ...


class Pressing(Collector, Protocol):
    """A collector that may have what cannot wait for its turn."""

    def pressing(self) -> bool:
        """Whether it is so now. Never blocks."""
        ...

    def notify(self, ring: Callable[[], None]) -> None:
        """Call `ring`, from whatever thread, each time that it comes to be so."""
        ...


class Datum(msgspec.Struct, frozen=True, gc=False):
    """One series over one window, or over one second of it, with all its dimensions.

    `values` (rising) and `counts`, where present, are the distinct values and how often each was seen; without them
    the datum is a statistic set, as those of signed metrics are. `second` is 0, or n for the window's nth second
    alone: such a datum is of high resolution.
    """

    metric: Metric
    dimensions: Dimensions
    minimum: float
    maximum: float
    total: float
    count: int
    values: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    second: int = 0

    @property
    def is_fault(self) -> bool:
        """Whether it tells of a fault, rather than of there being none."""
        return self.metric.fault and self.maximum > 0

    def folded(self) -> "Datum":
        """As a statistic set."""
        return msgspec.structs.replace(self, values=(), counts=())


@dataclass(frozen=True, slots=True)
class Window:
    """Everything seen from `start` (UTC, a whole multiple of `length` since the epoch) until `start + length`.

    One that tells of a fault before its time is up is as long as it has been, and what follows has the same start.
    `dropped` counts samples that were no number CloudWatch takes.
    """

    start: datetime
    length: timedelta
    datums: tuple[Datum, ...]
    dropped: int = 0
