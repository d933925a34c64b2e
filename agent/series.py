"""The numbers that stand for series in the spool's records, so that names and dimensions are stored once."""

import json
from collections.abc import Iterable
from operator import mul

from agent.record import RecordError, Row
from agent.sample import Datum, Dimensions
from core.catalogue.metric import Display, Emitted, Metric

_COUNTED, _FAULT = 2, 1


class SeriesNumbers:
    """Both ways. New numbers are `fresh` until `keep`; `forget` takes them back."""

    def __init__(self, known: Iterable[tuple[int, str]] = (), *, first: int = 1) -> None:
        """`known` are the stored pairs; no fresh number is below `first`."""
        self._texts: dict[int, str] = dict(known)
        self._found: dict[int, tuple[Metric, Dimensions]] = {}
        self._numbers: dict[tuple[str, Dimensions], int] = {}
        self._by_text = {text: number for number, text in self._texts.items()}
        self._next = max(first, max(self._texts, default=0) + 1)
        self.fresh: list[tuple[int, str]] = []

    def __len__(self) -> int:
        """How many series have a number."""
        return len(self._texts)

    def emptied(self) -> "SeriesNumbers":
        """One that knows no series, and gives no number again that this one gave."""
        return SeriesNumbers(first=self._next)

    def number(self, metric: Metric, dimensions: Dimensions) -> int:
        """The number of a series, a fresh one if it was never seen."""
        key = (metric.name, dimensions)
        number = self._numbers.get(key)
        if number is not None:
            return number
        text = _text(metric, dimensions)
        number = self._by_text.get(text)
        if number is None:
            number = self._next
            self._next += 1
            self._texts[number] = text
            self._by_text[text] = number
            self.fresh.append((number, text))
        self._numbers[key] = number
        return number

    def find(self, number: int) -> tuple[Metric, Dimensions]:
        """The series of a number. Raises RecordError where there is none."""
        found = self._found.get(number)
        if found is None:
            if number not in self._texts:
                raise RecordError(f"series {number} is not known")
            found = self._found[number] = _series(self._texts[number])
        return found

    def row(self, datum: Datum) -> Row:
        """A datum as a record has it: values and counts, or the four numbers of a statistic set."""
        number = self.number(datum.metric, datum.dimensions)
        if datum.values:
            return number, datum.second, datum.values, datum.counts
        return number, datum.second, (datum.minimum, datum.maximum, datum.total), (datum.count,)

    def datum(self, row: Row) -> Datum:
        """What `row` was made of. Raises RecordError for a series that is not known."""
        number, second, numbers, counts = row
        metric, dimensions = self.find(number)
        if len(numbers) != len(counts):
            return Datum(metric, dimensions, numbers[0], numbers[1], numbers[2], counts[0], second=second)
        total = sum(map(mul, numbers, counts))
        return Datum(
            metric, dimensions, numbers[0], numbers[-1], total, sum(counts), tuple(numbers), tuple(counts), second
        )

    def keep(self) -> None:
        """The fresh ones are stored."""
        self.fresh = []

    def forget(self) -> None:
        """The fresh ones are not stored, and will be fresh again."""
        if self.fresh:
            for number, text in self.fresh:
                del self._texts[number], self._by_text[text]
            self._numbers = {}
            self.fresh = []


def _text(metric: Metric, dimensions: Dimensions) -> str:
    flags = _COUNTED * metric.counted + _FAULT * metric.fault
    return json.dumps([metric.namespace, metric.name, metric.unit, flags, dimensions], separators=(",", ":"))


def _series(text: str) -> tuple[Metric, Dimensions]:
    """What a sink needs of a metric, whether or not the catalogue still has it."""
    namespace, name, unit, flags, dimensions = json.loads(text)
    metric = Metric(
        namespace=namespace,
        name=name,
        dimension_sets=(),
        unit=unit,
        statistics=(),
        display=Display(unit),
        emitted=Emitted.ALWAYS,
        source="agent/",
        counted=bool(flags & _COUNTED),
        fault=bool(flags & _FAULT),
    )
    return metric, tuple((name, value) for name, value in dimensions)
