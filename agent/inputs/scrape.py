"""Prometheus pages on this host: the DCGM exporter's, vLLM's, a SageMaker container's, anyone's; by allow-lists."""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from math import isfinite
from urllib.parse import urlsplit

from agent.connection import LONGEST_ANSWER, Connection, ConnectionFailed
from agent.inputs import exposition, units
from agent.inputs.exposition import Kind, Labels, PageError, Series
from agent.inputs.growth import Growth
from agent.inputs.histogram import spread
from agent.inputs.intake import Intake, Rejected, dimensions
from agent.sample import Sample
from core.catalogue import inputs

log = logging.getLogger(__name__)

NAME = "scrape"
_ACCEPT = {"Accept": "text/plain;version=0.0.4"}


class ScrapeError(Exception):
    """A page could not be read; the text names it."""


def wanted(metrics: Collection[str]) -> Callable[[str], bool]:
    """Whether a family's name is like one of `metrics`, `*` and `?` as in file names."""
    patterns = tuple(metrics)
    return lru_cache(maxsize=4096)(lambda name: any(fnmatchcase(name, each) for each in patterns))


def path_of(url: str) -> str:
    """What to ask the server of a page for; /metrics where the address has no path."""
    parts = urlsplit(url)
    return (parts.path or "/metrics") + (f"?{parts.query}" if parts.query else "")


@dataclass(slots=True)
class _Histogram:
    buckets: dict[float, float] = field(default_factory=dict)
    total: float | None = None


class Page:
    """What successive readings of one page add up to."""

    def __init__(
        self, *, metrics: Collection[str], labels: Collection[str], intake: Intake, monotonic: Callable[[], float]
    ) -> None:
        """`metrics` are the names of families, `*` and `?` as in file names; `labels` become dimensions."""
        self._wanted = wanted(metrics)
        self._labels = frozenset(labels)
        self._intake = intake
        self._growth = Growth(monotonic=monotonic)
        self._readings = 0

    def read(self, text: str) -> None:
        """Take a page. Raises PageError."""
        histograms: dict[tuple[str, Labels], _Histogram] = {}
        for series in exposition.parse(text, wanted=self._wanted):
            if series.kind is Kind.HISTOGRAM:
                _collect(histograms, series)
                continue
            try:
                self._take(series)
            except (Rejected, ValueError) as error:
                self._intake.reject(error)
        for (family, labels), histogram in histograms.items():
            try:
                self._distribute(family, labels, histogram)
            except (Rejected, ValueError) as error:
                self._intake.reject(error)
        self._readings += 1

    def _take(self, series: Series) -> None:
        tags = dimensions(series.labels, self._labels)
        part = series.name != series.family
        if series.kind is Kind.COUNTER or (series.kind is Kind.SUMMARY and part):
            grown = self._grown((series.name, series.labels), (series.value,))
            if grown is not None:
                metric = inputs.counter(series.name, units.from_name(series.name, counted=True))
                self._intake.add(metric, grown[0], tags)
        elif series.kind is not Kind.SUMMARY and series.value == series.value:  # a gauge says NaN for "nothing yet"
            metric = inputs.gauge(series.name, units.from_name(series.name, counted=False))
            self._intake.observe(metric, series.value, tags)

    def _distribute(self, family: str, labels: Labels, histogram: _Histogram) -> None:
        """What a histogram's buckets, which count all that is not above their bound, grew by."""
        bounds = sorted(histogram.buckets)
        if not bounds or bounds[-1] != float("inf"):
            raise Rejected(f"{family}: a histogram without a bucket for +Inf")
        totals = tuple(histogram.buckets[bound] for bound in bounds)
        grown = self._grown((family, labels, tuple(bounds)), (*totals, histogram.total or 0.0))
        if grown is None:
            return
        rising, total = grown[:-1], grown[-1]
        if not all(map(isfinite, rising)):
            raise Rejected(f"{family}: a histogram with a bucket that is no number")
        counts = [round(now - before) for before, now in zip((0.0, *rising), rising, strict=False)]
        if min(counts) < 0:
            raise Rejected(f"{family}: a histogram whose buckets do not rise")
        metric = inputs.distribution(family, units.from_name(family, counted=False))
        tags = dimensions(labels, self._labels)
        has_sum = histogram.total is not None and isfinite(total)
        for value, count in spread(bounds[:-1], counts, total if has_sum else None):
            self._intake.observe(metric, value, tags, count)

    def _grown(self, key: tuple[object, ...], totals: tuple[float, ...]) -> tuple[float, ...] | None:
        # A series that an earlier page did not have began at 0 since then.
        return self._growth.since(key, totals, born=self._readings > 0)


def _collect(histograms: dict[tuple[str, Labels], _Histogram], series: Series) -> None:
    bound = next((value for name, value in series.labels if name == "le"), None)
    labels = tuple(pair for pair in series.labels if pair[0] != "le")
    histogram = histograms.setdefault((series.family, labels), _Histogram())
    if series.name.endswith("_bucket") and bound is not None:
        try:
            histogram.buckets[float(bound)] = series.value
        except ValueError:
            raise PageError(f'{series.name}: le="{bound[:20]}" is not a number') from None
    elif series.name.endswith("_sum"):
        histogram.total = series.value


class Target:
    """One page, read by a thread of its own, so that no round waits for it."""

    def __init__(self, url: str, page: Page, *, every_seconds: float) -> None:
        """Raises ValueError for what is no address."""
        self._connection = Connection(url)
        self._url = url
        self._path = path_of(url)
        self._page = page
        self._every = every_seconds
        self._stop = threading.Event()
        self.error = ""
        """Why the last reading failed; empty where it did not."""
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)

    def start(self) -> None:
        """Begin to read the page."""
        self._thread.start()

    def read(self) -> None:
        """Read the page once, and keep what went wrong in `error`."""
        try:
            response = self._connection.request(
                "GET", self._path, headers=_ACCEPT, body=None, timeout_seconds=min(10.0, self._every)
            )
            if response.status != 200:
                raise PageError(f"status {response.status}")
            if len(response.body) >= LONGEST_ANSWER:
                raise PageError(f"longer than {LONGEST_ANSWER} bytes")
            self._page.read(response.body.decode("utf-8", "replace"))
            self.error = ""
        except (ConnectionFailed, PageError) as error:
            self.error = f"{self._url}: {error}"
        except Exception as error:  # noqa: BLE001  whatever a page holds, it is read again
            self.error = f"{self._url}: {type(error).__name__}: {error}"

    def close(self) -> None:
        """Stop reading; a request on its way is left behind."""
        self._stop.set()
        if not self._thread.is_alive():
            self._connection.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.read()
            self._stop.wait(self._every)
        self._connection.close()


class Scrape:
    """A collector of what the pages said since the last round."""

    def __init__(self, targets: Iterable[Target], *, intake: Intake) -> None:
        self._targets = tuple(targets)
        self._intake = intake

    def start(self) -> None:
        """Begin to read the pages."""
        for target in self._targets:
            target.start()

    def collect(self) -> Iterator[Sample]:
        """What the pages said; raises ScrapeError, after that, for the pages that could not be read."""
        yield from self._intake.take()
        failed = [target.error for target in self._targets if target.error]
        if failed:
            raise ScrapeError("; ".join(failed))

    def close(self) -> None:
        """Stop reading."""
        for target in self._targets:
            target.close()
