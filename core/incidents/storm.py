"""The storm guard: of too many notifications to one receiver, one digest. What pages is never folded into it.

Within a window of 5 minutes the first 20 notifications below critical go out. What comes after is held: the
receiver's log counts it as told, and a digest that names the worst groups and counts the others tells it a minute
after the first that was held, or at the window's end for what is held later. An end is held as a beginning is, except
for receivers whose channels keep a page open until its end is told.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.catalogue.alarm import Severity, Subject
from core.incidents.notification import MAX_LINES, DigestLine, Notification, Reason, notification_id, rank, worst
from core.incidents.policy import ChannelKind, Policy
from core.values import changed, maker, quick

DIGEST_WAIT = timedelta(seconds=60)
"""How long the first that is held waits for the others."""

_digest_line = maker(DigestLine)
_OPEN_UNTIL_TOLD = frozenset({ChannelKind.PAGERDUTY, ChannelKind.OPSCENTER})


@quick
@dataclass(frozen=True, slots=True)
class Storm:
    """One receiver's window since `started_at`: `sent` notifications counted, `held` in wait for the digest.

    `lines` are the worst groups that are held, `firing` and `resolved` count the alerts of all of them. `digests` is
    how many digests were ever made. `digest_at` is when the next one is due, None when nothing is held.
    """

    receiver: str
    started_at: datetime
    sent: int = 0
    held: int = 0
    lines: tuple[DigestLine, ...] = ()
    firing: int = 0
    resolved: int = 0
    digests: int = 0
    told_in_window: bool = False
    """Whether this window's early digest went out."""
    digest_at: datetime | None = None
    opened_at: datetime | None = None
    """Of the oldest incident that is held."""
    account: str = ""
    region: str = ""
    version: int = 0


def admit(storm: Storm | None, notification: Notification, policy: Policy) -> tuple[Storm | None, bool]:
    """Whether `notification` goes out on its own, and the receiver's window after it."""
    if not policy.storm_limit or notification.severity is Severity.CRITICAL:
        return storm, True
    now = notification.at
    storm = _window(storm, notification, policy)
    if storm.sent < policy.storm_limit:
        return changed(storm, sent=storm.sent + 1), True
    if notification.reason is Reason.ALL_RESOLVED and _keeps_pages(policy, notification.receiver):
        return storm, True
    due = now + DIGEST_WAIT
    if storm.told_in_window:
        due = max(due, storm.started_at + policy.storm_window)
    held = changed(
        storm,
        held=storm.held + 1,
        lines=_lines(storm.lines, _line(notification)),
        firing=storm.firing + notification.firing_count,
        resolved=storm.resolved + notification.resolved_count,
        digest_at=storm.digest_at or due,
        opened_at=min(storm.opened_at or notification.opened_at, notification.opened_at),
        account=notification.account,
        region=notification.region,
    )
    return held, False


def digest(storm: Storm, *, now: datetime) -> tuple[Storm, Notification | None]:
    """The digest that is due at `now`, dated when it was, and the window after it; None when none is due."""
    if storm.digest_at is None or now < storm.digest_at or not storm.lines:
        return storm, None
    number = storm.digests + 1
    group = f"receiver:{storm.receiver}"
    told = Notification(
        id=notification_id(group, (line.incident for line in storm.lines), (), number),
        incident=_incident(storm, number),
        group=group,
        receiver=storm.receiver,
        reason=Reason.DIGEST,
        at=storm.digest_at,
        opened_at=storm.opened_at or storm.digest_at,
        resolved_at=None,
        severity=worst(line.severity for line in storm.lines) or Severity.WARNING,
        labels=(),
        subject=Subject("receiver", storm.receiver),
        account=storm.account,
        region=storm.region,
        firing_count=storm.firing,
        resolved_count=storm.resolved,
        digest=storm.lines,
        digest_count=storm.held,
        seq=number,
    )
    after = changed(
        storm,
        held=0,
        lines=(),
        firing=0,
        resolved=0,
        digests=number,
        told_in_window=True,
        digest_at=None,
        opened_at=None,
    )
    return after, told


def _window(storm: Storm | None, notification: Notification, policy: Policy) -> Storm:
    """The window that `notification` falls into; what is held outlives its own."""
    if storm is None:
        return Storm(notification.receiver, notification.at)
    if notification.at < storm.started_at + policy.storm_window:
        return storm
    return changed(storm, started_at=notification.at, sent=0, told_in_window=False)


def _keeps_pages(policy: Policy, receiver: str) -> bool:
    return any(channel.kind in _OPEN_UNTIL_TOLD for channel in policy.receiver(receiver).channels)


def _lines(lines: tuple[DigestLine, ...], new: DigestLine) -> tuple[DigestLine, ...]:
    """The worst of the lines and a new one: the newest word on a group replaces what was held of it."""
    others = [line for line in lines if line.group != new.group]
    if len(others) == MAX_LINES and _telling(others[-1]) <= _telling(new):
        return lines
    return tuple(sorted((*others, new), key=_telling)[:MAX_LINES])


def _line(notification: Notification) -> DigestLine:
    lead = next(iter((*notification.firing, *notification.resolved)), None)
    return _digest_line(
        group=notification.group,
        incident=notification.incident,
        reason=notification.reason,
        severity=notification.severity,
        subject=notification.subject,
        title=lead.facts.title if lead else "",
        firing=notification.firing_count,
        resolved=notification.resolved_count,
    )


def _telling(line: DigestLine) -> tuple[int, bool, int, str]:
    """Worst first: what fires before what ended, then by how much of it."""
    return -rank(line.severity), line.firing == 0, -line.firing, line.group


def _incident(storm: Storm, number: int) -> str:
    """A digest is of no incident; its name keeps one digest apart from the next."""
    digest_at = storm.digest_at or storm.started_at
    name = hashlib.sha256(f"{storm.receiver}|{number}|{digest_at.isoformat()}".encode()).hexdigest()
    return f"DIG-{digest_at:%Y%m%d}-{name[:8]}"
