"""What the events said against what CloudWatch says now: alarms whose event was lost, and alerts that outlived theirs.

A difference is sent the way that the lost event would have gone, wrapped with the alert that it is about where there is
one: what an alarm is cannot be told from its description once it was deleted, or where it was known by its tags.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core.incidents import events, instants, record
from core.incidents.alert import Alert, fingerprint
from core.incidents.events import MalformedEvent
from core.incidents.signals import AlarmSignal, Signal, State

ALARM_ARN = ":alarm:"
WRAPPED = "mlwarden reconciled"
DELETED = "alarm deleted"
CONTRIBUTOR_ENDED = "no longer among the alarm's contributors in ALARM"
GRACE = timedelta(seconds=20)
"""An event may be on its way for this long before it counts as lost."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An alarm in ALARM; where it watches many series, those of them that are: they are told of in its place."""

    alarm: AlarmSignal
    contributors: tuple[AlarmSignal, ...] = ()


Difference = tuple[AlarmSignal, Alert | None]
"""What CloudWatch says, and the alert that says otherwise; None where there is none."""


def differences(
    listed: Sequence[Listed],
    reread: Mapping[str, AlarmSignal],
    firing: Iterable[Alert],
    *,
    now: datetime,
) -> tuple[Difference, ...]:
    """What is to be told again.

    `listed` are all alarms in ALARM, `reread` the alarms by ARN that `unlisted` asked for, `firing` the
    alerts that stand.
    """
    alerts: dict[str, list[Alert]] = {}
    for alert in firing:
        if ALARM_ARN in alert.arn:
            alerts.setdefault(alert.fingerprint, []).append(alert)
    found: list[Difference] = []
    known: set[str] = set()
    for entry in listed:
        known.add(fingerprint(entry.alarm))
        for signal in entry.contributors or (entry.alarm,):
            name = fingerprint(signal)
            known.add(name)
            held = alerts.get(name, [])
            if now - signal.at >= GRACE:
                found += [(signal, None)] if not held else []
                found += [(signal, alert) for alert in held if alert.state is not State.ALARM]
    current = {entry.alarm.alarm_arn: entry.alarm for entry in listed} | dict(reread)
    for name, held in alerts.items():
        if name not in known:
            found += [
                (ended, alert) for alert in held if (ended := _ended(alert, current.get(alert.arn), now)) is not None
            ]
    return tuple(found)


def has_contributors(alarm: AlarmSignal) -> bool:
    """Whether the alarm may watch many series: a query with GROUP BY, PromQL or logs. Composites and others do not."""
    if alarm.configuration.get("alarmRule"):
        return False
    return not alarm.queries or "GROUP BY" in alarm.queries.upper()


def unlisted(listed: Iterable[Listed], firing: Iterable[Alert]) -> tuple[str, ...]:
    """The names of the alarms that alerts stand for and that were not listed: they are to be read again."""
    known = {entry.alarm.alarm_arn for entry in listed}
    wanted = {alert.arn for alert in firing if ALARM_ARN in alert.arn} - known
    return tuple(sorted(arn.partition(ALARM_ARN)[2] for arn in wanted))


def _ended(alert: Alert, described: AlarmSignal | None, now: datetime) -> AlarmSignal | None:
    """What became of an alarm that does not alarm any more; None where the alert knows."""
    if now - alert.at < GRACE:
        return None
    if described is None:
        return _ending(alert, DELETED, now) if alert.state is not State.OK else None
    if alert.contributor:
        return _ending(alert, CONTRIBUTOR_ENDED, now) if alert.state is not State.OK else None
    if described.state is State.ALARM or described.state is alert.state:
        return None
    # A description that is older than what an event told is a stale read, or a clock that is off.
    return described if described.at > alert.at else replace(described, at=now)


def _ending(alert: Alert, reason: str, now: datetime) -> AlarmSignal:
    return AlarmSignal(
        account=alert.account,
        region=alert.region,
        alarm_arn=alert.arn,
        alarm_name=alert.arn.partition(ALARM_ARN)[2],
        state=State.OK,
        at=now,
        contributor=alert.contributor,
        reason=reason,
        attributes=alert.attributes,
    )


def wrap(difference: Difference) -> dict[str, Any]:
    """The body that carries a difference to the router."""
    signal, alert = difference
    state = {"value": signal.state.value, "timestamp": instants.show(signal.at), "reason": signal.reason}
    detail: dict[str, Any] = {**signal.detail, "alarmName": signal.alarm_name}
    detail["state"] = {**detail.get("state", {}), **state}
    if signal.contributor:
        detail["alarmContributor"] = {"id": signal.contributor, "attributes": dict(signal.attributes)}
    event = {
        "source": "aws.cloudwatch",
        "detail-type": events.CONTRIBUTOR_CHANGE if signal.contributor else events.ALARM_CHANGE,
        "account": signal.account,
        "region": signal.region,
        "time": instants.show(signal.at),
        "resources": [signal.alarm_arn],
        "detail": detail,
    }
    return {"kind": WRAPPED, "event": event, "alert": record.encode_alert(alert) if alert is not None else ""}


def unwrap(text: str) -> tuple[Signal, Alert | None] | None:
    """What `wrap` wrote; None for a body that is no such. Raises MalformedEvent for one that is broken."""
    if WRAPPED not in text[:64]:
        return None
    found = json.loads(text)
    signal = events.parse(found["event"])
    if not isinstance(signal, AlarmSignal):
        raise MalformedEvent("event: an alarm's is needed")
    return signal, record.decode_alert(found["alert"]) if found["alert"] else None
