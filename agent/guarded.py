"""A call that may hang (a driver, a dead network mount) kept off the sampling thread, never started twice."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Stuck(Exception):
    """The call has not returned in its time; it is left alone until it does."""


class Guarded(Generic[T]):
    """Runs `call` in a thread of its own and waits for it no longer than `budget_seconds`.

    While a call is stuck, asking again raises at once and nothing piles up behind it. When it returns at last its
    late value is thrown away and the next ask starts a fresh call.
    """

    def __init__(self, name: str, call: Callable[[], T], *, budget_seconds: float) -> None:
        self._name = name
        self._call = call
        self._budget_seconds = budget_seconds
        self._asks: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[T, None] | tuple[None, Exception]] = queue.SimpleQueue()
        self._waiting = False
        self._thread: threading.Thread | None = None
        self._last: Callable[[], None] = lambda: None

    def ask(self) -> T:
        """The call's value, or what it raised; Stuck when it does not return in time."""
        if self._waiting:
            try:
                self._answers.get_nowait()
            except queue.Empty:
                raise Stuck(f"{self._name} has still not returned") from None
            self._waiting = False
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._asks.put(True)
        try:
            value, error = self._answers.get(timeout=self._budget_seconds)
        except queue.Empty:
            self._waiting = True
            raise Stuck(f"{self._name} did not return within {self._budget_seconds:g} s") from None
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # without an error there is a value

    def close(self, last: Callable[[], None] = lambda: None) -> None:
        """End the thread, after `last` in it; a call that hangs is left behind and `last` with it. Does not wait."""
        if self._thread is None:
            return
        self._last = last
        self._asks.put(False)
        self._thread = None

    def _run(self) -> None:
        while self._asks.get():
            try:
                answer: tuple[T, None] | tuple[None, Exception] = (self._call(), None)
            except Exception as error:  # noqa: BLE001  handed to the asker, whatever it is
                answer = (None, error)
            self._answers.put(answer)
        self._last()
