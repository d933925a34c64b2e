"""Unpacks deployment packages once per content, into a folder that later runs find again."""

import os
import shutil
import tempfile
import zipfile
from pathlib import Path

from local.functions.model import Code


class PackageError(ValueError):
    """A deployment package cannot be unpacked; the message names it."""


def default_cache() -> Path:
    """A folder of this user's own under the system's temporary one. Raises PackageError if someone else owns it."""
    folder = Path(tempfile.gettempdir()) / f"mlwarden-packages-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PackageError(f"{folder} belongs to another user; remove it or set TMPDIR")
    return folder


def unpacked(code: Code, cache: Path) -> Path:
    """The folder with the content of a package, unpacked if it is not there yet. Two processes may try at once."""
    target = cache / code.digest
    if target.is_dir():
        return target
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        fresh = Path(scratch) / "content"
        if code.path.is_dir():
            shutil.copytree(code.path, fresh)
        else:
            try:
                with zipfile.ZipFile(code.path) as package:
                    package.extractall(fresh)
            except (OSError, zipfile.BadZipFile) as error:
                raise PackageError(f"{code.path}: not a deployment package: {error}") from error
        try:
            fresh.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    return target
