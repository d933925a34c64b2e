"""Less memory for a process that lives long and does little."""

import ctypes
from contextlib import suppress

_ARENA_MAX = -8
"""M_ARENA_MAX of glibc's malloc.h."""


def keep_small() -> None:
    """One heap for all threads, which rarely work at the same time: else each keeps one of its own. glibc only."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
