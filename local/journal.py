"""What happened in the embedded AWS, in order: the demo's terminal, the viewer and tests read it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

Facts = dict[str, object]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `kind` is alarm, rule, function, message, refused or fault; `facts` are JSON-able."""

    time: datetime
    kind: str
    facts: Facts


class Journal:
    """An append-only list of entries; safe to read while services write."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """`now` is the clock's."""
        self._now = now
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def record(self, kind: str, **facts: object) -> None:
        """Append an entry at the present instant."""
        with self._lock:
            self._entries.append(Entry(self._now(), kind, facts))

    def since(self, position: int) -> tuple[Entry, ...]:
        """The entries from `position` on; the next position is `position` plus their number."""
        with self._lock:
            return tuple(self._entries[position:])
