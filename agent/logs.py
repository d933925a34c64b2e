"""Log lines for a journal: one line an event, facts as key=value, on stderr."""

import logging
import sys

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """`level module: event key=value`, always one line."""
        facts = " ".join(f"{key}={value}" for key, value in vars(record).items() if key not in _STANDARD)
        line = f"{record.levelname.lower()} {record.name}: {record.getMessage()} {facts}".rstrip()
        if record.exc_info and record.exc_info[1] is not None:
            line += f" error={record.exc_info[1]!r}"
        return line.replace("\n", " ")


def start(level: int = logging.INFO) -> None:
    """Send the agent's log lines to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    logging.basicConfig(level=level, handlers=[handler], force=True)
