"""Where windows wait: the spool on disk, and memory for as long as the disk takes nothing."""

import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from agent.clock import Clock
from agent.database import CorruptError, SpoolError
from agent.record import RecordError
from agent.sample import Window
from agent.spool import FILE, Spool

log = logging.getLogger(__name__)

MEMORY_BYTES = 4 << 20
"""What may wait in memory: about an hour of a large host's windows."""
OLDEST = timedelta(days=14) - timedelta(hours=1)
"""PutMetricData takes nothing older than two weeks; the hour is for clocks."""
RESERVED_BYTES = 256 << 20
RESERVED_SHARE = 20
"""Where less than this is free, 256 MiB or a 20th of the disk if that is less, the spool keeps to what it was.

To what it was when that was first seen, that is, but to no less than memory would hold.
"""
TEND_SECONDS = 30.0
LIMITS_SECONDS = 300.0
"""A window takes some kilobytes, so the limits are not reached in between."""
REPEAT_LOG_SECONDS = 300.0


class Occupied(Exception):
    """Another agent has the folder."""


class Store:
    """One spool for all durable sinks. `add` from the sampling thread, the rest from the delivering one."""

    def __init__(
        self,
        folder: Path | None,
        *,
        sinks: Sequence[str],
        limit_bytes: int,
        clock: Clock,
        free: Callable[[Path], tuple[int, int]] | None = None,
    ) -> None:
        """`folder` None: in memory alone. `free` gives a folder's disk's size and free bytes. Raises Occupied."""
        self._folder = folder
        self._sinks = sinks
        self._limit = limit_bytes
        self._clock = clock
        self._free = free or _free
        self._lock = threading.RLock()
        self._held: int | None = None
        self._memory = Spool(None, sinks=sinks)
        self._disk: Spool | None = None
        self._in_memory = False
        self._cramped: int | None = None
        """What the spool used when room ran short, for as long as it is."""
        self._tended = float("-inf")
        self._limited = float("-inf")
        self._logged = float("-inf")
        if folder is not None:
            try:
                self._mend()
            except Occupied:
                self._memory.close()
                raise

    @property
    def spools(self) -> Iterator[Spool]:
        """What may hold windows, the newest first."""
        if self._in_memory or self._folder is None:
            yield self._memory
        if self._disk is not None:
            yield self._disk

    def add(self, window: Window) -> None:
        """Commit the window to disk; to memory where the disk does not take it."""
        with self._lock:
            if self._disk is not None:
                try:
                    self._disk.add(window)
                    return
                except SpoolError as error:
                    self.failed(error)
            self._memory.add(window)
            self._in_memory = True

    def failed(self, error: SpoolError) -> None:
        """A spool's call failed: a damaged file is set aside, anything else may pass."""
        with self._lock:
            if isinstance(error, CorruptError) and self._disk is not None:
                self._disk.close()
                self._disk = None
                try:
                    self._set_aside(error)
                except OSError as kept:  # the folder is read-only too
                    self._complain(kept)
                self._tended = float("-inf")
            self._complain(error)

    def lost(self) -> None:
        """Count a window that could not be held: one that no record can be made of."""
        with self._lock:
            self._memory.count("windows_lost")

    def tend(self) -> None:
        """Go back to the disk; now and then drop what no sink would take any more, and keep within the limits."""
        now = self._clock.monotonic()
        if now - self._tended < TEND_SECONDS:
            return
        self._tended = now
        if self._folder is not None and (self._disk is None or self._in_memory):
            with self._lock:
                self._mend()
        if now - self._limited < LIMITS_SECONDS:
            return
        self._limited = now
        for spool in self.spools:
            try:
                self._keep_within_limits(spool)
            except SpoolError as error:
                self.failed(error)
            except OSError as error:  # what is free cannot be told
                self._complain(error)

    def depth(self, sink: str) -> int:
        """How many windows wait for the sink."""
        return sum(spool.depth(sink) for spool in self.spools)

    def counts(self) -> dict[str, int]:
        """What happened to windows and datums, by name."""
        total: dict[str, int] = {}
        for spool in (self._memory, self._disk):
            for name, count in spool.counts().items() if spool is not None else ():
                total[name] = total.get(name, 0) + count
        return total

    def close(self) -> None:
        """Close the files and give up the folder."""
        with self._lock:
            self._memory.close()
            if self._disk is not None:
                self._disk.close()
            if self._held is not None:
                os.close(self._held)
                self._held = None

    def _mend(self) -> None:
        """Open the disk's spool if it is not, and bring there what waits in memory."""
        folder = self._folder
        if folder is None:
            return
        try:
            if self._disk is None:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._claim(folder)
                self._disk = self._open(folder)
            if self._in_memory:
                self._disk.checkpoint(now=True)  # which gives back the log's room
                moved = self._memory.move_to(self._disk)
                for name, count in self._memory.counts().items():
                    self._disk.count(name, count)
                self._memory.close()
                self._memory = Spool(None, sinks=self._sinks)
                self._in_memory = False
                self._logged = float("-inf")
                log.info("windows wait on disk again", extra={"folder": folder, "windows": moved})
        except (SpoolError, RecordError, OSError) as error:
            self._complain(error)

    def _claim(self, folder: Path) -> None:
        if self._held is not None:
            return
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise Occupied(f"state_dir: {folder} is another agent's (process {other or 'unknown'})") from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._held = descriptor

    def _open(self, folder: Path) -> Spool:
        try:
            return Spool(folder / FILE, sinks=self._sinks)
        except CorruptError as error:
            self._set_aside(error)
            return Spool(folder / FILE, sinks=self._sinks)

    def _set_aside(self, error: CorruptError) -> None:
        """Rename a damaged file, so that it can be looked at, and forget the one before it."""
        if self._folder is None:
            return
        for old in self._folder.glob(f"{FILE}.corrupt-*"):
            old.unlink(missing_ok=True)
        aside = self._folder / f"{FILE}.corrupt-{self._clock.now():%Y%m%dT%H%M%SZ}"
        (self._folder / FILE).rename(aside)
        for suffix in ("-wal", "-shm"):
            (self._folder / f"{FILE}{suffix}").unlink(missing_ok=True)
        self._memory.count("spools_set_aside")
        log.error("spool set aside", extra={"file": aside, "error": str(error)})

    def _keep_within_limits(self, spool: Spool) -> None:
        expired = spool.expire(self._clock.now() - OLDEST)
        if expired:
            log.warning("windows dropped: older than two weeks", extra={"windows": expired})
        used = spool.used()
        limit = MEMORY_BYTES if spool.path is None else min(self._limit, self._room(spool.path.parent, used))
        if used > limit:
            before = spool.counts()
            spool.shrink(limit)
            changed = {name: count - before.get(name, 0) for name, count in spool.counts().items()}
            facts = {name: count for name, count in changed.items() if count}
            log.warning("oldest windows cut down: spool is full", extra={"limit_bytes": limit, **facts})
        spool.checkpoint()

    def _room(self, folder: Path, used: int) -> int:
        """How large the disk has room for, of which so many bytes are used."""
        size, free = self._free(folder)
        if free >= min(RESERVED_BYTES, size // RESERVED_SHARE):
            self._cramped = None
            return self._limit
        if self._cramped is None:
            self._cramped = max(used, MEMORY_BYTES)
        return self._cramped

    def _complain(self, error: Exception) -> None:
        now = self._clock.monotonic()
        if now - self._logged >= REPEAT_LOG_SECONDS:
            self._logged = now
            log.error("disk does not take windows: they wait in memory", extra={"error": str(error)})


def _free(folder: Path) -> tuple[int, int]:
    disk = os.statvfs(folder)
    return disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
