"""One durable sink as the delivery sees it: its pace, what it refuses, its clock, and what was said of it."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from agent.clock import Clock
from agent.held import Piece
from agent.pace import Pace
from agent.packing import Entry
from agent.sample import Datum
from agent.sinks import Durable

log = logging.getLogger("agent.delivery")

FUTURE = timedelta(hours=2) - timedelta(minutes=15)
"""PutMetricData takes nothing two hours from its now, which is known as well as signatures tell it: to 15 minutes."""
CLOCK_SET = timedelta(minutes=1)
"""What the machine's clock moves against its monotonic one when it is set, rather than slewed."""
REPEAT_LOG_SECONDS = 300.0
SENT_LOG_SECONDS = 50.0
PATIENCE = 24
"""So many refusals find a few bad datums at the front of any request."""
_THOROUGH = frozenset(4**power for power in range(1, 10))
MOST_SUSPECTS = 4
"""Requests begin with the oldest window or the newest: more are not looked at alternately."""

SENT = "windows sent"
"""Logged with the `start` of the newest whole window that a sink has, once for each, and now and then meanwhile."""


class Lane:
    """From the delivering thread only."""

    def __init__(self, sink: Durable, clock: Clock) -> None:
        self.sink = sink
        self.pace = Pace()
        self.requests = 0
        self.searching = False
        """What spoils a request of it is being sought: no other is made meanwhile."""
        self.quiet = False
        """Trouble is not logged: the caller tells of it."""
        self._clock = clock
        self._learned = self._set_at()
        self._takes = 0
        self._fruitless = 0
        self._suspects: dict[tuple[datetime, Datum], int] = {}
        self._in_trouble = False
        self._logged_at = float("-inf")
        self._sent_at = float("-inf")
        self._sent = 0
        self._newest: datetime | None = None

    def latest(self) -> datetime:
        """What begins later than this, by this machine's clock, the sink would not take yet.

        By the sink's own clock, as far as it was learned since this machine's was last set.
        """
        known = abs(self._set_at() - self._learned) <= CLOCK_SET
        return self._clock.now() + (self.sink.skew if known else timedelta()) + FUTURE

    def due(self, entries: Sequence[Entry]) -> bool:
        """Whether the sink, which just judged a request of these entries, takes windows as late as theirs.

        It did not refuse the signature's time, so what is known of its clock, perhaps only since then, is right.
        """
        self._learned = self._set_at()
        latest = self.latest()
        return all(entry.held.start <= latest for entry in entries)

    def taken(self) -> None:
        """The sink took a request."""
        self._learned = self._set_at()
        self.pace.taken()
        self._takes += 1
        self._fruitless = 0

    def patience(self) -> float:
        """How many refusals in a row, before anything of a request is taken, end the search for what spoils it.

        A sink that refuses all would be asked two times a datum. So most searches are short; only the 4th, the 16th
        and so on, since it took something, go through the whole request.
        """
        self._fruitless += 1
        return float("inf") if self._fruitless in _THOROUGH else PATIENCE

    def convicts(self, entry: Entry) -> bool:
        """Whether the entry, refused alone while nothing beside it was taken, is itself the reason.

        It is where the sink has taken something else since it refused the same before.
        """
        if entry.item is None:
            return True
        suspect = (entry.held.start, entry.item.datum)
        takes = self._suspects.setdefault(suspect, self._takes)
        while len(self._suspects) > MOST_SUSPECTS:
            del self._suspects[next(iter(self._suspects))]
        if takes == self._takes:
            return False
        self._suspects.pop(suspect, None)
        return True

    def tell_sent(self, pieces: Sequence[Piece], *, waiting: int) -> None:
        """Log, where it is time to, that the sink has the pieces; `waiting` windows are left."""
        now = self._clock.monotonic()
        before = self._newest
        self._sent += len(pieces)
        self._newest = max((*_whole(pieces), *([before] if before else [])), default=None)
        if self._newest != before or self._in_trouble or now - self._sent_at >= SENT_LOG_SECONDS:
            facts = {
                "start": self._newest.isoformat() if self._newest else "none",
                "sink": self.sink.name,
                "windows": self._sent,
                "waiting": waiting,
            }
            log.info(SENT, extra=facts)
            self._sent, self._sent_at = 0, now
        self._in_trouble, self._logged_at = False, float("-inf")

    def complain(self, reason: str, *, waiting: int) -> None:
        """Log, where it is time to, why a request was not taken."""
        self._in_trouble = True
        now = self._clock.monotonic()
        if not self.quiet and now - self._logged_at >= REPEAT_LOG_SECONDS:
            self._logged_at = now
            log.warning("windows not sent", extra={"sink": self.sink.name, "waiting": waiting, "reason": reason})

    def _set_at(self) -> datetime:
        """Stays the same until the machine's clock is set."""
        return self._clock.now() - timedelta(seconds=self._clock.monotonic())


def _whole(pieces: Sequence[Piece]) -> list[datetime]:
    """The starts of the windows that the pieces end; what went ahead of its window with a fault is none."""
    return [
        piece.held.start
        for piece in pieces
        if piece.upto >= len(piece.held.datums) and not all(datum.is_fault for datum in piece.held.datums)
    ]
