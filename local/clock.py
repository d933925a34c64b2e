"""One clock and one queue of due work for the whole embedded AWS: deterministic, because nothing else decides order."""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum


class Order(IntEnum):
    """What runs first among things due at the same instant."""

    DATUMS = 0
    EVALUATION = 1
    ACTIONS = 2
    SCHEDULES = 3
    DELIVERIES = 4


@dataclass(order=True, slots=True)
class _Due:
    at: datetime
    order: Order
    number: int
    work: Callable[[], object] = field(compare=False)


class Clock:
    """Virtual time. It stands still except inside `run_until`, which moves it from one due instant to the next.

    `schedule` may be called from any thread; due work runs on the one thread that calls `run_until`. Work scheduled
    for the past or present runs at the present instant.
    """

    def __init__(self, start: datetime) -> None:
        """`start` is an aware UTC datetime."""
        if start.tzinfo is None:
            raise ValueError("the clock's start must be an aware datetime (UTC)")
        self._now = start
        self._numbers = itertools.count()
        self._due: list[_Due] = []
        self._lock = threading.Lock()
        self._running = threading.Lock()
        self._runner = 0

    def now(self) -> datetime:
        """The present virtual instant, UTC."""
        return self._now

    def schedule(self, at: datetime, work: Callable[[], object], order: Order = Order.DELIVERIES) -> None:
        """Run `work` when the clock reaches `at`."""
        with self._lock:
            heapq.heappush(self._due, _Due(max(at, self._now), order, next(self._numbers), work))

    def every(
        self, period: timedelta, work: Callable[[], object], *, first: datetime, order: Order = Order.SCHEDULES
    ) -> Callable[[], None]:
        """Run `work` at `first` and each `period` after it, until the returned function is called."""
        stopped = threading.Event()

        def run(at: datetime) -> None:
            if stopped.is_set():
                return
            self.schedule(at + period, lambda: run(at + period), order)
            work()

        self.schedule(first, lambda: run(first), order)
        return stopped.set

    def run_until(self, instant: datetime) -> None:
        """Run everything due up to and including `instant`, in order, and leave the clock there.

        Work that comes due meanwhile runs too. Callers on other threads take turns. Raises RuntimeError when called
        from within due work, and what a piece of due work raises; what else was due then stays due.
        """
        with self._turn():
            self._run(instant)

    def advance(self, by: timedelta) -> datetime:
        """Run everything due in the next `by`, counted from when this caller's turn comes; returns the new now."""
        with self._turn():
            self._run(self._now + by)
            return self._now

    def restart(self, at: datetime) -> None:
        """Stand at `at`, earlier or later, with nothing due; waits for work that is running."""
        with self._turn(), self._lock:
            self._due.clear()
            self._now = at

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._runner == threading.get_ident():
            raise RuntimeError("due work tried to move the clock; it must schedule work instead")
        with self._running:
            self._runner = threading.get_ident()
            try:
                yield
            finally:
                self._runner = 0

    def _run(self, instant: datetime) -> None:
        while (due := self._pop(instant)) is not None:
            self._now = max(self._now, due.at)
            due.work()
        self._now = max(self._now, instant)

    def settle(self) -> None:
        """Run everything that is due now without moving the clock."""
        self.run_until(self._now)

    def _pop(self, instant: datetime) -> _Due | None:
        with self._lock:
            if self._due and self._due[0].at <= instant:
                return heapq.heappop(self._due)
            return None
