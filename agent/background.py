"""A call that may take seconds (a program, another server), made now and then beside the rounds."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from agent.every import Every
from agent.guarded import Stuck
from agent.sample import NoData

T = TypeVar("T")


def in_thread(name: str, work: Callable[[], None]) -> None:
    """Do it in a thread of its own."""
    threading.Thread(target=work, name=name, daemon=True).start()


class Background(Generic[T]):
    """Starts `call` each `every_seconds`, unless the last one is still at work; each answer is taken once."""

    def __init__(
        self,
        name: str,
        call: Callable[[], T],
        *,
        every_seconds: float,
        monotonic: Callable[[], float],
        start: Callable[[str, Callable[[], None]], None] = in_thread,
        stuck_after: float = float("inf"),
    ) -> None:
        """`stuck_after` so many seconds of work the call hangs. `start` is for tests."""
        self._name = name
        self._call = call
        self._monotonic = monotonic
        self._due = Every(every_seconds, monotonic)
        self._stuck_after = stuck_after
        self._started_at = 0.0
        self._start = start
        self._at_work = False
        self._answers: list[tuple[T, None] | tuple[None, Exception]] = []

    def take(self) -> T:
        """The answer that came since the last take, or what the call raised; raises NoData while there is none.

        Raises Stuck while the call hangs.
        """
        if not self._at_work and self._due.due():
            self._at_work = True
            self._started_at = self._monotonic()
            self._start(self._name, self._work)
        if not self._answers:
            if self._at_work and self._monotonic() - self._started_at > self._stuck_after:
                raise Stuck(f"{self._name} has been at work for more than {self._stuck_after:g} s")
            raise NoData
        value, error = self._answers.pop()
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # without an error there is a value

    def _work(self) -> None:
        try:
            answer: tuple[T, None] | tuple[None, Exception] = (self._call(), None)
        except Exception as error:  # noqa: BLE001  handed to the asker, whatever it is
            answer = (None, error)
        self._answers.append(answer)
        self._at_work = False
