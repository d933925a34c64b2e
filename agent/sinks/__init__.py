"""Where closed windows go. A sink says what became of a request; it never retries, and never raises for the network."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec

from agent.sample import Datum, Sample, Window


class Verdict(StrEnum):
    """What an answer means for the items that it answers."""

    TAKEN = "taken"
    LATER = "later"
    """Not taken, and nothing is wrong with them: the service's failure, credentials, no connection."""
    THROTTLED = "throttled"
    """Not taken, because there were too many requests."""
    UNKNOWN = "unknown"
    """No answer that says whether they were taken."""
    REFUSED = "refused"
    """Not taken: at least one of them never will be, or the request was wrong as a whole."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request; `reason` in one line without any credential or payload."""

    verdict: Verdict
    reason: str = ""


class Item(msgspec.Struct, frozen=True, gc=False):
    """One datum of the window from `start`, ready to be sent: `data` in the sink's own form.

    `entries` counts against what the sink takes in one request.
    """

    start: datetime
    datum: Datum
    data: bytes
    entries: int = 1


class Unfit(ValueError):
    """The sink would never take the datum; the text says why."""


class Durable(Protocol):
    """A sink with a cursor of its own over the spool: what it does not take waits. Used from one thread.

    A request has at most `max_entries`, and `max_bytes` of data with `between_bytes` for each item.
    """

    name: str
    max_entries: int
    max_bytes: int
    between_bytes: int

    @property
    def skew(self) -> timedelta:
        """What its clock is ahead of this machine's, as far as it told; 0 where it has none."""
        ...

    def item(self, start: datetime, length: timedelta, datum: Datum) -> Item | None:
        """The datum of the window from `start` in the sink's form; None where it is not the sink's business.

        Raises Unfit.
        """
        ...

    def send(self, items: Sequence[Item], *, timeout_seconds: float) -> Answer:
        """One request. `timeout_seconds` bounds each wait for the network."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Live(Protocol):
    """A sink that shows what is, and keeps nothing for later. `show` is called from one thread."""

    name: str

    def show(self, window: Window) -> None:
        """Take a closed window."""
        ...

    def observe(self, sample: Sample) -> None:
        """Take a sample at once; from the sampling thread, so never wait."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...
