"""One alert: what a source has told over time, folded into where it stands now.

An alert keeps its observations sorted by instant and is always the fold of them, so neither the order nor the
number of deliveries matters:

- the newest observation decides the state; at the same instant ALARM wins and `ambiguous` asks for a look;
- ALARM after anything but a running episode starts one; OK ends it; INSUFFICIENT_DATA leaves it running with
  `data_lost_at`, and means nothing where no episode runs;
- reason and muting are the newest observation's, the labels those of the newest ALARM.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime

from core.catalogue.alarm import Delivery
from core.incidents.labels import Labels
from core.incidents.signals import AlarmSignal, EndpointSignal, Signal, State

MAX_OBSERVATIONS = 20
"""Kept per alert. Older ones are folded away, never the start of a running episode."""

MAX_REASON = 300
MAX_ATTRIBUTE = 100
MAX_QUERIES = 2000

_RANK = {State.INSUFFICIENT_DATA: 0, State.OK: 1, State.ALARM: 2}


@dataclass(frozen=True, slots=True)
class Observation:
    """The source was in `state` from `at`; `previous` is the state it says it left."""

    at: datetime
    state: State
    previous: State | None = None
    value: float | None = None
    muted_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """One source's standing. Values in CloudWatch's unit; `starts_at` and `ends_at` bound the newest episode."""

    fingerprint: str
    source: str
    """The alarm's name, or `endpoint status`."""
    contributor: str
    labels: Labels
    observations: tuple[Observation, ...]
    arn: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    queries: str = ""
    firing: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    data_lost_at: datetime | None = None
    value: float | None = None
    peak: float | None = None
    reason: str = ""
    muted_by: str = ""
    ambiguous: bool = False

    @property
    def announces(self) -> bool:
        """Whether it is firing and people are to be told of it on its own account."""
        return self.firing and self.labels.delivery is Delivery.INCIDENT and not self.muted_by

    @property
    def latest(self) -> datetime:
        """The instant of the newest observation."""
        return self.observations[-1].at


def fingerprint(signal: Signal) -> str:
    """16 hex digits that are the source's own: never of its state, value, time or text."""
    canonical = json.dumps(sorted(signal.identity), separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def first(signal: Signal, labels: Labels) -> Alert:
    """The alert of a source never heard of before."""
    alarm = signal if isinstance(signal, AlarmSignal) else None
    return _fold(
        Alert(
            fingerprint=fingerprint(signal),
            source=alarm.alarm_name if alarm else "endpoint status",
            contributor=alarm.contributor if alarm else "",
            labels=labels,
            observations=(observation(signal),),
            arn=alarm.alarm_arn if alarm else "",
            attributes=tuple((name, value[:MAX_ATTRIBUTE]) for name, value in alarm.attributes) if alarm else (),
            queries=_queries(signal),
        )
    )


def observe(alert: Alert, signal: Signal, labels: Labels) -> Alert:
    """`alert` with what `signal` says; itself when that is already known."""
    seen = observation(signal)
    if any(known.at == seen.at and known.state is seen.state for known in alert.observations):
        return alert
    observations = _trim(sorted((*alert.observations, seen), key=_order))
    newest = observations[-1] is seen
    changed = replace(alert, observations=observations)
    if newest and (signal.state is State.ALARM or not alert.firing):
        changed = replace(changed, labels=labels, queries=_queries(signal) or alert.queries)
    return _fold(changed)


def observation(signal: Signal) -> Observation:
    """What `signal` says of its source, alone."""
    match signal:
        case AlarmSignal():
            return Observation(
                signal.at, signal.state, signal.previous, signal.value, signal.muted_by, _clip(signal.reason)
            )
        case EndpointSignal():
            return Observation(signal.at, signal.state, reason=_clip(signal.failure))


def _order(seen: Observation) -> tuple[datetime, int]:
    return seen.at, _RANK[seen.state]


def _trim(observations: list[Observation]) -> tuple[Observation, ...]:
    while len(observations) > MAX_OBSERVATIONS:
        running = observations[0].state is State.ALARM and observations[1].state is not State.OK
        observations = observations[:1] + observations[2:] if running else observations[1:]
    older = (replace(seen, reason="", muted_by="") for seen in observations[:-1])
    return (*older, observations[-1])


def _fold(alert: Alert) -> Alert:
    firing, starts_at, ends_at, data_lost_at = False, None, None, None
    peak: float | None = None
    worse = min if alert.labels.below else max
    for seen in alert.observations:
        match seen.state:
            case State.ALARM:
                if not firing or seen.previous is State.OK:
                    starts_at, ends_at, peak = seen.at, None, None
                firing, data_lost_at = True, None
                if seen.value is not None:
                    peak = seen.value if peak is None else worse(peak, seen.value)
            case State.OK:
                ends_at = seen.at if firing else ends_at
                firing, data_lost_at = False, None
            case State.INSUFFICIENT_DATA:
                data_lost_at = (data_lost_at or seen.at) if firing else None
    newest = alert.observations[-1]
    before = alert.observations[-2] if len(alert.observations) > 1 else None
    return replace(
        alert,
        firing=firing,
        starts_at=starts_at,
        ends_at=ends_at,
        data_lost_at=data_lost_at,
        value=newest.value,
        peak=peak,
        reason=newest.reason,
        muted_by=newest.muted_by,
        ambiguous=before is not None and before.at == newest.at,
    )


def _queries(signal: Signal) -> str:
    """The alarm's metrics, when they fit: they are asked again for the peak."""
    text = signal.queries if isinstance(signal, AlarmSignal) and not signal.contributor else ""
    return text if len(text) <= MAX_QUERIES else ""


def _clip(text: str) -> str:
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 3]}..."
