"""The file of `mlwarden serve --store`: read at the start, written at the end and when the control route asks."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.errors import CommandError
from local import control, keep, storefile
from local.keep import Contents
from local.storefile import DamagedError
from local.world import World


class Store:
    """What outlives a run, in a file. A damaged file is set aside and named on stderr, and the run goes on empty."""

    def __init__(self, path: Path) -> None:
        """Raises CommandError for a path where no file can be."""
        if path.is_dir() or not path.absolute().parent.is_dir():
            wrong = "is a folder" if path.is_dir() else f"is in {path.parent}, which is no folder"
            raise CommandError(f"--store {path} {wrong}; a file in an existing folder would be right")
        self._path = path

    def load(self) -> Contents | None:
        """What the file holds; None where it is not there or damaged. Raises CommandError where it cannot be read."""
        try:
            return keep.load(self._path)
        except DamagedError as damage:
            self._set_aside(damage)
        except OSError as error:
            raise CommandError(f"--store {self._path}: {error.strerror or error}") from error
        return None

    def restore(self, world: World, contents: Contents) -> None:
        """Give a fresh world what the file held."""
        try:
            keep.restore(world, contents)
        except DamagedError as damage:
            self._set_aside(damage)

    def keep(self, world: World) -> dict[str, Any]:
        """Write the file; where, and how many bytes. Raises control.Refused where it cannot be written."""
        try:
            return {"store": str(self._path.absolute()), "bytes": keep.save(world, self._path)}
        except OSError as error:
            raise control.Refused(f"{self._path} could not be written: {error.strerror or error}", 500) from error

    def save(self, world: World) -> int:
        """Write the file at the end of a run; the exit status."""
        try:
            self.keep(world)
        except control.Refused as refused:
            print(f"mlwarden: --store: {refused}; what was there before is still there", file=sys.stderr, flush=True)
            return 1
        return 0

    def _set_aside(self, damage: DamagedError) -> None:
        if not self._path.exists():
            return
        aside = storefile.set_aside(self._path, datetime.now(UTC))
        line = f"mlwarden: the store {self._path} is set aside as {aside.name}: {damage}; the run starts empty"
        print(line, file=sys.stderr, flush=True)
