"""Windows waiting on disk for the sinks: SQLite with a write-ahead log, so that what is committed outlives kill -9.

A power cut may take the last commits: the log is not synchronised on each. The same class over `:memory:` holds what a
full or read-only disk does not take.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.database import Database
from agent.held import Held, Piece
from agent.record import RecordError, decode, encode
from agent.sample import Datum, Window
from agent.series import SeriesNumbers
from agent.spool_schema import SCHEMA, VERSION

log = logging.getLogger(__name__)

FILE = "spool.db"
DEGRADED_AT_ONCE = 60
MOST_QUARANTINED = 100
MOST_SERIES = 5000
"""So many are remembered while no window waits: those of pods and jobs come and go, and none comes back."""

_WHOLE, _SETS, _FAULTS = 0, 1, 2  # the column `form`


class Spool(Database):
    """One database. May be used from several threads: each call is one short transaction.

    Every call raises SpoolError, or CorruptError where the file must be set aside.
    """

    def __init__(self, path: Path | None, *, sinks: Sequence[str]) -> None:
        """`path` None: in memory. `sinks` are the cursors; what waits for others is given up and counted."""
        self._series = SeriesNumbers()
        self._emptied: SeriesNumbers | None = None
        """What takes its place once the transaction is stored in which the series are deleted."""
        self._latest: tuple[int, tuple[Datum, ...]] | None = None
        """The window that was added last, which is asked for at once and need not be decoded for that."""
        super().__init__(path, schema=SCHEMA, version=VERSION)
        try:
            with self._transaction():
                if not self._database.execute("SELECT 1 FROM window LIMIT 1").fetchone():
                    self._database.execute("DELETE FROM series")
            self._series = SeriesNumbers(self._read("SELECT id, text FROM series", ()))
            self._sinks = self._claim(sinks)
        except BaseException:
            self.close()
            raise

    def add(self, window: Window) -> None:
        """Commit a window; it waits for every sink from now on."""
        with self._lock:
            number = self.adopt(int(window.start.timestamp()), int(window.length.total_seconds()), window.datums, {})
            self._latest = (number, window.datums)

    def adopt(
        self, start: int, seconds: int, datums: Iterable[Datum], cursors: dict[str, tuple[int, int]] | None
    ) -> int:
        """Commit a window with the (done, tried) of each sink it waits for; without `cursors` it waits for all.

        Returns its number, 0 for a window without datums, which is not kept.
        """
        with self._transaction():
            rows = [self._series.row(datum) for datum in datums]
            if not rows:
                return 0
            self._database.executemany("INSERT INTO series VALUES (?, ?)", self._series.fresh)
            cursor = self._database.execute(
                "INSERT INTO window (start, seconds, record) VALUES (?, ?, ?)", (start, seconds, encode(rows))
            )
            self._database.executemany(
                "INSERT INTO waiting VALUES (?, ?, ?, ?)",
                [
                    (number, cursor.lastrowid, *(cursors or {}).get(name, (0, 0)))
                    for name, number in self._sinks.items()
                    if not cursors or name in cursors
                ],
            )
        return cursor.lastrowid or 0

    def waiting(self, sink: str, *, newest_first: bool, limit: int) -> list[int]:
        """The numbers of the windows that wait for the sink."""
        order = "DESC" if newest_first else "ASC"
        found = self._read(
            f"SELECT window FROM waiting WHERE sink = ? ORDER BY window {order} LIMIT ?",  # noqa: S608  two words
            (self._sinks[sink], limit),
        )
        return [number for (number,) in found]

    def depth(self, sink: str) -> int:
        """How many windows wait for the sink."""
        return int(self._read("SELECT count(*) FROM waiting WHERE sink = ?", (self._sinks[sink],))[0][0])

    def load(self, sink: str, number: int) -> Held | None:
        """One window as it waits; None where it does not, or its record is damaged: then it is dropped and counted."""
        with self._lock:
            latest = self._latest
            found = self._read(
                "SELECT start, seconds, record, done, tried FROM window JOIN waiting ON waiting.window = window.id "
                "WHERE window.id = ? AND sink = ?",
                (number, self._sinks[sink]),
            )
        if not found:
            return None
        start, seconds, record, done, tried = found[0]
        try:
            if latest is not None and latest[0] == number:
                datums = latest[1]
            else:
                datums = tuple(self._series.datum(row) for row in decode(record))
        except RecordError:
            with self._transaction():
                self._drop([number], "windows_damaged")
            return None
        return Held(number, datetime.fromtimestamp(start, UTC), timedelta(seconds=seconds), datums, done, tried)

    def attempt(self, sink: str, pieces: Sequence[Piece], *, refused: bool = False) -> int:
        """Commit that the pieces are about to be sent; returns how many of them may have been received before.

        `refused`: none was, whatever of their windows behind them may have been.
        """
        again = 0 if refused else sum(piece.held.tried > piece.held.done for piece in pieces)
        with self._transaction():
            self._database.executemany(
                "UPDATE waiting SET tried = max(tried, ?) WHERE sink = ? AND window = ?",
                [(piece.upto, self._sinks[sink], piece.held.number) for piece in pieces],
            )
            self._count("resends", again)
        return again

    def not_taken(self, sink: str, pieces: Sequence[Piece]) -> None:
        """The attempt was answered with no, or never left: nothing of it was received."""
        with self._transaction():
            self._database.executemany(
                "UPDATE waiting SET tried = ? WHERE sink = ? AND window = ?",
                [(piece.held.tried, self._sinks[sink], piece.held.number) for piece in pieces],
            )

    def taken(self, sink: str, pieces: Sequence[Piece], quarantined: Sequence[tuple[Held, Datum, str]] = ()) -> None:
        """The sink has the pieces, or they were set aside: its cursor moves on, and what no sink awaits goes."""
        number = self._sinks[sink]
        whole = [piece.held.number for piece in pieces if piece.upto >= len(piece.held.datums)]
        part = [piece for piece in pieces if piece.upto < len(piece.held.datums)]
        with self._transaction():
            self._database.executemany(
                "DELETE FROM waiting WHERE sink = ? AND window = ?", [(number, one) for one in whole]
            )
            self._database.executemany(
                "UPDATE waiting SET done = ?, tried = ? WHERE sink = ? AND window = ?",
                [(piece.upto, max(piece.held.tried, piece.upto), number, piece.held.number) for piece in part],
            )
            self._forget(whole)
            if quarantined:
                self._quarantine(sink, quarantined)
            self._forget_series()

    def expire(self, before: datetime) -> int:
        """Drop what began before the instant and count it; returns how many windows went."""
        with self._transaction():
            found = self._database.execute("SELECT id FROM window WHERE start < ?", (int(before.timestamp()),))
            old = [number for (number,) in found]
            if old:
                self._drop(old, "windows_expired")
        return len(old)

    def shrink(self, limit: int) -> None:
        """Where more than `limit` bytes are used, degrade the oldest windows, then drop the oldest, faults never."""
        for form in (_WHOLE, _SETS):
            while self.used() > limit:
                with self._transaction():
                    if not self._shrink_some(form):
                        break

    def quarantined(self) -> list[tuple[str, int, str, str]]:
        """The last datums that a sink refused for good: sink, start of the window, series, reason."""
        return self._read("SELECT sink, start, series, reason FROM quarantine ORDER BY id", ())

    def move_to(self, other: "Spool") -> int:
        """Hand every window over, with its cursors; returns how many. For use while nothing is under way."""
        numbers = [number for (number,) in self._read("SELECT id FROM window ORDER BY id", ())]
        for number in numbers:
            (row,) = self._read("SELECT start, seconds, record FROM window WHERE id = ?", (number,))
            cursors = {
                name: (done, tried)
                for name, done, tried in self._read(
                    "SELECT name, done, tried FROM waiting JOIN sink ON sink.id = sink WHERE window = ?", (number,)
                )
            }
            other.adopt(row[0], row[1], [self._series.datum(one) for one in decode(row[2])], cursors)
            other.checkpoint()
            with self._transaction():
                self._database.execute("DELETE FROM waiting WHERE window = ?", (number,))
                self._forget([number])
        return len(numbers)

    def _committed(self) -> None:
        if self._emptied is not None:
            self._series, self._emptied = self._emptied, None
        self._series.keep()

    def _rolled_back(self) -> None:
        self._emptied = None
        self._series.forget()

    def _claim(self, sinks: Sequence[str]) -> dict[str, int]:
        with self._transaction():
            self._database.executemany("INSERT OR IGNORE INTO sink (name) VALUES (?)", [(name,) for name in sinks])
            known = dict(self._database.execute("SELECT name, id FROM sink"))
            given_up = {name: self._give_up(number) for name, number in known.items() if name not in sinks}
            if given_up:
                self._database.execute("DELETE FROM window WHERE id NOT IN (SELECT window FROM waiting)")
        for name, windows in given_up.items():
            if windows:
                facts = {"sink": name, "windows": windows}
                log.warning("windows given up: their sink is no longer in the configuration", extra=facts)
        return {name: known[name] for name in sinks}

    def _give_up(self, sink: int) -> int:
        """Forget a sink; returns how many windows waited for it."""
        windows = self._database.execute("DELETE FROM waiting WHERE sink = ?", (sink,)).rowcount
        self._database.execute("DELETE FROM sink WHERE id = ?", (sink,))
        self._count("windows_given_up", windows)
        return windows

    def _shrink_some(self, form: int) -> bool:
        """Bring the oldest windows of a form to the next; False where there are none."""
        self._latest = None
        found = self._database.execute(
            "SELECT id, start, seconds, record FROM window WHERE form = ? ORDER BY id LIMIT ?",
            (form, DEGRADED_AT_ONCE),
        ).fetchall()
        smaller = []
        for number, start, seconds, record in found:
            try:
                datums = self._less(number, form, [self._series.datum(row) for row in decode(record)])
            except RecordError:
                self._drop([number], "windows_damaged")
                continue
            if datums:
                smaller.append((number, start, seconds, form + 1, encode(self._series.row(datum) for datum in datums)))
            else:
                self._drop([number], "windows_dropped")
        # Deleted and put back: pages are given up on deletion only.
        self._database.executemany("DELETE FROM window WHERE id = ?", [(number,) for number, *_ in smaller])
        self._database.executemany("INSERT INTO window VALUES (?, ?, ?, ?, ?)", smaller)
        return bool(found)

    def _less(self, number: int, form: int, datums: list[Datum]) -> list[Datum]:
        """What is kept of a window of the form."""
        if form == _WHOLE:
            self._count("windows_degraded", 1)
            return [datum if datum.is_fault else datum.folded() for datum in datums]
        faults = [datum for datum in datums if datum.is_fault]
        if not faults or self._under_way(number):
            return datums if faults else []  # in part acknowledged: its datums must keep their places
        self._count("windows_cut_to_faults", 1)
        return faults

    def _under_way(self, number: int) -> bool:
        found = self._database.execute(
            "SELECT 1 FROM sink JOIN waiting ON sink = sink.id WHERE window = ? AND (done > 0 OR tried > 0)", (number,)
        )
        return found.fetchone() is not None

    def _drop(self, numbers: Iterable[int], why: str) -> None:
        numbers = list(numbers)
        for number in self._sinks.values():
            self._database.executemany(
                "DELETE FROM waiting WHERE sink = ? AND window = ?", [(number, one) for one in numbers]
            )
        self._forget(numbers)
        self._count(why, len(numbers))

    def _forget(self, numbers: Iterable[int]) -> None:
        """Delete those of the windows that wait for no sink."""
        self._latest = None  # another window may have its number next
        self._database.executemany(
            "DELETE FROM window WHERE id = ?1 AND NOT EXISTS "
            "(SELECT 1 FROM sink JOIN waiting ON waiting.sink = sink.id WHERE waiting.window = ?1)",
            [(number,) for number in numbers],
        )

    def _forget_series(self) -> None:
        """Begin the series anew where there are many, and no record that has their numbers."""
        if len(self._series) > MOST_SERIES and not self._database.execute("SELECT 1 FROM window LIMIT 1").fetchone():
            self._database.execute("DELETE FROM series")
            self._emptied = self._series.emptied()

    def _quarantine(self, sink: str, datums: Sequence[tuple[Held, Datum, str]]) -> None:
        self._database.executemany(
            "INSERT INTO quarantine (sink, start, series, reason) VALUES (?, ?, ?, ?)",
            [
                (sink, int(held.start.timestamp()), f"{datum.metric.name} {datum.dimensions}"[:500], reason[:500])
                for held, datum, reason in datums
            ],
        )
        self._database.execute(
            "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (MOST_QUARANTINED,)
        )
        self._count("datums_quarantined", len(datums))
