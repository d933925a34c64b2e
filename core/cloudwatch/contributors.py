"""The contributors of an alarm that watches many time series: each has a state of its own, OK or ALARM.

User Guide, Metrics Insights alarms, PromQL alarms, Alarm limits. Two pages contradict each other on a Metrics Insights
query that returns no time series at all: Configuring how CloudWatch alarms treat missing data says INSUFFICIENT_DATA
whatever the treatment, Create an alarm based on a Metrics Insights query says that the treatment applies. EmptyResult
chooses; the first is the default.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from core.catalogue.alarm import MissingData
from core.cloudwatch import evaluation, reasons
from core.cloudwatch.evaluation import Condition
from core.cloudwatch.limits import MAX_CONTRIBUTORS
from core.cloudwatch.reasons import Datapoint
from core.cloudwatch.state import State

Attributes = tuple[tuple[str, str], ...]

GONE = "No data was returned for this contributor"
_LISTED = 5
_TREATED = {
    MissingData.BREACHING: (State.ALARM, "Breaching"),
    MissingData.NOT_BREACHING: (State.OK, "NonBreaching"),
    MissingData.IGNORE: (None, "Ignore"),
    MissingData.MISSING: (State.INSUFFICIENT_DATA, "Missing"),
}


class EmptyResult(StrEnum):
    """What an alarm does when a GROUP BY query returns no time series."""

    INSUFFICIENT_DATA = "insufficient-data"
    TREATED = "treated"


class Phase(StrEnum):
    """Where a tracked contributor stands. PENDING ones are still OK, RECOVERING ones still in ALARM."""

    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"


@dataclass(frozen=True, slots=True)
class Contributor:
    """A contributor that is not simply OK. `since` is when it came into its phase."""

    id: str
    attributes: Attributes
    phase: Phase
    since: datetime
    reason: str = ""
    transitioned: datetime | None = None
    """When it went into ALARM."""

    @property
    def alarms(self) -> bool:
        """Whether its state is ALARM."""
        return self.phase is not Phase.PENDING


@dataclass(frozen=True, slots=True)
class Change:
    """A contributor's change of state."""

    contributor: Contributor
    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One time series that a query returned, with its datapoints over the evaluation range, oldest first."""

    attributes: Attributes
    points: tuple[Datapoint, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one evaluation came to: the contributors to remember, what changed, and the alarm's own state."""

    tracked: tuple[Contributor, ...]
    changes: tuple[Change, ...]
    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a contributor must breach before ALARM, and must be absent before OK (AlarmPromQLCriteria)."""

    pending: timedelta
    recovery: timedelta


def identity(attributes: Attributes) -> str:
    """The id of the contributor with these attributes: 16 hexadecimal digits, always the same."""
    return hashlib.sha256(json.dumps(sorted(attributes)).encode()).hexdigest()[:16]


def step(
    tracked: Sequence[Contributor],
    seen: Sequence[Seen],
    condition: Condition,
    *,
    current: State,
    now: datetime,
    empty: EmptyResult = EmptyResult.INSUFFICIENT_DATA,
) -> Turn:
    """One evaluation of a Metrics Insights alarm with GROUP BY. `seen` is in the query's order.

    A series that is no longer returned is OK whatever the treatment of missing data. At most a hundred contributors
    are in ALARM: those that were stay, then the first of the query's order come.
    """
    before = {one.id: one for one in tracked}
    by_id = {identity(one.attributes): one for one in seen}
    breaching = {id_ for id_, one in by_id.items() if _state(one, condition, alarms=id_ in before) is State.ALARM}
    staying = [id_ for id_ in before if id_ in breaching]
    coming = [id_ for id_ in by_id if id_ in breaching and id_ not in before][: max(MAX_CONTRIBUTORS - len(staying), 0)]
    changes = [
        Change(one, State.OK, _why(by_id[id_], condition, State.OK) if id_ in by_id else GONE)
        for id_, one in before.items()
        if id_ not in breaching
    ]
    new = [_new(id_, by_id[id_], condition, now) for id_ in coming]
    changes += [Change(one, State.ALARM, one.reason) for one in new]
    kept = (*(before[id_] for id_ in staying), *new)
    gone = sum(id_ not in by_id for id_ in before)
    state, reason = _summary(len(breaching), len(by_id) + gone) if seen else _nothing(condition, current, empty)
    return Turn(kept, tuple(changes), state, reason)


def follow(tracked: Sequence[Contributor], returned: Sequence[Attributes], pace: Pace, now: datetime) -> Turn:
    """One evaluation of a PromQL alarm: every returned series breaches.

    PENDING after the first return, FIRING once it lasted the pending period; RECOVERING after the first absence, and
    forgotten once that lasted the recovery period. A series that is back meanwhile fires on.
    """
    before = {one.id: one for one in tracked}
    by_id = {identity(attributes): attributes for attributes in returned}
    kept: list[Contributor] = []
    changes: list[Change] = []
    for id_, one in before.items():
        if id_ in by_id:
            kept.append(one if one.phase is not Phase.RECOVERING else replace(one, phase=Phase.FIRING, since=now))
        elif one.alarms:
            waiting = one if one.phase is Phase.RECOVERING else replace(one, phase=Phase.RECOVERING, since=now)
            if now - waiting.since >= pace.recovery:
                changes.append(Change(one, State.OK, ""))
            else:
                kept.append(waiting)
    kept += [Contributor(id_, by_id[id_], Phase.PENDING, now) for id_ in by_id if id_ not in before]
    room = MAX_CONTRIBUTORS - sum(one.alarms for one in kept)
    over = 0
    for number, one in enumerate(kept):
        if one.alarms or now - one.since < pace.pending:
            continue
        if room <= 0:
            over += 1
            continue
        room -= 1
        kept[number] = replace(one, phase=Phase.FIRING, since=now, transitioned=now)
        changes.append(Change(kept[number], State.ALARM, ""))
    firing = sum(one.alarms for one in kept)
    counted = f"{MAX_CONTRIBUTORS}+" if over else str(firing)
    state = State.ALARM if firing else State.OK
    return Turn(tuple(kept), tuple(changes), state, f"{counted} time series evaluated to ALARM")


def _state(one: Seen, condition: Condition, *, alarms: bool) -> State:
    """A contributor is never in INSUFFICIENT_DATA: without datapoints it is not returned at all."""
    values = [point.value for point in one.points]
    return evaluation.evaluate(values, condition, State.ALARM if alarms else State.OK)


def _new(id_: str, one: Seen, condition: Condition, now: datetime) -> Contributor:
    return Contributor(id_, one.attributes, Phase.FIRING, now, _why(one, condition, State.ALARM), transitioned=now)


def _summary(breaching: int, count: int) -> tuple[State, str]:
    if breaching > MAX_CONTRIBUTORS:
        return State.ALARM, f"{MAX_CONTRIBUTORS}+ time series evaluated to ALARM"
    if breaching:
        return State.ALARM, f"{breaching} out of {count} time series evaluated to ALARM"
    return State.OK, f"{count} time series evaluated to OK"


def _nothing(condition: Condition, current: State, empty: EmptyResult) -> tuple[State, str]:
    state, treatment = _TREATED[condition.missing]
    reason = f"No time series were returned by the query. Treat missing data is configured as [{treatment}]."
    if empty is EmptyResult.INSUFFICIENT_DATA:
        return State.INSUFFICIENT_DATA, reason
    return state or current, reason


def _why(one: Seen, condition: Condition, state: State) -> str:
    """`Threshold Crossed: 1 datapoint was less than the threshold (1.0). The most recent datapoint which crossed the
    threshold: [0.0 (01/12/25 13:34:00)].`
    """
    real = reasons.considered(one.points, condition)
    alarming = state is State.ALARM
    telling = [point for point in reversed(real) if condition.breaches(point.value or 0.0) is alarming]
    filled = condition.periods - len(real)
    if not telling or (filled and condition.missing in (MissingData.BREACHING, MissingData.NOT_BREACHING)):
        return reasons.reason(one.points, condition, state, explicit=False)
    count = len(telling)
    verb = f"{'was' if count == 1 else 'were'}{'' if alarming else ' not'}"
    compared = f"{reasons.compared(condition)} the threshold ({reasons.number(condition.threshold)})"
    listed = ", ".join(f"{reasons.number(point.value or 0.0)} ({_short(point.at)})" for point in telling[:_LISTED])
    points = "datapoint" if count == 1 else "datapoints"
    return (
        f"Threshold Crossed: {count} {points} {verb} {compared}. The most recent {points} which crossed the "
        f"threshold: [{listed}]."
    )


def _short(at: datetime) -> str:
    return f"{at.astimezone(UTC):%d/%m/%y %H:%M:%S}"
