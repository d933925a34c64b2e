"""What is said to a receiver, and why: Alertmanager's dedup decision, and the message's content as one value.

The decision follows `notify.DedupStage.needsUpdate`; flapping, digests and ungrouped notices are mlwarden's own.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.catalogue.alarm import Severity, Subject
from core.incidents.alert import Alert
from core.incidents.evidence import Change, Investigation
from core.incidents.policy import Pairs
from core.values import quick, quoted

MAX_LISTED = 50
"""Alerts that a notification carries in full; the counts tell of the others."""
MAX_LINES = 10
"""Groups that a digest names; the counts tell of the others."""


class Reason(StrEnum):
    """Why a message is sent, or why none is."""

    FIRST = "first"
    NEW_ALERTS = "new-alerts"
    NEW_RESOLVED = "new-resolved"
    ALL_RESOLVED = "all-resolved"
    REPEAT = "repeat"
    FLAPPING = "flapping"
    """An alert keeps firing and ending: told once, then counted as firing until it settles."""
    FLAPPING_ENDED = "flapping-ended"
    """It settled firing."""
    DIGEST = "digest"
    """The storm guard's: many groups in one message."""
    UNGROUPED = "ungrouped"
    """The state store is down: one alarm's event as it came."""
    TEST = "test"
    """To try a receiver."""

    UNCHANGED = "unchanged"
    BRIEF = "brief"
    """Fired and ended before anyone was told."""
    NOTHING = "nothing"
    """Nothing fires and nobody was told of anything."""
    NO_RESOLVES = "no-resolves"
    """All ended, and the receiver takes no ends."""
    MUTED = "muted"
    """By a native mute rule, a suppressor or a time interval of the route."""
    INHIBITED = "inhibited"
    SILENCED = "silenced"
    STORM = "storm"
    """Held back for the digest."""
    NOT_DUE = "not-due"

    @property
    def sends(self) -> bool:
        """Whether a message goes out."""
        return self in _SENDING


_SENDING = frozenset(list(Reason)[:10])


@quick
@dataclass(frozen=True, slots=True)
class LogEntry:
    """What a receiver was last told of a group: fingerprints that fire, that ended and that flap; when; how often.

    `severities` are all that were told of in this incident: its end is for those who were told of its beginning.
    """

    firing: frozenset[str]
    resolved: frozenset[str]
    at: datetime
    seq: int
    severities: tuple[Severity, ...] = ()
    flapping: frozenset[str] = frozenset()

    @property
    def severity(self) -> Severity | None:
        """The worst that was told of."""
        return worst(self.severities)


@dataclass(frozen=True, slots=True)
class Flaps:
    """How often an alert has fired since `since`, and how long in all."""

    episodes: int
    in_alarm: timedelta
    since: datetime


@quick
@dataclass(frozen=True, slots=True)
class DigestLine:
    """One group that the storm guard held back: what would have been said of it."""

    group: str
    incident: str
    reason: Reason
    severity: Severity
    subject: Subject
    title: str
    firing: int
    resolved: int


@quick
@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one receiver. Lists are worst first, then oldest, and cut; the counts are whole.

    `labels` are those the group is made by. `symptoms` fire and are never announced on their own account; where all
    has ended they are those of the incident. `told` are the severities under which this incident was told of, this
    time included. For a digest, `digest` has the first lines of `digest_count` groups, and the alerts are empty.
    """

    id: str
    incident: str
    group: str
    receiver: str
    reason: Reason
    at: datetime
    opened_at: datetime
    resolved_at: datetime | None
    severity: Severity
    labels: Pairs
    subject: Subject
    account: str
    region: str
    firing: tuple[Alert, ...] = ()
    resolved: tuple[Alert, ...] = ()
    symptoms: tuple[Alert, ...] = ()
    firing_count: int = 0
    resolved_count: int = 0
    symptom_count: int = 0
    next_repeat_at: datetime | None = None
    investigation: Investigation | None = None
    changes: tuple[Change, ...] = ()
    flaps: Flaps | None = None
    digest: tuple[DigestLine, ...] = ()
    digest_count: int = 0
    peaks: tuple[tuple[str, float], ...] = ()
    """Worst values by fingerprint where they were looked up, in CloudWatch's unit."""
    told: tuple[Severity, ...] = ()
    seq: int = 0


def needs_update(
    entry: LogEntry | None,
    firing: frozenset[str],
    resolved: frozenset[str],
    *,
    repeat: timedelta,
    now: datetime,
    send_resolved: bool = True,
) -> Reason:
    """Alertmanager's decision, case for case; where it says no, the reason says which no."""
    if entry is None:
        if firing:
            return Reason.FIRST
        return Reason.BRIEF if resolved else Reason.NOTHING
    if not firing <= entry.firing:
        return Reason.NEW_ALERTS if entry.firing else Reason.FIRST
    if not firing:
        if entry.firing:
            # Also where ends are not sent: the log must be cleared.
            return Reason.ALL_RESOLVED
        return Reason.BRIEF if resolved else Reason.NOTHING
    if send_resolved and not resolved <= entry.resolved:
        return Reason.NEW_RESOLVED
    if entry.at < now - repeat:
        return Reason.REPEAT
    return Reason.UNCHANGED


def rank(severity: Severity) -> int:
    """Higher is more severe."""
    return _RANK[severity]


def worse(one: Severity, other: Severity) -> bool:
    """Whether `one` is more severe than `other`."""
    return _RANK[one] > _RANK[other]


def worst(severities: Iterable[Severity]) -> Severity | None:
    """The most severe, None of none."""
    return max(severities, key=_RANK.__getitem__, default=None)


_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


def telling(alert: Alert) -> tuple[int, float, str]:
    """Sorts alerts worst first, then oldest."""
    return -_RANK[alert.facts.severity], alert.starts_at.timestamp() if alert.starts_at else 0.0, alert.fingerprint


def notification_id(group: str, firing: Iterable[str], resolved: Iterable[str], seq: int) -> str:
    """32 hex digits, the same for every attempt to send the same message, so that a receiver can drop a second copy."""
    lists = (",".join(map(quoted, sorted(names))) for names in (firing, resolved))
    canonical = f"[{quoted(group)},[{'],['.join(lists)}],{seq}]"
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]
