"""A batch of signals folded into what it changes: each group once, then the messages that follow from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.incidents.incident import Incident, Outcome, step
from core.incidents.labels import Labels
from core.incidents.signals import Signal


@dataclass(frozen=True, slots=True)
class Arrival:
    """A signal, what is known of its source, and the record that brought it."""

    record: str
    signal: Signal
    labels: Labels


@dataclass(frozen=True, slots=True)
class Handled:
    """A signal that was taken into its group, and what it did to which incident."""

    signal: Signal
    outcome: Outcome
    incident: str


@dataclass(frozen=True, slots=True)
class GroupChange:
    """All that a batch does to one group, to be written together. `closed` are incidents that new ones replaced."""

    incident: Incident
    handled: tuple[Handled, ...] = ()
    closed: tuple[Incident, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch does. `notify` and `investigate` are told after the changes are written.

    `failed` are the records whose signal made the code raise, with the error; the others do not depend on them.
    """

    changes: tuple[GroupChange, ...]
    notify: tuple[Incident, ...]
    investigate: tuple[Incident, ...]
    failed: tuple[tuple[str, Exception], ...]


def fold(
    arrivals: Iterable[Arrival],
    incidents: Mapping[str, Incident],
    seen: frozenset[str],
    *,
    now: datetime,
    group_wait: timedelta,
) -> Plan:
    """Take the arrivals in the order of their own time into their groups' `incidents`.

    `seen` are keys of events handled before: a retry of a batch whose messages may not have been sent. Such a group
    changes nothing but is told of again; the receivers drop what they know.
    """
    current = dict(incidents)
    handled: dict[str, list[Handled]] = {}
    closed: dict[str, list[Incident]] = {}
    repeated: set[str] = set()
    failed: list[tuple[str, Exception]] = []
    known = set(seen)
    for arrival in sorted(arrivals, key=lambda arrival: (arrival.signal.at, arrival.signal.event_key)):
        group, key = arrival.labels.group, arrival.signal.event_key
        if key in known:
            repeated.add(group)
            continue
        try:
            taken = step(current.get(group), arrival.signal, arrival.labels, now=now, group_wait=group_wait)
        except Exception as error:  # noqa: BLE001 - the record is delivered again and then kept; the others go on
            failed.append((arrival.record, error))
            continue
        known.add(key)
        current[group] = taken.incident
        handled.setdefault(group, []).append(Handled(arrival.signal, taken.outcome, taken.incident.id))
        if taken.closed is not None:
            closed.setdefault(group, []).append(taken.closed)
    changes = tuple(
        GroupChange(current[group], tuple(events), tuple(closed.get(group, ()))) for group, events in handled.items()
    )
    touched = sorted({*handled, *repeated} & set(current))
    return Plan(
        changes,
        notify=tuple(current[g] for g in touched if _owed(incidents.get(g), current[g], g in repeated)),
        investigate=tuple(current[g] for g in touched if _unknown(incidents.get(g), current[g], g in repeated)),
        failed=tuple(failed),
    )


def _owed(before: Incident | None, after: Incident, repeated: bool) -> bool:
    """Whether a flush became due, or earlier due, or may have been lost."""
    return after.due_at is not None and (
        repeated or before is None or before.due_at != after.due_at or before.id != after.id
    )


def _unknown(before: Incident | None, after: Incident, repeated: bool) -> bool:
    """Whether the responder is to look at an incident: an endpoint's, newly opened."""
    opened = before is None or before.id != after.id
    return after.open and after.subject.kind == "endpoint" and after.investigation is None and (opened or repeated)
