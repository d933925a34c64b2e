"""Windows to standard output, one JSON line a datum: the developer's sink, and any log shipper's."""

import json
import os
import sys
from collections.abc import Iterable
from typing import TextIO

from agent.sample import Datum, Sample, Window


class Printer:
    """Lines to a stream, until its reader goes away."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """`stream` is for tests; else standard output."""
        self._stream = stream

    def print(self, lines: Iterable[str]) -> None:
        """Print and flush. A reader that went away takes no more: that is raised once, as BrokenPipeError."""
        stream = self._stream or sys.stdout
        try:
            for line in lines:
                print(line, file=stream)
            stream.flush()
        except BrokenPipeError:
            # Else the interpreter stumbles over it once more at its exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            raise


class Stdout:
    """Prints every window; keeps none."""

    name = "stdout"

    def __init__(self, printer: Printer | None = None) -> None:
        self._printer = printer or Printer()

    def show(self, window: Window) -> None:
        """Print the window."""
        self._printer.print(json.dumps(line(window, datum)) for datum in window.datums)

    def observe(self, sample: Sample) -> None:
        """Single samples are not shown."""

    def close(self) -> None:
        """Nothing to let go of."""


def line(window: Window, datum: Datum) -> dict[str, object]:
    """One datum, with its window's start."""
    return {
        "time": window.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "metric": datum.metric.name,
        "dimensions": dict(datum.dimensions),
        "unit": datum.metric.unit,
        "minimum": datum.minimum,
        "maximum": datum.maximum,
        "sum": datum.total,
        "count": datum.count,
    }
