"""How well the clock is kept, as the kernel knows from whoever keeps it: adjtimex(2), which anyone may read with."""

import ctypes
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from agent.context import Context
from agent.sample import SELDOM, NoData, Sample
from core.catalogue import host

# include/uapi/linux/timex.h
_STA_UNSYNC, _STA_NANO = 0x0040, 0x2000
_TIME_ERROR = 5


class Timex(ctypes.Structure):
    """struct timex, as far as it is read; the kernel writes all of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


@dataclass(frozen=True, slots=True)
class Keeping:
    """Microseconds: how far off the clock is being corrected, and how far it may be off at most."""

    offset: float
    error: float
    synchronised: bool


def interpret(timex: Timex, state: int) -> Keeping:
    """The kernel's answer. The offset is in nanoseconds where the status says so."""
    return Keeping(
        offset=timex.offset / 1000 if timex.status & _STA_NANO else float(timex.offset),
        error=float(timex.maxerror),
        synchronised=state != _TIME_ERROR and not timex.status & _STA_UNSYNC,
    )


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def ask_kernel() -> Keeping:
    """adjtimex(2) without modes, which changes nothing. Raises OSError."""
    timex = Timex()
    state = _library().adjtimex(ctypes.byref(timex))
    if state < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "adjtimex")
    return interpret(timex, state)


class Timekeeping:
    """Silent where the kernel does not let it be asked, as in some sandboxes."""

    def __init__(self, context: Context, ask: Callable[[], Keeping] = ask_kernel) -> None:  # noqa: ARG002
        self._ask = ask

    def collect(self) -> Iterator[Sample]:
        """Offset, bound of the error, and whether anybody keeps the clock."""
        try:
            keeping = self._ask()
        except (OSError, AttributeError):
            raise NoData(SELDOM) from None
        yield Sample(host.CLOCK_OFFSET, keeping.offset)
        yield Sample(host.CLOCK_ERROR, keeping.error)
        yield Sample(host.CLOCK_SYNCHRONISED, keeping.synchronised)
