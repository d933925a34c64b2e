"""One alert: a source's standing, as one value; `observation` folds into it what the source tells."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from core.catalogue.alarm import Delivery, Severity
from core.incidents.flapping import Flap
from core.incidents.labels import Labels
from core.incidents.policy import Pairs
from core.incidents.signals import Signal, State
from core.values import maker, quick, quoted

_INCIDENT = Delivery.INCIDENT


class Outcome(StrEnum):
    """What a signal did to its alert; the audit trail keeps it."""

    FIRED = "fired"
    RESOLVED = "resolved"
    NOTED = "noted"
    """Newer, and nothing started or ended."""
    LATE = "late"
    DUPLICATE = "duplicate"

    @property
    def moves(self) -> bool:
        """Whether an episode began or ended, so that the alert's groups have something new."""
        return self is Outcome.FIRED or self is Outcome.RESOLVED


Observation = tuple[datetime, State, State | None]
"""The source was in a state from an instant on; and the state it says it left."""


@quick
@dataclass(frozen=True, slots=True)
class Alert:
    """One source's standing. Values in CloudWatch's unit; `starts_at` and `ends_at` bound the newest episode.

    `labels` are what routes, silences and inhibitions match on; `facts` what messages say of the source.
    """

    fingerprint: str
    source: str
    """The alarm's name, or what else tells: `endpoint status`."""
    labels: Pairs
    facts: Labels
    account: str
    region: str
    state: State
    at: datetime
    event_key: str
    """Of the newest event that was taken."""
    observations: tuple[Observation, ...]
    firing: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    data_lost_at: datetime | None = None
    resolves_at: datetime | None = None
    """When an episode that has no end of its own ends."""
    value: float | None = None
    peak: float | None = None
    reason: str = ""
    muted_by: str = ""
    muted_until: datetime | None = None
    ambiguous: bool = False
    flap: Flap | None = None
    contributor: str = ""
    arn: str = ""
    attributes: Pairs = ()
    queries: str = ""
    """The alarm's metrics as JSON text, once it has ended: they are asked again for the peak."""

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.facts.severity

    @property
    def flapping(self) -> bool:
        """Whether it keeps firing and ending: then it counts as firing all the while."""
        return self.flap is not None and self.flap.flapping

    @property
    def announces(self) -> bool:
        """Whether people are told of it on its own account."""
        return self.facts.delivery is _INCIDENT

    @property
    def stands(self) -> bool:
        """Whether it counts as firing: it fires, or flaps."""
        return self.firing or (self.flap is not None and self.flap.flapping)


made = maker(Alert)


class Observed(NamedTuple):
    """What became of an alert, and what the signal did."""

    alert: Alert
    outcome: Outcome


def fingerprint(signal: Signal) -> str:
    """16 hex digits of what makes the signal's source itself: never of its state, value, time or text."""
    told = ",".join([f"[{quoted(name)},{quoted(value)}]" for name, value in sorted(signal.identity)])
    return hashlib.sha256(f"[{told}]".encode()).hexdigest()[:16]
