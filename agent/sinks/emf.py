"""Windows in the embedded metric format: JSON lines that CloudWatch Logs makes metrics of.

To a file, durably; to standard output, for the log driver of a container. Source: CloudWatch user guide, "Embedded
metric format specification".
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, repeat
from pathlib import Path

from agent.sample import Datum, Dimensions, Sample, Window
from agent.sinks import Answer, Item, Unfit, Verdict
from agent.sinks.cloudwatch import illegal
from agent.sinks.stdout import Printer

# Limits of the format (specification).
MAX_METRICS = 100
MAX_NUMBERS = 100
MAX_EVENT_BYTES = 1_000_000
MOST_SAMPLES = 10_000
"""The format has no counts: of a datum with more samples so many stand for all, or a line's memory had no bound."""
_LINES_AT_ONCE = 1000


class EmfFile:
    """Appends lines to a file and waits until they are on disk. Rotation may rename the file at any time."""

    name = "emf"
    max_entries = _LINES_AT_ONCE
    max_bytes = MAX_EVENT_BYTES
    between_bytes = 1
    skew = timedelta()

    def __init__(self, path: Path, *, namespace: str) -> None:
        self._path = path
        self._namespace = namespace

    def item(self, start: datetime, length: timedelta, datum: Datum) -> Item:  # noqa: ARG002  no line has a length
        """The datum as it is: lines are made of many. Raises Unfit."""
        fault = illegal(datum)
        if fault:
            raise Unfit(fault)
        return Item(start, datum, b"", -(-min(datum.count, MOST_SAMPLES) // MAX_NUMBERS))

    def send(self, items: Sequence[Item], *, timeout_seconds: float) -> Answer:  # noqa: ARG002  the disk has no timeout
        """Append; what could be written in part only is cut off again."""
        text = "".join(f"{line}\n" for line in lines([(item.start, item.datum) for item in items], self._namespace))
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            try:
                self._append(descriptor, text.encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            return Answer(Verdict.LATER, f"{self._path}: {error.strerror}")
        return Answer(Verdict.TAKEN)

    def close(self) -> None:
        """Nothing is open."""

    def _append(self, descriptor: int, content: bytes) -> None:
        before = os.fstat(descriptor).st_size
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, before)
            raise


class EmfStdout:
    """Prints lines; what a reader that went away missed is not kept."""

    name = "emf"

    def __init__(self, *, namespace: str, printer: Printer | None = None) -> None:
        self._namespace = namespace
        self._printer = printer or Printer()

    def show(self, window: Window) -> None:
        """Print the window."""
        legal = [(window.start, datum) for datum in window.datums if not illegal(datum)]
        self._printer.print(lines(legal, self._namespace))

    def observe(self, sample: Sample) -> None:
        """Single samples are not shown."""

    def close(self) -> None:
        """Nothing to let go of."""


def lines(datums: Iterable[tuple[datetime, Datum]], namespace: str) -> Iterator[str]:
    """The datums, each with its window's start, in as few lines as the format allows."""
    groups: dict[tuple[int, bool, Dimensions], list[tuple[Datum, list[float]]]] = {}
    for start, datum in datums:
        at = int(start.timestamp()) + max(0, datum.second - 1)
        numbers = list(expand(datum))
        for first in range(0, len(numbers), MAX_NUMBERS):
            group = groups.setdefault((at, datum.second > 0, datum.dimensions), [])
            group.append((datum, numbers[first : first + MAX_NUMBERS]))
    for (at, fine, dimensions), members in groups.items():
        while members:
            line, members = _line(at, fine, dimensions, members, namespace)
            yield line


def expand(datum: Datum) -> Iterator[float]:
    """Every sample; of a statistic set as many numbers with the same minimum, maximum and sum.

    Of more than MOST_SAMPLES so many, evenly by rank, the least and the greatest among them: the shape is kept, the sum
    and the count are not. A set's have about its average.
    """
    size = min(datum.count, MOST_SAMPLES)
    if datum.values:
        yield from datum.values if datum.count == len(datum.values) else _ranked(datum, size)
        return
    if size > 1:
        yield datum.minimum
    if size > 2:
        total = datum.total if size == datum.count else datum.total / datum.count * size
        between = (total - datum.minimum - datum.maximum) / (size - 2)
        yield from repeat(min(datum.maximum, max(datum.minimum, between)), size - 2)
    yield datum.maximum


def _ranked(datum: Datum, size: int) -> Iterator[float]:
    """So many of the samples, evenly by their rank; all of them where so many there are."""
    upto = accumulate(datum.counts)
    values = iter(datum.values)
    value, end = next(values), next(upto)
    for place in range(size):
        rank = place * (datum.count - 1) // max(1, size - 1)
        while rank >= end:
            value, end = next(values), next(upto)
        yield value


def _line(
    at: int, fine: bool, dimensions: Dimensions, members: Sequence[tuple[Datum, list[float]]], namespace: str
) -> tuple[str, list[tuple[Datum, list[float]]]]:
    """One line, with each metric once, and what did not go in."""
    taken: dict[str, list[float]] = {}
    definitions: list[dict[str, object]] = []
    rest = []
    for datum, numbers in members:
        name = datum.metric.name
        if name in taken or len(taken) == MAX_METRICS:
            rest.append((datum, numbers))
            continue
        taken[name] = numbers
        definitions.append({"Name": name, "Unit": datum.metric.unit} | ({"StorageResolution": 1} if fine else {}))
    directive = {"Namespace": namespace, "Dimensions": [[name for name, _ in dimensions]], "Metrics": definitions}
    content = {"_aws": {"Timestamp": at * 1000, "CloudWatchMetrics": [directive]}, **dict(dimensions), **taken}
    return json.dumps(content, separators=(",", ":")), rest
