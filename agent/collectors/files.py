"""Freshness of files: checkpoints, heartbeats, data; each asked for in a thread of its own, as its disk may hang."""

import os
from collections.abc import Callable, Iterator
from functools import partial

from agent.context import Context
from agent.guarded import Guarded, Stuck
from agent.sample import FOR_GOOD, NoData, Sample
from core.catalogue import host

STAT_SECONDS = 2.0
MOST_ENTRIES = 10_000


def newest(path: str) -> float:
    """When a file, or the newest of a folder's entries, was last written: seconds since the epoch. Raises OSError.

    Entries that are gone by the time they are asked, and links to nowhere, are none.
    """
    try:
        with os.scandir(path) as entries:
            asked = [_written(entry) for entry, _ in zip(entries, range(MOST_ENTRIES), strict=False)]
    except NotADirectoryError:
        return os.stat(path).st_mtime  # noqa: PTH116  told as text, as the configuration has it
    written = [one for one in asked if one is not None]
    if not written:
        raise FileNotFoundError(2, "the folder is empty", path)
    return max(written)


def _written(entry: os.DirEntry[str]) -> float | None:
    try:
        return entry.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None


class Files:
    """Age of each configured file, or of the newest in each configured folder."""

    def __init__(self, context: Context, look: Callable[[str], float] = newest) -> None:
        self._now = context.now
        self._files = {
            path: Guarded(f"stat {path}", partial(look, path), budget_seconds=STAT_SECONDS) for path in context.files
        }

    def close(self) -> None:
        """End the threads."""
        for guarded in self._files.values():
            guarded.close()

    def collect(self) -> Iterator[Sample]:
        """Whether each is there, and its age; raises what went wrong with any after the others were reported.

        That is Stuck for one that hangs, OSError for one that the agent may not or cannot look at: it may be there.
        """
        if not self._files:
            raise NoData(FOR_GOOD)
        failures: list[OSError | Stuck] = []
        for path, guarded in self._files.items():
            dimensions = (("file", path),)
            try:
                written = guarded.ask()
            except (FileNotFoundError, NotADirectoryError):
                yield Sample(host.FILE_MISSING, 1, dimensions)
                continue
            except (OSError, Stuck) as error:
                failures.append(error)
                continue
            yield Sample(host.FILE_MISSING, 0, dimensions)
            yield Sample(host.FILE_AGE, max(0.0, self._now().timestamp() - written), dimensions)
        if failures:
            raise failures[0]
