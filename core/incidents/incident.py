"""Incidents: all that is wrong with one subject, as one story with one message at a time.

Theory of operation. Every signal belongs to a group, its subject; a group has one record, and the record is at
any time in one of these states:

- quiet: nothing that announces is firing and nothing is owed. Alerts are still kept: late events must find them.
- waiting: an alert that announces is firing, nobody was told yet, a first message is due after `group_wait`.
- announced: people were told; nothing is due until the set of firing alerts grows, worsens or empties.
- ending: nothing is firing any more; a flush is due that says so, or that says nothing if nobody was told.

| state     | an alert starts to fire     | the last one resolves | flush (notifier)                       |
|-----------|-----------------------------|-----------------------|----------------------------------------|
| quiet     | new incident, waiting       |                       | nothing                                |
| waiting   | joins                       | ending, same due time | announced, reason FIRST                |
| announced | due now (reason NEW_ALERTS) | ending, due now       | nothing                                |
| ending    | waiting or announced again  |                       | quiet, ALL_RESOLVED or BRIEF (silence) |

An alert that joins is due only when it is as severe as what people know of and still fires: a ticket does not page
again. One that ends while others go on is no longer known: it is told again when it fires again.

Only alerts delivered as INCIDENT and not muted announce; CONTEXT alerts are symptoms of whatever incident is
open, DIRECT ones are kept for the record. `due_at` is when the next flush is owed, None when none is.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from core.catalogue.alarm import Delivery, Severity, Subject
from core.incidents import alert as alerts_
from core.incidents import instants
from core.incidents import notification as notifications
from core.incidents.alert import Alert
from core.incidents.evidence import Change, Investigation
from core.incidents.labels import Labels
from core.incidents.notification import Claim, LogEntry, Reason
from core.incidents.signals import EndpointSignal, Signal, State

MAX_CHANGES = 5
MAX_ALERTS = 50
"""Kept per group, the firing ones first: a record of the largest alerts stays below DynamoDB's 400 KB."""
FORGET = timedelta(days=7)
"""A resolved alert is remembered this long, so that its late events change nothing."""


