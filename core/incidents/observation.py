"""What a source has told over time, folded into where its alert stands now.

- The newest observation decides the state; at the same instant ALARM wins and `ambiguous` asks for a look.
- ALARM after anything but a running episode starts one; OK ends it. INSUFFICIENT_DATA leaves things as they are
  (`data_lost_at`) or acts as OK or ALARM, as the policy says; ALARM after it continues an episode that was kept.
- A late observation is for the audit trail and the flap score. Only where the newest one leaves things as they were
  does it decide, and a running episode begins with its earliest ALARM.

The last few observations are kept, so that neither the order nor the number of deliveries matters.
"""

from datetime import datetime, timedelta
from sys import intern

from core.catalogue.alarm import Severity
from core.incidents import flapping
from core.incidents.alert import Alert, Observation, Observed, Outcome, fingerprint, made
from core.incidents.flapping import Flap
from core.incidents.labels import Labels
from core.incidents.policy import MissingData, Pairs, Policy
from core.incidents.signals import ALARM, INSUFFICIENT_DATA, OK, AlarmSignal, Signal, State
from core.values import changed

_FIRED, _RESOLVED, _NOTED, _LATE, _DUPLICATE = Outcome

MAX_OBSERVATIONS = 8
"""Kept per alert. Older ones are folded away, never the start of a running episode."""

MAX_REASON = 300
MAX_ATTRIBUTE = 100
MAX_QUERIES = 2000


def observe(
    alert: Alert | None, signal: Signal, labels: Pairs, facts: Labels, *, policy: Policy, now: datetime
) -> Observed:
    """`alert` with what `signal` says; the same object for a signal that is known already or too old to matter.

    Where the source's clock is ahead, the episode begins `now`: no message tells of the future.
    """
    key, state = signal.event_key, signal.state
    if state is INSUFFICIENT_DATA and policy.missing_data is not MissingData.KEEP:
        state = _effective(signal, policy.missing_data)
    if alert is None:
        return _observed(_first(signal, labels, facts, key), signal, state, policy, now)
    if key == alert.event_key:
        if alert.muted_by and not signal.muted_by:
            # CloudWatch tells again, with the same instant, when a suppressor lets go.
            return Observed(changed(alert, muted_by="", muted_until=None), _NOTED)
        return Observed(alert, _DUPLICATE)
    if signal.at <= alert.at:
        if any(at == signal.at and known is state for at, known, _ in alert.observations):
            return Observed(alert, _DUPLICATE)
        if len(alert.observations) >= MAX_OBSERVATIONS and signal.at < alert.observations[1][0]:
            # Whether it was seen before is no longer known, so it counts for nothing.
            return Observed(alert, _LATE)
        return _late(alert, signal, labels, facts, state, policy, now)
    return _newer(alert, signal, labels, facts, state, key, policy, now)


def settle(alert: Alert, *, now: datetime) -> Alert:
    """`alert` with what time alone has ended, an episode of a fixed length or flapping; the same object if nothing."""
    if alert.firing and alert.resolves_at is not None and alert.resolves_at <= now:
        alert = _ended(alert, alert.resolves_at)
    flap = alert.flap
    if flap is None or not flap.flapping:
        return alert
    still_since = alert.starts_at if alert.firing else alert.ends_at
    if still_since is None or now - still_since < flapping.HOLD:
        return alert
    wait = flapping.hold(timedelta(seconds=alert.facts.period_seconds))
    if not flapping.over(flap, still_since=still_since, wait=wait, now=now):
        return alert
    return changed(alert, flap=changed(flap, flapping=False))


def _effective(signal: Signal, missing: MissingData) -> State:
    """What INSUFFICIENT_DATA counts as. An endpoint that is being updated has no data missing."""
    if type(signal) is not AlarmSignal:
        return signal.state
    return OK if missing is MissingData.RESOLVE else ALARM


def _first(signal: Signal, labels: Pairs, facts: Labels, key: str) -> Alert:
    """The alert of a source never heard of before, before its first observation is taken."""
    return made(
        fingerprint=fingerprint(signal),
        source=signal.name,
        labels=labels,
        facts=facts,
        account=intern(signal.account),
        region=intern(signal.region),
        state=OK,
        at=signal.at,
        event_key=key,
        observations=(),
        contributor=signal.contributor,
        arn=signal.arn,
        attributes=tuple((name, value[:MAX_ATTRIBUTE]) for name, value in signal.attributes),
    )


def _observed(blank: Alert, signal: Signal, state: State, policy: Policy, now: datetime) -> Observed:
    return _newer(blank, signal, blank.labels, blank.facts, state, blank.event_key, policy, now)


