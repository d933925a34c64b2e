"""Log lines for a journal: one line an event, facts as key=value, on stderr, and never a flood."""

import logging
import sys
import time
import traceback
from collections.abc import Callable, Collection
from pathlib import Path

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

MOST_LINES = 10
PER_SECONDS = 60.0
"""So many lines of one event are written in so many seconds; the next that is written says how many were not."""


class Line(logging.Formatter):
    """A record as one line."""

    def format(self, record: logging.LogRecord) -> str:
        """`level module: event key=value`, always one line; of a traceback the files and lines, the innermost last."""
        facts = " ".join(f"{key}={value}" for key, value in vars(record).items() if key not in _STANDARD)
        line = f"{record.levelname.lower()} {record.name}: {record.getMessage()} {facts}".rstrip()
        if record.exc_info and record.exc_info[1] is not None:
            frames = traceback.walk_tb(record.exc_info[2])
            at = ",".join(f"{Path(frame.f_code.co_filename).name}:{number}" for frame, number in frames)
            line += f" error={record.exc_info[1]!r} at={at}"
        return line.replace("\n", " ")


class Limit(logging.Filter):
    """Lets `MOST_LINES` of an event through each `PER_SECONDS`. Events have constant texts, so there are few."""

    def __init__(self, *, paced: Collection[str] = (), monotonic: Callable[[], float] = time.monotonic) -> None:
        """`paced` events are let through: who logs them keeps count, by a clock that may run faster."""
        super().__init__()
        self._paced = frozenset(paced)
        self._monotonic = monotonic
        self._written: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.msg in self._paced:
            return True
        key = (record.name, str(record.msg))
        now = self._monotonic()
        since, lines = self._written.get(key, (now, 0))
        if now - since >= PER_SECONDS:
            if lines > MOST_LINES:
                record.left_out = lines - MOST_LINES
            since, lines = now, 0
        self._written[key] = (since, lines + 1)
        return lines < MOST_LINES


def start(level: int = logging.INFO, *, paced: Collection[str] = ()) -> None:
    """Send the agent's log lines to stderr; `paced` as for Limit."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    handler.addFilter(Limit(paced=paced))
    logging.basicConfig(level=level, handlers=[handler], force=True)