class Outcome(StrEnum):
    """What a signal did to its group; the audit trail keeps it."""

    OPENED = "opened"
    JOINED = "joined"
    REOPENED = "reopened"
    RESOLVED = "resolved"
    NOTED = "noted"
    MUTED = "muted"
    LATE = "late"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Incident:
    """A group's record: its alerts, and the incident they make, or last made, or never made (`id` empty)."""

    group: str
    subject: Subject
    account: str
    region: str
    version: int = 0
    id: str = ""
    opened_at: datetime | None = None
    resolved_at: datetime | None = None
    alerts: tuple[Alert, ...] = ()
    changes: tuple[Change, ...] = ()
    investigation: Investigation | None = None
    log: LogEntry | None = None
    due_at: datetime | None = None
    claim: Claim | None = None

    @property
    def announcing(self) -> tuple[Alert, ...]:
        """The firing alerts that people are told of, worst first, then oldest."""
        return tuple(sorted((alert for alert in self.alerts if alert.announces), key=_telling))

    @property
    def symptoms(self) -> tuple[Alert, ...]:
        """The firing alerts that only inform."""
        found = (alert for alert in self.alerts if alert.firing and alert.labels.delivery is Delivery.CONTEXT)
        return tuple(sorted(found, key=_telling))

    @property
    def firing(self) -> frozenset[str]:
        """Fingerprints of the alerts that people are told of."""
        return frozenset(alert.fingerprint for alert in self.alerts if alert.announces)

    @property
    def pressing(self) -> frozenset[str]:
        """Fingerprints of those that people know of or should: all but the less severe than what they know of."""
        told = self.log.firing if self.log else frozenset()
        known = notifications.worst([a.labels.severity for a in self.announcing if a.fingerprint in told])
        return frozenset(
            alert.fingerprint
            for alert in self.announcing
            if known is None or alert.fingerprint in told or not notifications.worse(known, alert.labels.severity)
        )

    @property
    def severity(self) -> Severity | None:
        """The worst that fires now, None when nothing does."""
        return notifications.worst([alert.labels.severity for alert in self.announcing])

    @property
    def open(self) -> bool:
        """Whether an incident is running."""
        return bool(self.id) and self.resolved_at is None

    @property
    def since(self) -> datetime | None:
        """When the first symptom of the running or last incident began."""
        return self.opened_at

    def during(self) -> tuple[Alert, ...]:
        """The alerts that took part in the running or last incident, muted and direct ones left out."""
        if self.opened_at is None:
            return ()
        started = self.opened_at
        return tuple(
            sorted(
                (
                    alert
                    for alert in self.alerts
                    if alert.starts_at is not None
                    and (alert.firing or (alert.ends_at is not None and alert.ends_at >= started))
                    and alert.labels.delivery is not Delivery.DIRECT
                    and not alert.muted_by
                ),
                key=_telling,
            )
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What a signal made of a record; `closed` is the incident that a new one replaced, for the archive."""

    incident: Incident
    outcome: Outcome
    closed: Incident | None = None


def step(incident: Incident | None, signal: Signal, labels: Labels, *, now: datetime, group_wait: timedelta) -> Step:
    """Take one signal into its group's record; `incident` is None for a group never heard of."""
    record = incident or Incident(labels.group, labels.subject, signal.account, signal.region)
    name = alerts_.fingerprint(signal)
    old = next((alert for alert in record.alerts if alert.fingerprint == name), None)
    new = alerts_.observe(old, signal, labels) if old else alerts_.first(signal, labels)
    if new is old:
        return Step(record, Outcome.DUPLICATE)
    others = tuple(alert for alert in record.alerts if alert.fingerprint != name)
    told = replace(record, alerts=_kept((*others, new), now), changes=_changes(record.changes, signal))
    after, outcome = _settle(told, now=now, group_wait=group_wait)
    closed = record if after.id != record.id and record.id else None
    if outcome is Outcome.NOTED:
        outcome = _of_alert(old, new, signal, after)
    return Step(after, outcome, closed)


def _settle(record: Incident, *, now: datetime, group_wait: timedelta) -> tuple[Incident, Outcome]:
    """Open, reopen or resolve the incident as the alerts say, and set when a flush is owed."""
    record = _known(record)
    firing = record.firing
    if firing and not record.open:
        if record.due_at is None:
            return _opened(record, now=now, group_wait=group_wait), Outcome.OPENED
        return replace(record, resolved_at=None), Outcome.REOPENED
    if firing and record.log is None:
        return replace(record, opened_at=_since(record, now)), Outcome.NOTED
    if firing and record.due_at is None and _reason(record, fired=True) is Reason.NEW_ALERTS:
        return replace(record, due_at=now), Outcome.JOINED
    if not firing and record.open:
        ended = max((alert.ends_at for alert in record.alerts if alert.ends_at is not None), default=now)
        due_at = record.due_at if record.log is None else now
        return replace(record, resolved_at=ended, due_at=due_at or now), Outcome.RESOLVED
    return record, Outcome.NOTED


def _known(record: Incident) -> Incident:
    """`record` with what ended no longer known to people, while something that they know of still fires."""
    going = record.log.firing & record.firing if record.log else frozenset()
    return replace(record, log=replace(record.log, firing=going)) if record.log and going else record


def _reason(incident: Incident, *, fired: bool) -> Reason:
    return notifications.needs_update(incident.log, incident.pressing, incident.severity, fired=fired)


def _opened(record: Incident, *, now: datetime, group_wait: timedelta) -> Incident:
    """A new incident; one whose alert is already older than `group_wait` is due at once."""
    quiet = replace(record, id="", opened_at=None)
    first = min((a.starts_at for a in record.announcing if a.starts_at is not None), default=now)
    digest = hashlib.sha256(f"{record.group}|{instants.show(first)}".encode()).hexdigest()
    since = _since(quiet, now)
    return replace(
        record,
        id=f"INC-{since:%Y%m%d}-{digest[:8]}",
        opened_at=since,
        resolved_at=None,
        investigation=None,
        log=None,
        due_at=now if first + group_wait < now else now + group_wait,
        claim=None,
    )


def _since(record: Incident, now: datetime) -> datetime:
    """When the first of what fires now began; symptoms left over from the incident before do not count."""
    ended = record.resolved_at
    starts = [
        *(a.starts_at for a in record.announcing if a.starts_at is not None),
        *(a.starts_at for a in record.symptoms if a.starts_at is not None and (not ended or a.starts_at > ended)),
        *((record.opened_at,) if record.open and record.opened_at is not None else ()),
    ]
    return min(min(starts, default=now), now)


def _kept(alerts: tuple[Alert, ...], now: datetime) -> tuple[Alert, ...]:
    recent = [alert for alert in alerts if alert.firing or alert.latest > now - FORGET]
    recent.sort(key=lambda alert: (not alert.firing, -alert.latest.timestamp(), alert.fingerprint))
    return tuple(sorted(recent[:MAX_ALERTS], key=lambda alert: alert.fingerprint))


def _of_alert(old: Alert | None, new: Alert, signal: Signal, record: Incident) -> Outcome:
    if signal.at < new.latest:
        return Outcome.LATE
    if new.firing and new.muted_by:
        return Outcome.MUTED
    joined = new.firing and not (old and old.firing)
    return Outcome.JOINED if joined and record.open else Outcome.NOTED


def _changes(known: tuple[Change, ...], signal: Signal) -> tuple[Change, ...]:
    """The deployments an endpoint's events tell of: the pending one, or an unseen configuration in service."""
    if not isinstance(signal, EndpointSignal) or not signal.config:
        return known
    ordered = sorted(known, key=lambda change: change.at)
    previous = next((change.config for change in reversed(ordered) if change.at <= signal.at), "")
    config = signal.pending_config or signal.config
    if config == previous or (signal.state is State.ALARM and not signal.pending_config):
        return known
    origin = signal.config if signal.pending_config else previous
    return tuple(sorted((*known, Change(signal.at, config, origin)), key=lambda change: change.at)[-MAX_CHANGES:])


def _telling(alert: Alert) -> tuple[int, float, str]:
    severity = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}[alert.labels.severity]
    return severity, alert.starts_at.timestamp() if alert.starts_at else 0.0, alert.fingerprint


