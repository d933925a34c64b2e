"""What one request carries: as many waiting windows as the sink's limits allow, the last in part if need be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec

from agent.held import Held, Piece
from agent.sample import Datum
from agent.sinks import Durable, Item, Unfit
from agent.spool import Spool

LOOK_AHEAD = 100
"""So many waiting windows are looked at for one request."""
MOST_APART = timedelta(hours=23)
"""A request's windows lie closer together than a day, as PutLogEvents demands; to the others it makes no difference."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One item of a request; once it is settled the cursor of its window stands at `upto`.

    `unfit` are datums before it, or behind it at the window's end, that the sink would never take, each with why. An
    entry without an item is the end of a window in which nothing is for the sink.
    """

    held: Held
    item: Item | None
    upto: int
    unfit: tuple[tuple[Datum, str], ...] = ()

    def refused(self, reason: str) -> "Entry":
        """The same with its own datum unfit too."""
        datum = self.held.datums[self.upto - 1] if self.item is None else self.item.datum
        return msgspec.structs.replace(self, unfit=(*self.unfit, (datum, reason)))


@dataclass(frozen=True, slots=True)
class Batch:
    """The entries of a request, and those of windows in which nothing is for the sink."""

    entries: tuple[Entry, ...]
    done: tuple[Entry, ...]


class _Room:
    """What a request still has room for."""

    def __init__(self, sink: Durable) -> None:
        self._entries = sink.max_entries
        self._bytes = sink.max_bytes
        self._between = sink.between_bytes
        self._first: datetime | None = None
        self._last: datetime | None = None

    def take(self, item: Item) -> bool:
        size = len(item.data) + self._between
        first, last = min(item.start, self._first or item.start), max(item.start, self._last or item.start)
        if item.entries > self._entries or size > self._bytes or last - first > MOST_APART:
            return False
        self._first, self._last = first, last
        self._entries -= item.entries
        self._bytes -= size
        return True


def gather(spool: Spool, sink: Durable, *, newest_first: bool, latest: datetime) -> Batch | None:
    """The next request; None where nothing waits. Windows that begin after `latest` go on waiting."""
    entries: list[Entry] = []
    done: list[Entry] = []
    room = _Room(sink)
    for number in spool.waiting(sink.name, newest_first=newest_first, limit=LOOK_AHEAD):
        held = spool.load(sink.name, number)
        if held is None or held.start > latest:
            continue
        found, whole = pack(held, sink, room, alone=not entries)
        if found and found[-1].item is None:
            done += found
        else:
            entries += found
        if not whole:
            break
    return Batch(tuple(entries), tuple(done)) if entries or done else None


def pack(held: Held, sink: Durable, room: _Room, *, alone: bool) -> tuple[list[Entry], bool]:
    """What is left of the window, as far as there is room, and whether that is all of it.

    `alone`: nothing else is in the request, so that what finds no room now never will.
    """
    entries: list[Entry] = []
    unfit: list[tuple[Datum, str]] = []
    for index in range(held.done, len(held.datums)):
        datum = held.datums[index]
        try:
            item = sink.item(held.start, held.length, datum)
        except Unfit as reason:
            unfit.append((datum, str(reason)))
            continue
        if item is None:
            continue
        if room.take(item):
            entries.append(Entry(held, item, index + 1, tuple(unfit)))
            unfit = []
        elif alone and not entries:
            unfit.append((datum, "larger than a request may be"))
        else:
            return entries, False
    if not entries:
        return [Entry(held, None, len(held.datums), tuple(unfit))], True
    entries[-1] = msgspec.structs.replace(entries[-1], upto=len(held.datums), unfit=(*entries[-1].unfit, *unfit))
    return entries, True


def pieces_of(entries: Sequence[Entry]) -> list[Piece]:
    """The entries by window, each up to its last."""
    pieces = {entry.held.number: Piece(entry.held, entry.upto) for entry in entries}
    return list(pieces.values())


def renewed(spool: Spool, sink: str, entries: Sequence[Entry]) -> list[Entry]:
    """The entries with the cursors of their windows as they stand now."""
    cursors: dict[int, Held] = {}
    for entry in entries:
        held = entry.held
        if held.number not in cursors:
            now = spool.load(sink, held.number) or held
            cursors[held.number] = replace(held, done=now.done, tried=now.tried)
    return [msgspec.structs.replace(entry, held=cursors[entry.held.number]) for entry in entries]
