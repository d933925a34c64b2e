"""What happened in one run of a test, and what decided an alarm's state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.catalogue.alarm import Comparison
from core.cloudwatch.evaluation import Condition
from core.cloudwatch.state import State

_SIGNS = {
    Comparison.GREATER: ">",
    Comparison.GREATER_OR_EQUAL: ">=",
    Comparison.LESS: "<",
    Comparison.LESS_OR_EQUAL: "<=",
}


@dataclass(frozen=True, slots=True)
class Change:
    """An alarm went into a state."""

    alarm: str
    at: timedelta
    state: State


@dataclass(frozen=True, slots=True)
class Action:
    """An alarm action was carried out; `target` is its ARN."""

    alarm: str
    at: timedelta
    target: str


@dataclass(frozen=True, slots=True)
class Told:
    """A message to people went out."""

    at: timedelta
    topic: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The contributors of an alarm that were in ALARM at a time."""

    alarm: str
    at: timedelta
    attributes: tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """All of one run, each in order. Alarms that never changed stayed in INSUFFICIENT_DATA."""

    changes: tuple[Change, ...] = ()
    actions: tuple[Action, ...] = ()
    messages: tuple[Told, ...] = ()
    contributors: tuple[Seen, ...] = ()

    def changes_of(self, alarm: str) -> tuple[Change, ...]:
        """The alarm's changes of state."""
        return tuple(change for change in self.changes if change.alarm == alarm)

    def state(self, alarm: str, at: timedelta) -> State:
        """The alarm's state once everything due at `at` has happened."""
        states = [change.state for change in self.changes if change.alarm == alarm and change.at <= at]
        return states[-1] if states else State.INSUFFICIENT_DATA


@dataclass(frozen=True, slots=True)
class Datapoint:
    """One period that was looked at, and what it was held against; `breaching` is None where it counts as missing."""

    at: datetime
    value: float | None
    threshold: str
    breaching: bool | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why an alarm was in its state at a time: some words, and the datapoints, if it has any."""

    summary: str
    points: tuple[Datapoint, ...] = ()


def datapoints(
    condition: Condition,
    *,
    starts: Sequence[datetime],
    values: Sequence[float | None],
    watched: Sequence[float | None],
    bands: Sequence[tuple[float, float] | None] = (),
) -> Evidence:
    """The evidence of an alarm with a threshold or bands over its evaluation range, oldest first.

    `watched` is what the condition is held against: the values, or how far they are out of their bands.
    """
    plain = f"{_SIGNS[condition.comparison]} {condition.threshold:g}"
    found: list[Datapoint] = []
    for number, (at, value, held) in enumerate(zip(starts, values, watched, strict=True)):
        band = bands[number] if bands else None
        threshold = f"band {band[0]:.4g} to {band[1]:.4g}" if band else "no band" if bands else plain
        found.append(Datapoint(at, value, threshold, None if held is None else condition.breaches(held)))
    must = "be out of their bands" if bands else f"be {plain}"
    summary = (
        f"{condition.datapoints} of {condition.periods} datapoints must {must}; "
        f"missing data are treated as {condition.missing.value}"
    )
    return Evidence(summary, tuple(found))