def decide(incident: Incident, *, now: datetime) -> Reason:
    """Why a message about `incident` is sent now, or why none is."""
    if incident.due_at is None:
        return Reason.NOTHING if not incident.firing else Reason.UNCHANGED
    if now < incident.due_at:
        return Reason.NOT_DUE
    if incident.claim is not None and now < incident.claim.until:
        return Reason.CLAIMED
    return _reason(incident, fired=incident.opened_at is not None)


def claim(incident: Incident, *, now: datetime) -> Incident:
    """`incident` with the right to send its next message taken."""
    number = incident.log.number + 1 if incident.log else 1
    name = notifications.notification_id(incident.group, incident.id, incident.firing, number)
    return replace(incident, claim=Claim(name, now + notifications.LEASE))


def release(incident: Incident) -> Incident:
    """`incident` with the claim given back: the message could not be sent and stays due."""
    return replace(incident, claim=None)


def sent(current: Incident, told: Incident, *, now: datetime) -> Incident:
    """`current` after the message about `told` (an earlier state of the same incident) went out.

    What changed in between stays owed: the flush is due again if people would be told something else now.
    """
    if current.id != told.id:
        return current
    number = told.log.number + 1 if told.log else 1
    severities = (told.severity, told.log.severity if told.log else None)
    severity = notifications.worst([severity for severity in severities if severity]) or Severity.INFO
    entry = LogEntry(told.firing, severity, now, number)
    return _flushed(_known(replace(current, log=entry, claim=None)), now)


def resolution(incident: Incident, reason: Reason, *, now: datetime) -> Incident | None:
    """What `reason` makes of `incident` before anything is sent: claimed, flushed, or None (no change)."""
    if reason.sends:
        return claim(incident, now=now)
    if reason in {Reason.NOT_DUE, Reason.CLAIMED} or incident.due_at is None:
        return None
    return _flushed(incident, now)


def _flushed(incident: Incident, now: datetime) -> Incident:
    return replace(incident, due_at=now if _reason(incident, fired=False).sends else None)


def investigated(incident: Incident, investigation: Investigation) -> Incident:
    """`incident` with what the responder found; the evidence travels with the next message."""
    return replace(incident, investigation=investigation)
