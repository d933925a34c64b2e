"""Where a group's members stand at a flush: what fires, what has ended, and what each stage drops.

The order of the stages is Alertmanager's: inhibition, mute times, silences.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.catalogue.alarm import Delivery
from core.incidents.alert import Alert
from core.incidents.group import Group, was_symptom
from core.incidents.inhibition import Sources
from core.incidents.notification import LogEntry, Reason
from core.incidents.observation import settle
from core.incidents.policy import Policy, Route
from core.incidents.silences import Silence, muting
from core.values import maker, quick


@quick
@dataclass(frozen=True, slots=True)
class Standing:
    """The members by where they stand; `muted` maps those that a stage dropped to the stage."""

    firing: tuple[Alert, ...]
    resolved: tuple[Alert, ...]
    symptoms: tuple[Alert, ...]
    past: tuple[Alert, ...]
    """Symptoms that have ended during the incident."""
    muted: dict[str, Reason]
    settled: tuple[Alert, ...]
    """Those that time alone has changed."""
    closed: bool
    """Whether the route is silent at this hour."""

    @property
    def told(self) -> tuple[Alert, ...]:
        """What fires and is not muted."""
        return self._heard(self.firing)

    @property
    def over(self) -> tuple[Alert, ...]:
        """What has ended and is not muted."""
        return self._heard(self.resolved)

    @property
    def silence(self) -> Reason:
        """Why nothing is said where nothing is left: the last stage that dropped something."""
        stages = frozenset(self.muted.values())
        return next(
            (stage for stage in (Reason.SILENCED, Reason.MUTED, Reason.INHIBITED) if stage in stages), Reason.NOTHING
        )

    def owes(self, log: LogEntry | None) -> bool:
        """Whether an end that the receiver is to be told of could not be told, being muted."""
        if log is None or not self.muted:
            return False
        return any(alert.fingerprint in log.firing and alert.fingerprint in self.muted for alert in self.resolved)

    def _heard(self, alerts: tuple[Alert, ...]) -> tuple[Alert, ...]:
        if not self.muted:
            return alerts
        return tuple(alert for alert in alerts if alert.fingerprint not in self.muted)


_standing = maker(Standing)


def standing(
    group: Group,
    members: Iterable[Alert],
    *,
    sources: Sources,
    silences: Iterable[Silence],
    policy: Policy,
    route: Route,
    now: datetime,
) -> Standing:
    """The members, each where it stands by now, and what mutes it."""
    firing, resolved, symptoms, past, settled = [], [], [], [], []
    for member in members:
        alert = settle(member, now=now) if member.resolves_at is not None or member.flapping else member
        if alert is not member:
            settled.append(alert)
        if alert.announces:
            if alert.stands:
                firing.append(alert)
            elif alert.ends_at is not None:
                resolved.append(alert)
        elif alert.firing and alert.facts.delivery is Delivery.CONTEXT:
            symptoms.append(alert)
        elif was_symptom(group, alert):
            past.append(alert)
    closed = _out_of_hours(route, policy, now)
    active = tuple(silence for silence in silences if silence.active(now))
    muted: dict[str, Reason] = {}
    for alerts in (firing, resolved):
        for alert in alerts:
            if stage := _stage(alert, sources, active, now, closed=closed):
                muted[alert.fingerprint] = stage
    return _standing(tuple(firing), tuple(resolved), tuple(symptoms), tuple(past), muted, tuple(settled), closed)


def _stage(
    alert: Alert, sources: Sources, silences: tuple[Silence, ...], now: datetime, *, closed: bool
) -> Reason | None:
    """The first stage that drops `alert`."""
    if sources.muting(alert, now=now):
        return Reason.INHIBITED
    if closed or (alert.muted_by and _natively_muted(alert, now)):
        return Reason.MUTED
    return Reason.SILENCED if silences and muting(silences, alert.labels, now) else None


def _natively_muted(alert: Alert, now: datetime) -> bool:
    """Whether a mute rule or a suppressor in CloudWatch keeps the alarm silent.

    Where it does not say until when, that holds until the alarm's next event; an end is told then.
    """
    return alert.stands if alert.muted_until is None else now < alert.muted_until


def _out_of_hours(route: Route, policy: Policy, now: datetime) -> bool:
    if not route.mute and not route.active:
        return False
    holding = {interval.name for interval in policy.intervals if interval.holds(now)}
    return any(name in holding for name in route.mute) or bool(route.active and not holding.intersection(route.active))
