"""What is known about an incident beyond its alerts: changes told by events, what was looked up, a cause."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Confidence(StrEnum):
    """How sure a named cause is: high needs a hard fault or a change right before the first symptom."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Change:
    """An endpoint's deployment as its events told it: from `previous` (or unknown, "") to `config`."""

    at: datetime
    config: str
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was looked up, as a sentence without a full stop; `at` is the instant it speaks of."""

    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Impact:
    """What callers feel: `failed` of `requests` requests in the `window_seconds` before it was looked up."""

    failed: int
    requests: int
    window_seconds: int


@dataclass(frozen=True, slots=True)
class Cause:
    """The most likely cause."""

    text: str
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class Investigation:
    """What the responder found. No `cause` means that none was determined."""

    at: datetime
    evidence: tuple[Evidence, ...] = ()
    cause: Cause | None = None
    impact: Impact | None = None
