"""Space on the file systems of the configured paths."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from agent.context import Context
from agent.guarded import Guarded, Stuck
from agent.sample import Sample
from core.catalogue import host

STATVFS_SECONDS = 2.0
"""How long a file system may take to answer before the others go on without it."""


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes as df counts them: `free` is what an ordinary user may still write, so total > used + free."""

    total: int
    used: int
    free: int
    inodes_free: int
    inodes_total: int

    @property
    def inodes_used_percent(self) -> float | None:
        """None for a file system that does not count inodes."""
        return 100.0 * (1 - self.inodes_free / self.inodes_total) if self.inodes_total else None

    @property
    def used_percent(self) -> float:
        """The share of what ordinary users may use at all; 0 for a file system without size."""
        return 100.0 * self.used / (self.used + self.free) if self.used + self.free else 0.0


def parse_statvfs(answer: os.statvfs_result) -> Space:
    """statvfs(3) in bytes."""
    size = answer.f_frsize
    return Space(
        total=answer.f_blocks * size,
        used=(answer.f_blocks - answer.f_bfree) * size,
        free=answer.f_bavail * size,
        inodes_free=answer.f_favail,
        inodes_total=answer.f_files,
    )


class Disk:
    """Asks each path's file system from a thread of its own: a dead network mount hangs whoever asks."""

    def __init__(self, context: Context) -> None:
        self._paths = {
            path: Guarded(
                f"statvfs {path}", partial(os.statvfs, context.disk_root + path), budget_seconds=STATVFS_SECONDS
            )
            for path in context.disk_paths
        }

    def close(self) -> None:
        """End the threads."""
        for guarded in self._paths.values():
            guarded.close()

    def collect(self) -> Iterator[Sample]:
        """Space of each path; raises what went wrong with any of them after the others were reported."""
        failures: list[OSError | Stuck] = []
        for path, guarded in self._paths.items():
            try:
                space = parse_statvfs(guarded.ask())
            except (OSError, Stuck) as error:
                failures.append(error)
                continue
            dimensions = (("path", path),)
            yield Sample(host.DISK_USED_PERCENT, space.used_percent, dimensions)
            yield Sample(host.DISK_USED, space.used, dimensions)
            yield Sample(host.DISK_FREE, space.free, dimensions)
            yield Sample(host.DISK_TOTAL, space.total, dimensions)
            yield Sample(host.DISK_INODES_FREE, space.inodes_free, dimensions)
            if space.inodes_used_percent is not None:
                yield Sample(host.DISK_INODES_USED_PERCENT, space.inodes_used_percent, dimensions)
        if failures:
            raise failures[0]
