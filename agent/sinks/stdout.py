"""Windows to standard output, one JSON line a datum: the developer's sink, and any log shipper's."""

import json
import os
import sys
from typing import TextIO

from agent.sample import Datum, Window
from agent.sinks import Outcome


class Stdout:
    """Takes everything."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """`stream` is for tests; else standard output."""
        self._stream = stream

    def send(self, window: Window, *, timeout_seconds: float) -> Outcome:  # noqa: ARG002  nothing to wait for
        """Print the window; a reader that went away takes no more, which is no reason to hold it."""
        stream = self._stream or sys.stdout
        try:
            for datum in window.datums:
                print(json.dumps(line(window, datum)), file=stream)
            stream.flush()
        except BrokenPipeError:
            # Else the interpreter stumbles over it once more at its exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            return Outcome((), len(window.datums), "standard output is closed")
        return Outcome()

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