def _newer(
    alert: Alert, signal: Signal, labels: Pairs, facts: Labels, state: State, key: str, policy: Policy, now: datetime
) -> Observed:
    """The usual case, written out: one new value, and nothing that grows with what is known already."""
    at, previous, outcome, reason = signal.at, signal.previous, _NOTED, signal.reason
    shown = at if at <= now else now  # noqa: FURB136 - min() takes five times as long
    flap = alert.flap
    if alert.resolves_at is not None or (flap is not None and flap.flapping):
        alert = settle(alert, now=shown)
        flap = alert.flap
    firing, starts_at, ends_at, lost = alert.firing, alert.starts_at, alert.ends_at, alert.data_lost_at
    value, peak, queries, resolves_at = alert.value, alert.peak, alert.queries, alert.resolves_at
    if state is ALARM:
        value, resolves_at, lost = signal.value, signal.resolves_at, None
        if flap is not None and flap.flapping and facts is not alert.facts:
            labels, facts = _kept(alert, labels, facts)
        if not firing or previous is OK:
            firing, starts_at, ends_at, peak, outcome = True, shown, None, None, _FIRED
            flap = flapping.started(flap, at, counts=policy.flapping)
        peak = value if peak is None else _worse(peak, value, below=facts.below)
    elif firing:
        labels, facts = alert.labels, alert.facts
        if state is OK:
            firing, ends_at, resolves_at, lost, outcome = False, shown, None, None, _RESOLVED
            flap, queries = _rested(flap, starts_at, shown), queries or _queries(signal)
        else:
            lost = lost or at
    known = alert.observations
    observations = (*known, (at, state, previous))
    return Observed(
        made(
            alert.fingerprint,
            alert.source,
            labels,
            facts,
            alert.account,
            alert.region,
            signal.state,
            at,
            key,
            observations if len(known) < MAX_OBSERVATIONS else _trim(observations),
            firing,
            starts_at,
            ends_at,
            lost,
            resolves_at,
            value,
            peak,
            reason if len(reason) <= MAX_REASON else _clip(reason),
            signal.muted_by,
            signal.muted_until,
            False,
            flap,
            alert.contributor,
            alert.arn,
            alert.attributes,
            queries,
        ),
        outcome,
    )


def _late(
    alert: Alert, signal: Signal, labels: Pairs, facts: Labels, state: State, policy: Policy, now: datetime
) -> Observed:
    """An observation that is not newer than what is known: sorted in, and all of them folded again."""
    seen = (signal.at, state, signal.previous)
    observations = _trim(tuple(sorted((*alert.observations, seen), key=_order)))
    over_by_itself = not alert.firing and alert.observations[-1][1] is ALARM
    firing, starts_at, ends_at, lost = _fold(observations, now)
    if over_by_itself:
        firing, starts_at, ends_at, lost = False, alert.starts_at, alert.ends_at, None
    outcome = _LATE
    if firing != alert.firing:
        outcome = _FIRED if firing else _RESOLVED
    flap, value, peak = alert.flap, alert.value, alert.peak
    if state is ALARM:
        if outcome is _FIRED or signal.previous is not INSUFFICIENT_DATA:
            flap = flapping.started(flap, signal.at, counts=policy.flapping)
        if firing and starts_at is not None and signal.at >= starts_at:
            peak = _worse(peak, signal.value, below=facts.below)
        if firing and outcome is _FIRED:
            labels, facts = _kept(alert, labels, facts)
            value = signal.value
    if outcome is not _FIRED:
        labels, facts = alert.labels, alert.facts
    same_instant = len(observations) > 1 and observations[-1][0] == observations[-2][0]
    late = changed(
        alert,
        labels=labels,
        facts=facts,
        observations=observations,
        firing=firing,
        starts_at=starts_at,
        ends_at=ends_at,
        data_lost_at=lost,
        value=value,
        peak=peak,
        flap=flap,
        ambiguous=same_instant,
    )
    if observations[-1] == seen:
        late = changed(late, state=signal.state, event_key=signal.event_key, reason=_clip(signal.reason))
    return Observed(late, outcome)


_RANK = {INSUFFICIENT_DATA: 0, OK: 1, ALARM: 2}


def _order(seen: Observation) -> tuple[datetime, int]:
    return seen[0], _RANK[seen[1]]


def _trim(observations: tuple[Observation, ...]) -> tuple[Observation, ...]:
    while len(observations) > MAX_OBSERVATIONS:
        running = observations[0][1] is ALARM and observations[1][1] is not OK
        observations = observations[:1] + observations[2:] if running else observations[1:]
    return observations


def _fold(
    observations: tuple[Observation, ...], now: datetime
) -> tuple[bool, datetime | None, datetime | None, datetime | None]:
    """Whether it fires after all of them, and when the newest episode began, ended and lost its data."""
    firing, starts_at, ends_at, lost = False, None, None, None
    for at, state, previous in observations:
        if state is ALARM:
            if not firing or previous is OK:
                starts_at, ends_at = min(at, now), None
            firing, lost = True, None
        elif state is OK:
            ends_at = min(at, now) if firing else ends_at
            firing, lost = False, None
        elif firing:
            lost = lost or at
    return firing, starts_at, ends_at, lost


def _ended(alert: Alert, at: datetime) -> Alert:
    flap = _rested(alert.flap, alert.starts_at, at)
    return changed(alert, firing=False, ends_at=at, resolves_at=None, data_lost_at=None, flap=flap)


def _rested(flap: Flap | None, starts_at: datetime | None, ends_at: datetime) -> Flap | None:
    return flap if flap is None or starts_at is None else flapping.ended(flap, ends_at - starts_at)


def _kept(alert: Alert, labels: Pairs, facts: Labels) -> tuple[Pairs, Labels]:
    """The new labels and facts, unless they would make light of an alert that flaps."""
    if alert.flapping and _SEVERITY[facts.severity] < _SEVERITY[alert.facts.severity]:
        return alert.labels, alert.facts
    return labels, facts


_SEVERITY = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


def _worse(peak: float | None, value: float | None, *, below: bool) -> float | None:
    if value is None or peak is None:
        return value if peak is None else peak
    return min(peak, value) if below else max(peak, value)


def _queries(signal: Signal) -> str:
    """The alarm's metrics, when they fit."""
    text = signal.queries if not signal.contributor else ""
    return text if len(text) <= MAX_QUERIES else ""


def _clip(text: str) -> str:
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 3]}..."
