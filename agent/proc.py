"""Reading the kernel's text files: opened once, read again from the start each time."""

import os
from pathlib import Path

_CHUNK = 65536


class ProcFile:
    """A file under /proc or /sys that is read again and again.

    Keeping it open saves the path walk and two system calls a read; reading at an offset makes the kernel produce
    the text anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def read(self) -> str:
        """The whole present text. Raises OSError naming the path."""
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        chunks = []
        offset = 0
        while chunk := os.pread(self._descriptor, _CHUNK, offset):
            chunks.append(chunk)
            offset += len(chunk)
        return b"".join(chunks).decode("ascii", "replace")

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
