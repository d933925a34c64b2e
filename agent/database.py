"""One SQLite file with a write-ahead log, used from several threads: short transactions, and errors told apart."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE_BYTES = 4096
CACHE_KIBIBYTES = 256
CHECKPOINT_COMMITS = 64
"""After so many the log, a MB or so, is moved into the file and begun anew."""


class SpoolError(Exception):
    """The disk does not take or give what is asked: full, read-only, failing, locked. The text says which and where."""


class CorruptError(SpoolError):
    """The file is no spool, or a damaged one."""


class Database:
    """A file, or memory, with a table `count` of names and numbers.

    Every call raises SpoolError, or CorruptError where the file must be set aside.
    """

    def __init__(self, path: Path | None, *, schema: str, version: int) -> None:
        """`path` None: in memory. The schema is applied to a new file; one of another version raises CorruptError."""
        self.path = path
        self._lock = threading.RLock()
        self._commits = 0
        with self._guarded():
            self._database = sqlite3.connect(
                str(path or ":memory:"), timeout=5, isolation_level=None, check_same_thread=False, cached_statements=32
            )
            try:
                self._open(schema, version)
            except BaseException:
                self._database.close()
                raise

    def used(self) -> int:
        """Bytes in use in the file."""
        pages, free = self._read("PRAGMA page_count", ())[0][0], self._read("PRAGMA freelist_count", ())[0][0]
        return int(pages - free) * PAGE_BYTES

    def counts(self) -> dict[str, int]:
        """What happened to windows and datums in this spool's life, by name; what never happened is not there."""
        return dict(self._read("SELECT name, value FROM count ORDER BY name", ()))

    def count(self, name: str, more: int = 1) -> None:
        """Add to one of the counts."""
        with self._transaction():
            self._count(name, more)

    def checkpoint(self, *, now: bool = False) -> None:
        """Move the log into the file once it has grown; apart from commits, because it waits for the disk."""
        if self.path is None or (self._commits < CHECKPOINT_COMMITS and not now):
            return
        self._commits = 0
        with self._guarded():
            # A connection of its own: commits go on meanwhile.
            other = sqlite3.connect(str(self.path), timeout=0, isolation_level=None)
            try:
                other.execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                other.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _open(self, schema: str, version: int) -> None:
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        found = self._database.execute("PRAGMA user_version").fetchone()[0]
        if found == 0 and not self._database.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._database.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {version}; COMMIT;")
        elif found != version:
            raise CorruptError(f"{self.path}: version {found} of the spool, not {version}")
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute("PRAGMA wal_autocheckpoint = 0")

    def _committed(self) -> None:
        """A transaction is stored."""

    def _rolled_back(self) -> None:
        """A transaction is not stored, nor anything of it."""

    def _count(self, name: str, more: int) -> None:
        if more:
            self._database.execute(
                "INSERT INTO count VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = value + ?2", (name, more)
            )

    def _read(self, statement: str, arguments: tuple[object, ...]) -> list[tuple]:  # type: ignore[type-arg]
        with self._lock, self._guarded():
            return self._database.execute(statement, arguments).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._guarded():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
                self._committed()
            except BaseException:
                self._rolled_back()
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
            self._commits += 1

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            damaged = code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
            kind = CorruptError if damaged and self.path is not None else SpoolError
            raise kind(f"{self.path or 'memory'}: {error}") from None
