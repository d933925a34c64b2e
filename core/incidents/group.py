"""Groups of alerts and when their receiver is told what: the decisions of Alertmanager's dispatcher and dedup stage.

Theory of operation. A group is a route and the values it groups by. It ticks: first `group_wait` after its first
alert (at once if that alert is older), then each `group_interval` after the last flush. A flush drops what is
inhibited, muted or silenced, compares the rest with the log of what the receiver was last told, and says what is new.
Here a tick that could change nothing is skipped: `next_flush` is the first tick at which something may be to say, and
an arrival pulls it forward. An alert that ended is listed by the next flush and then forgotten, unless it was told as
firing and its end could not be told, being muted: then it stays until it can.

An incident runs from a group's first firing alert until nothing that announces fires any more, or the receiver was told
that all has ended. Alerts delivered as CONTEXT are symptoms of whatever incident is open, DIRECT ones only recorded.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from core.catalogue.alarm import Delivery, Severity
from core.incidents import instants
from core.incidents.alert import Alert
from core.incidents.notification import LogEntry, Notification, rank
from core.incidents.policy import Pairs, Policy, Route, group_key, group_labels
from core.values import changed, quick

_CRITICAL = Severity.CRITICAL


@quick
@dataclass(frozen=True, slots=True)
class Group:
    """A group's record. `next_flush` is when a flush is owed, None when none is; `version` is the store's.

    `incident` is empty when none runs. `log` is what the receiver was last told, `previous` what before that: to go
    back to when the last message could not be sent. `seq` counts messages.
    """

    key: str
    route: str
    receiver: str
    labels: Pairs
    version: int = 0
    next_flush: datetime | None = None
    flushed_at: datetime | None = None
    """The last flush: ticks count from here. None: none yet."""
    emptied_at: datetime | None = None
    """Since when nothing fires that the group would have to tell of."""
    forgotten: int = 0
    """The version up to which ended alerts are no longer members."""
    incident: str = ""
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    """The end of the last incident."""
    log: LogEntry | None = None
    previous: LogEntry | None = None
    seq: int = 0


def arrive(
    group: Group | None, route: Route, before: Alert | None, after: Alert, *, policy: Policy, now: datetime
) -> Group:
    """`group` after an alert came to stand where `after` does; the same object where that changes nothing for it."""
    if group is None:
        key = group_key(route, after.labels)
        group = Group(key, route.id, route.receiver, group_labels(route, after.labels))
    stands = after.stands
    if not _moved(before, after, stands=stands):
        return group
    started = after.starts_at
    if started is None or started > now:
        started = now
    next_flush = group.next_flush
    if _may_be_earlier(group, route, after, started, now):
        due = _due(group, route, after, policy, now)
        if next_flush is None or due < next_flush:
            next_flush = due
    sooner = next_flush is not group.next_flush
    if not stands:
        return changed(group, next_flush=next_flush) if sooner else group
    if group.incident:
        opened_at = group.opened_at
        if (opened_at is None or started < opened_at) and (group.log is None or not group.log.firing):
            return changed(group, next_flush=next_flush, opened_at=started)
        return changed(group, next_flush=next_flush) if sooner else group
    fresh = _rests(group, policy, now)
    return changed(
        group,
        next_flush=next_flush,
        flushed_at=None if fresh else group.flushed_at,
        emptied_at=None,
        incident=incident_id(group, started),
        opened_at=started,
    )


def is_member(group: Group, alert: Alert, stamp: int) -> bool:
    """Whether a flush is to look at `alert`, last moved when the group's version was `stamp`."""
    return (
        alert.stands
        or (stamp > group.forgotten and alert.ends_at is not None)
        or (group.log is not None and alert.fingerprint in group.log.firing)
        or was_symptom(group, alert)
    )


def was_symptom(group: Group, alert: Alert) -> bool:
    """Whether `alert` is a symptom that has ended during the incident that runs: its end tells what it was like."""
    return (
        alert.facts.delivery is Delivery.CONTEXT
        and not alert.firing
        and bool(group.incident)
        and alert.ends_at is not None
        and group.opened_at is not None
        and alert.ends_at >= group.opened_at
    )


def unsent(group: Group, notification: Notification, *, now: datetime) -> Group:
    """`group` when `notification` has definitely not been delivered: the next flush tells what is then to be told."""
    if group.seq != notification.seq:
        return group
    due = now if group.next_flush is None else min(group.next_flush, now)
    reopened = (
        group if group.incident else changed(group, incident=notification.incident, opened_at=notification.opened_at)
    )
    return changed(reopened, log=group.previous, next_flush=due, emptied_at=None)


def incident_id(group: Group, started: datetime) -> str:
    """`INC-YYYYMMDD-xxxxxxxx`: the same whoever computes it, another for each episode of a group."""
    shown = instants.show(started)
    digest = hashlib.sha256(f"{group.key}|{shown}|{group.seq}".encode()).hexdigest()
    return f"INC-{shown[:10].replace('-', '')}-{digest[:8]}"


def tick(anchor: datetime, route: Route, after: datetime, *, strictly: bool = True) -> datetime:
    """The first tick after an instant, or at it where not `strictly`, of a group that was flushed at `anchor`."""
    interval = route.group_interval
    number = (after - anchor) // interval
    if strictly or anchor + number * interval < after:
        number += 1
    return anchor + max(number, 1) * interval


def _moved(before: Alert | None, after: Alert, *, stands: bool) -> bool:
    """Whether the group has anything to say or to take back because of this alert, which `stands` or does not."""
    if before is None:
        return stands and after.announces
    if not after.announces:
        return before.announces and before.stands
    if before.facts is not after.facts and not before.announces:
        return stands
    if before.stands is not stands:
        return True
    return stands and (
        before.muted_by != after.muted_by
        or before.muted_until != after.muted_until
        or before.resolves_at != after.resolves_at
        or before.flapping is not after.flapping
        or before.facts.severity is not after.facts.severity
        or before.starts_at != after.starts_at
    )


def _may_be_earlier(group: Group, route: Route, alert: Alert, started: datetime, now: datetime) -> bool:
    """Whether a flush may become due earlier than it is: seldom, and not worth the arithmetic otherwise."""
    if group.next_flush is None:
        return True
    if group.flushed_at is None:
        return started + route.group_wait < now
    return alert.facts.severity is _CRITICAL or group.next_flush - now > route.group_interval


def _due(group: Group, route: Route, alert: Alert, policy: Policy, now: datetime) -> datetime:
    """When a flush is to look at an alert that has just arrived."""
    if group.flushed_at is None or _rests(group, policy, now):
        started = alert.starts_at or now
        return now if alert.stands and started + route.group_wait < now else now + route.group_wait
    due = tick(group.flushed_at, route, now)
    if policy.critical_joiners and _pages_anew(group, alert):
        due = min(due, now + route.group_wait)
    return due


def _rests(group: Group, policy: Policy, now: datetime) -> bool:
    """Whether the group was emptied long enough ago to be a new one when the next alert comes."""
    return group.emptied_at is not None and now - group.emptied_at > policy.linger


def _pages_anew(group: Group, alert: Alert) -> bool:
    told = group.log.firing if group.log else frozenset()
    severer = group.log is None or rank(group.log.severity or Severity.INFO) < rank(Severity.CRITICAL)
    return alert.stands and alert.severity is Severity.CRITICAL and (alert.fingerprint not in told or severer)
