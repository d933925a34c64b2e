"""A group's flush: what its receiver is told now, why, or why nothing; and when to look again.

What is left of the group's standing is compared with the log of what the receiver was last told, as Alertmanager's
deduplication does; the storm guard comes last. What a stage drops is left out of the message, not of the group.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.incidents import storm as storms
from core.incidents.alert import Alert
from core.incidents.evidence import Change, Investigation
from core.incidents.group import Group, incident_id, tick
from core.incidents.inhibition import Sources
from core.incidents.notification import (
    MAX_LISTED,
    Flaps,
    LogEntry,
    Notification,
    Reason,
    needs_update,
    notification_id,
    telling,
    worse,
    worst,
)
from core.incidents.policy import Policy, Route
from core.incidents.silences import Silence
from core.incidents.standing import Standing, standing
from core.incidents.storm import Storm
from core.values import changed, maker, quick


@quick
@dataclass(frozen=True, slots=True)
class Flushed:
    """What a flush decided. `group` is to be stored; `storm` is the receiver's window, the same object if unchanged.

    `forget` are the ended alerts that are no longer members; `settled` those that time alone has changed, to be stored
    with the group; `closed` the incident that ended, told or not, or "".
    """

    group: Group
    reason: Reason
    notification: Notification | None = None
    storm: Storm | None = None
    forget: tuple[str, ...] = ()
    settled: tuple[Alert, ...] = ()
    closed: str = ""


_flushed, _notice, _log = maker(Flushed), maker(Notification), maker(LogEntry)


@dataclass(slots=True)
class _Draft:
    """What the flush due at `at` makes of the group, field by field; `told` and `over` are what is not muted."""

    group: Group
    route: Route
    standing: Standing
    told: tuple[Alert, ...]
    over: tuple[Alert, ...]
    at: datetime
    now: datetime
    log: LogEntry | None
    incident: str
    opened_at: datetime | None
    emptied_at: datetime | None = None
    closed_at: datetime | None = None


def flush(
    group: Group,
    members: Sequence[Alert],
    *,
    sources: Sources,
    silences: Iterable[Silence],
    policy: Policy,
    storm: Storm | None = None,
    investigation: Investigation | None = None,
    changes: tuple[Change, ...] = (),
    now: datetime,
) -> Flushed:
    """What the group's receiver is told at its due flush, which may run late: it is dated when it was due.

    `members` are the group's alerts that `is_member` picks. A send is taken for done once the result is stored.
    """
    at = group.next_flush
    if at is None or now < at:
        return Flushed(group, Reason.NOT_DUE, storm=storm)
    route, sends_ends = policy.route(group.route), policy.receiver(group.receiver).send_resolved
    batch = standing(group, members, sources=sources, silences=silences, policy=policy, route=route, now=now)
    draft = _Draft(
        group, route, batch, batch.told, batch.over, at, now, group.log, group.incident, group.opened_at,
        closed_at=group.closed_at,
    )  # fmt: skip
    names = frozenset([alert.fingerprint for alert in draft.told])
    ended = frozenset([alert.fingerprint for alert in draft.over])
    reason = _reason(draft, names, ended, sends_ends=sends_ends)
    notification, all_over = None, reason is Reason.ALL_RESOLVED
    if reason.sends:
        _open(draft)
        draft.log = entry = _entry(draft, names, ended)
        if all_over and not sends_ends:
            reason = Reason.NO_RESOLVES
        else:
            notification = _notification(draft, entry, reason, investigation, changes, sends_ends=sends_ends)
            storm, alone = storms.admit(storm, notification, policy)
            if not alone:
                reason, notification = Reason.STORM, None
    closed = _close(draft, all_over=all_over)
    flushed = changed(
        group,
        flushed_at=at,
        forgotten=group.version,
        next_flush=_next(draft),
        emptied_at=draft.emptied_at,
        incident=draft.incident,
        opened_at=draft.opened_at,
        closed_at=draft.closed_at,
        log=draft.log,
        previous=group.previous if draft.log is group.log else group.log,
        seq=group.seq if draft.log is group.log or draft.log is None else draft.log.seq,
    )
    owed = draft.log.firing if draft.log else frozenset()
    over_with = batch.resolved if draft.incident else (*batch.resolved, *batch.past)
    forget = tuple([alert.fingerprint for alert in over_with if alert.fingerprint not in owed])
    return _flushed(flushed, reason, notification, storm, forget, batch.settled, closed)


def _reason(draft: _Draft, names: frozenset[str], ended: frozenset[str], *, sends_ends: bool) -> Reason:
    if not names and not ended:
        return draft.standing.silence
    log = draft.group.log
    repeat = draft.route.repeat_interval
    reason = needs_update(log, names, ended, repeat=repeat, now=draft.at, send_resolved=sends_ends)
    known = log.firing if log else frozenset()
    if log and known and reason in _QUIETER:
        severity = worst(alert.facts.severity for alert in draft.told)
        if severity and log.severity and worse(severity, log.severity):
            reason = Reason.NEW_ALERTS
    flapping = frozenset([alert.fingerprint for alert in draft.told if alert.flapping])
    told_flapping = log.flapping if log else frozenset()
    if flapping - told_flapping and (reason in _QUIETER or (reason in _NEW and names - known <= flapping)):
        return Reason.FLAPPING
    if (told_flapping & names) - flapping and reason in _QUIETER:
        return Reason.FLAPPING_ENDED
    return reason


_QUIETER = frozenset({Reason.UNCHANGED, Reason.REPEAT, Reason.NEW_RESOLVED})
_NEW = frozenset({Reason.FIRST, Reason.NEW_ALERTS})


def _open(draft: _Draft) -> None:
    """Give the message its incident; before the first one, that begins with its first symptom."""
    group, at = draft.group, draft.at
    if group.log is not None and group.log.firing and group.incident:
        return
    starts = [alert.starts_at for alert in (*draft.told, *draft.standing.symptoms) if alert.starts_at is not None]
    after_last = [start for start in starts if group.closed_at is None or start > group.closed_at]
    if group.incident and group.opened_at:
        after_last.append(group.opened_at)
    draft.opened_at = min(min(after_last, default=at), at)
    draft.incident = group.incident or incident_id(group, draft.opened_at)


def _entry(draft: _Draft, names: frozenset[str], ended: frozenset[str]) -> LogEntry:
    log = draft.group.log
    severities = {alert.facts.severity for alert in draft.told}
    if log is not None and log.firing:
        severities.update(log.severities)
    flapping = frozenset([alert.fingerprint for alert in draft.told if alert.flapping])
    return _log(names, ended, draft.at, draft.group.seq + 1, tuple(sorted(severities)), flapping)


def _notification(
    draft: _Draft,
    entry: LogEntry,
    reason: Reason,
    investigation: Investigation | None,
    changes: tuple[Change, ...],
    *,
    sends_ends: bool,
) -> Notification:
    """The message; a receiver that takes no ends is not shown any."""
    group, told, over, at = draft.group, draft.told, draft.over if sends_ends else (), draft.at
    firing, resolved = _listed(told), _listed(over)
    past = draft.standing.symptoms if told else (*draft.standing.symptoms, *draft.standing.past)
    lead = (firing or resolved)[0]
    severity = worst(alert.facts.severity for alert in told) or worst(entry.severities) or lead.facts.severity
    repeat = tick(at, draft.route, entry.at + draft.route.repeat_interval) if draft.standing.firing else None
    return _notice(
        id=notification_id(group.key, entry.firing, entry.resolved, entry.seq),
        incident=draft.incident,
        group=group.key,
        receiver=group.receiver,
        reason=reason,
        at=at,
        opened_at=draft.opened_at or at,
        resolved_at=None if told else _end(over, draft.now),
        severity=severity,
        labels=group.labels,
        subject=lead.facts.subject,
        account=lead.account,
        region=lead.region,
        firing=firing,
        resolved=resolved,
        symptoms=_listed(past),
        firing_count=len(told),
        resolved_count=len(over),
        symptom_count=len(past),
        next_repeat_at=repeat,
        investigation=investigation,
        changes=changes,
        flaps=_flaps(group.log, (*firing, *resolved), draft.now),
        told=entry.severities,
        seq=entry.seq,
    )


def _listed(alerts: tuple[Alert, ...]) -> tuple[Alert, ...]:
    """The worst and oldest of them."""
    return alerts if len(alerts) <= 1 else tuple(heapq.nsmallest(MAX_LISTED, alerts, key=telling))


def _end(over: Iterable[Alert], now: datetime) -> datetime:
    return min(max((alert.ends_at for alert in over if alert.ends_at is not None), default=now), now)


def _flaps(before: LogEntry | None, alerts: tuple[Alert, ...], now: datetime) -> Flaps | None:
    """How often the worst of the alerts that flap, or did when last told, has fired."""
    known = before.flapping if before else frozenset()
    for alert in alerts:
        if alert.flap is not None and (alert.flap.flapping or alert.fingerprint in known):
            running = max(now - alert.starts_at, timedelta()) if alert.firing and alert.starts_at else timedelta()
            return Flaps(alert.flap.episodes, alert.flap.in_alarm + running, alert.flap.since)
    return None


def _close(draft: _Draft, *, all_over: bool) -> str:
    """End the incident if it has ended, and give its id. What fires on, muted, is another incident."""
    firing, resolved = draft.standing.firing, draft.standing.resolved
    if draft.standing.owes(draft.log):
        return ""
    draft.emptied_at = None if firing else draft.at
    if firing and not all_over:
        return ""
    ends = [alert.ends_at for alert in resolved if alert.ends_at is not None]
    closed, draft.incident, draft.closed_at = draft.incident, "", max(ends, default=draft.at)
    return closed


def _next(draft: _Draft) -> datetime | None:
    """The first tick at which there may be something to say; None when only an arrival can change that."""
    if draft.emptied_at is not None:
        return None
    at, route, now, batch = draft.at, draft.route, draft.now, draft.standing
    late = max(at, now)
    if batch.closed or any(stage is not Reason.MUTED for stage in batch.muted.values()):
        return tick(at, route, late)
    wanted: list[datetime] = []
    for alert in batch.firing:
        if alert.flapping:
            return tick(at, route, late)
        for instant in (alert.resolves_at, alert.muted_until):
            if instant is not None and instant > now:
                wanted.append(instant)  # noqa: PERF401 - most alerts have neither
    if batch.owes(draft.log):
        return tick(at, route, late)
    if draft.log is not None and draft.log.firing and draft.told:
        wanted.append(tick(at, route, draft.log.at + route.repeat_interval))
    first = min(wanted, default=None)
    return None if first is None else tick(at, route, max(first, late), strictly=first <= late)
