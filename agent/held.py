"""Windows as they wait for one sink, and the parts of them that a request carries."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.sample import Datum


@dataclass(frozen=True, slots=True)
class Held:
    """One window as it waits for one sink.

    The sink has acknowledged the first `done` datums; an attempt whose answer is not known reached up to datum `tried`.
    """

    number: int
    start: datetime
    length: timedelta
    datums: tuple[Datum, ...]
    done: int
    tried: int


@dataclass(frozen=True, slots=True)
class Piece:
    """The datums of a held window from its `done` up to `upto` that one request carries."""

    held: Held
    upto: int
