"""Whether people are told of an incident now, and why: the decision of Alertmanager's dedup stage.

The log entry of the last message is the only memory. `firing` are the fingerprints that announce (muted and context
alerts never do). Follows Alertmanager's `notify.DedupStage.needsUpdate`.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.catalogue.alarm import Severity

LEASE = timedelta(seconds=60)
"""How long a claim to send keeps others off: longer than the notifier's time-out; a crash costs one lease."""


class Reason(StrEnum):
    """Why a message is sent, or why none is."""

    FIRST = "first"
    NEW_ALERTS = "new-alerts"
    ALL_RESOLVED = "all-resolved"
    NOT_DUE = "not-due"
    CLAIMED = "claimed"
    UNCHANGED = "unchanged"
    BRIEF = "brief"
    """Fired and resolved before anyone was told."""
    NOTHING = "nothing"
    """Nothing fires and nobody was told of anything."""

    @property
    def sends(self) -> bool:
        """Whether a message goes out."""
        return self in {Reason.FIRST, Reason.NEW_ALERTS, Reason.ALL_RESOLVED}


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What people know: which fingerprints fire, the worst severity so far, and when and by which message."""

    firing: frozenset[str]
    severity: Severity
    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Claim:
    """One notifier's right to send `notification_id` until `until`."""

    notification_id: str
    until: datetime


def needs_update(entry: LogEntry | None, firing: frozenset[str], severity: Severity | None, *, fired: bool) -> Reason:
    """Alertmanager's `needsUpdate`, without repeats and partial resolves; `severity` is the worst that fires.

    `fired` says that something fired since people were last told. A rising severity counts as a new alert.
    """
    told = entry.firing if entry else frozenset()
    if firing and not told:
        return Reason.FIRST
    if not firing:
        if told:
            return Reason.ALL_RESOLVED
        return Reason.BRIEF if fired else Reason.NOTHING
    if not firing <= told or (entry and severity and worse(severity, entry.severity)):
        return Reason.NEW_ALERTS
    return Reason.UNCHANGED


def worse(one: Severity, other: Severity) -> bool:
    """Whether `one` is more severe than `other`."""
    return _RANK[one] > _RANK[other]


def worst(severities: list[Severity]) -> Severity | None:
    """The most severe, None of none."""
    return max(severities, key=_RANK.__getitem__, default=None)


_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


def notification_id(group: str, incident: str, firing: frozenset[str], number: int) -> str:
    """The same for every attempt to send the same message, so that a receiver can drop a second copy."""
    canonical = json.dumps([group, incident, sorted(firing), number], separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]
