"""Where closed windows go. A sink says what became of each; it never retries, and never raises for the network."""

from dataclasses import dataclass
from typing import Protocol

from agent.sample import Datum, Window


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one window.

    `rest` are the datums that the sink did not take but may take later (empty: the window is done), `rejected` the
    number that it will never take, `reason` why for either, in one line without any credential or payload.
    """

    rest: tuple[Datum, ...] = ()
    rejected: int = 0
    reason: str = ""


class Sink(Protocol):
    """Takes one window at a time, from one thread."""

    def send(self, window: Window, *, timeout_seconds: float) -> Outcome:
        """Offer the window once. `timeout_seconds` bounds each wait for the network."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
