"""Reading the kernel's text files: opened once, read again from the start each time."""

import os
from pathlib import Path

_CHUNK = 65536


class ProcFile:
    """A file under /proc or /sys that is read again and again.

    Keeping it open saves the path walk and two system calls a read; reading at an offset makes the kernel produce
    the text anew. `at_once` is for files that the kernel hands over whole in one read (seq_file's single_open): such a
    file is not asked whether there is more.
    """

    def __init__(self, path: Path, *, at_once: bool = False, most: int = _CHUNK) -> None:
        """`most` bytes are asked for at a time: for a file of /proc/sys the kernel clears as many."""
        self._path = path
        self._descriptor = -1
        self._at_once = at_once
        self._most = most

    def read(self) -> str:
        """The whole present text. Raises OSError naming the path."""
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        text = chunk = os.pread(self._descriptor, self._most, 0)
        while chunk and (len(chunk) == self._most or not self._at_once):
            chunk = os.pread(self._descriptor, self._most, len(text))
            text += chunk
        return text.decode("ascii", "replace")

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
