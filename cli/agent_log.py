"""What the running agent says of itself on its standard error, so that virtual time need not outrun it."""

import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from agent.lane import SENT
from agent.loop import FIRST_ROUND
from cli.errors import CommandError

WINDOW = timedelta(minutes=1)
"""The agent's window: what the alarms need."""
PATIENCE_SECONDS = 60.0
"""Of wall time: how long the agent may take for a start or for a window before it counts as stuck."""
KEPT_LINES = 5

_LINE = re.compile(rf"info agent\.\w+: (?P<event>{FIRST_ROUND}|{SENT}) start=(?P<start>\d\S+)")


class AgentLog:
    """Reads the agent's lines on a thread of its own, to their end, and lets others wait for what they say."""

    def __init__(self, lines: Iterable[str], *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """`lines` end when the agent does."""
        self._lines = lines
        self._patience_seconds = patience_seconds
        self._said = threading.Condition()
        self._last: deque[str] = deque(maxlen=KEPT_LINES)
        self._first: datetime | None = None
        self._sent: datetime | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="agent-log", daemon=True)
        self._thread.start()

    def wait_until_sampling(self) -> None:
        """Return once the agent has taken its first samples. Raises CommandError where it ends or is stuck."""
        with self._said:
            self._wait(lambda: self._first is not None, "did not take samples")

    def wait_before(self, instant: datetime) -> None:
        """Return once the clock may pass to `instant`, at most one window beyond its present one.

        That is when the agent has sent each window that ended a whole window before: to have closed one it has begun
        to sample the next, so no window goes without samples, and alarms miss the last one at most, whatever the
        speed. Raises CommandError where the agent ends or is stuck.
        """
        present = instant.replace(second=0, microsecond=0)
        needed = present - 2 * WINDOW
        with self._said:
            if self._first is not None and needed >= self._first:
                what = f"did not send the minute from {needed:%H:%M}"
                self._wait(lambda: self._sent is not None and self._sent >= needed, what)

    def join(self) -> None:
        """Wait until the last line is read; the agent must have ended."""
        self._thread.join()

    def _wait(self, holds: Callable[[], bool], otherwise: str) -> None:
        self._said.wait_for(lambda: self._ended or holds(), self._patience_seconds)
        if holds():
            return
        how = "ended" if self._ended else f"is stuck ({self._patience_seconds:g} s)"
        said = "; ".join(self._last) or "it said nothing"
        raise CommandError(f"the agent {how}: it {otherwise}. Its last lines: {said}")

    def _read(self) -> None:
        for line in self._lines:
            with self._said:
                self._last.append(line.strip())
                self._take(line)
                self._said.notify_all()
        with self._said:
            self._ended = True
            self._said.notify_all()

    def _take(self, line: str) -> None:
        if (found := _LINE.match(line)) is None:
            return
        start = datetime.fromisoformat(found["start"])
        if found["event"] == FIRST_ROUND:
            self._first = start
        else:
            self._sent = max(start, self._sent or start)
