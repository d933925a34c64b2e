"""A batch of signals folded into what it changes, cut into transactions that each stand alone.

Each write holds whole events: an alert with the markers of its events, and its group with the version that must still
stand. So a crash between two writes leaves events that were taken entirely and events that were not taken at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.incidents import changes, inhibition
from core.incidents.alert import Alert, Outcome, fingerprint
from core.incidents.changes import Seen
from core.incidents.group import Group, arrive
from core.incidents.labels import Labels
from core.incidents.observation import observe
from core.incidents.policy import Pairs, Policy, Route, group_key, routes_of
from core.incidents.signals import Signal

MAX_ACTIONS = 100
"""Of a write: what DynamoDB takes in a transaction."""
MOVED = -1
"""The stamp of an alert that has moved in a write whose version is not known yet."""
_OF_A_SIGNAL = 5
"""Alert, marker, group, the incident's line and the deployment: the most that one signal in one group writes."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A signal on its way into the groups that its labels lead to.

    `record` is the message that brought it; `again` says that it was delivered before, so that what was to be told
    after its first handling may have been lost.
    """

    record: str
    signal: Signal
    fingerprint: str
    labels: Pairs
    facts: Labels
    targets: tuple[tuple[str, Route], ...]
    again: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """An alert as the store has it: `revision` counts its writes, `stamp` is its group's version when it last moved."""

    alert: Alert
    revision: int
    stamp: int


@dataclass(slots=True)
class Memory:
    """What a consistent read found; folding moves it on, so that a batch's later writes build on its earlier ones.

    `markers` are (group, event key) of events that were handled before, read for those that are late.
    """

    groups: dict[str, Group] = field(default_factory=dict)
    alerts: dict[tuple[str, str], Kept] = field(default_factory=dict)
    markers: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class GroupWrite:
    """`group` replaces the version `read` (0: none is there); None only asserts that `read` still stands."""

    key: str
    read: int
    group: Group | None


@dataclass(frozen=True, slots=True)
class AlertWrite:
    """`kept` replaces the revision before its own. `source` says that an inhibition asks for it."""

    key: str
    kept: Kept
    source: bool


@dataclass(frozen=True, slots=True)
class Handled:
    """A signal that was taken into a group, what it did to its alert, and during which incident."""

    key: str
    signal: Signal
    facts: Labels
    outcome: Outcome
    incident: str


@dataclass(frozen=True, slots=True)
class Opened:
    """An incident that began with an alert of these facts."""

    group: Group
    facts: Labels


@dataclass(frozen=True, slots=True)
class Write:
    """What one transaction writes."""

    groups: tuple[GroupWrite, ...]
    alerts: tuple[AlertWrite, ...]
    handled: tuple[Handled, ...]
    opened: tuple[Opened, ...]
    deployments: tuple[tuple[Labels, Seen], ...]

    @property
    def actions(self) -> int:
        """How many items the transaction names."""
        parts = (self.groups, self.alerts, self.handled, self.opened, self.deployments)
        return sum(map(len, parts))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch does. `repeated` are groups of events that came again and may not have been told of.

    `failed` are the records whose signal made the code raise, with the error; the others do not depend on them.
    """

    writes: tuple[Write, ...]
    repeated: tuple[Group, ...]
    failed: tuple[tuple[str, Exception], ...]


def arrival(
    record: str, signal: Signal, labels: Pairs, facts: Labels, *, policy: Policy, again: bool = False
) -> Arrival:
    """The signal with the groups that it goes to: one for each route that takes it."""
    targets = tuple((group_key(route, labels), route) for route in routes_of(policy, labels))
    return Arrival(record, signal, fingerprint(signal), labels, facts, targets, again)


def late(arrivals: Iterable[Arrival], alerts: Mapping[tuple[str, str], Kept]) -> Iterator[tuple[str, Signal]]:
    """The (group, signal) pairs whose alert has been told of something newer: only for these are markers needed."""
    for one in arrivals:
        for key, _ in one.targets:
            known = alerts.get((key, one.fingerprint))
            if known is not None and one.signal.at < known.alert.at:
                yield key, one.signal


def fold(arrivals: Iterable[Arrival], memory: Memory, *, policy: Policy, now: datetime) -> Plan:
    """Take the arrivals in the order of their own time into their groups; moves `memory` on."""
    writes: list[Write] = []
    repeated: dict[str, Group] = {}
    failed: list[tuple[str, Exception]] = []
    draft = _Draft(memory, policy, now)
    for one in sorted(arrivals, key=lambda arrival: (arrival.signal.at, arrival.signal.event_key)):
        for key, route in one.targets:
            if draft.size + _OF_A_SIGNAL > MAX_ACTIONS:
                writes.append(draft.close())
                draft = _Draft(memory, policy, now)
            try:
                taken = draft.take(one, key, route)
            except Exception as error:  # noqa: BLE001 - the record is delivered again and then kept; the others go on
                failed.append((one.record, error))
                break
            if not taken and one.again and key in memory.groups:
                repeated[key] = memory.groups[key]
    if draft.size:
        writes.append(draft.close())
    return Plan(tuple(writes), tuple(repeated.values()), tuple(failed))


class _Draft:
    """A write in the making."""

    def __init__(self, memory: Memory, policy: Policy, now: datetime) -> None:
        self._memory = memory
        self._policy = policy
        self._now = now
        self._before: dict[str, Group | None] = {}
        self._alerts: dict[tuple[str, str], Kept] = {}
        self._handled: dict[tuple[str, str], Handled] = {}
        self._opened: list[Opened] = []
        self._deployments: dict[tuple[str, datetime], tuple[Labels, Seen]] = {}

    @property
    def size(self) -> int:
        """How many items it names so far."""
        alerts, events = len(self._alerts), len(self._handled)
        return len(self._before) + alerts + events + len(self._opened) + len(self._deployments)

    def take(self, one: Arrival, key: str, route: Route) -> bool:
        """Take a signal into a group; False for one that was taken before."""
        memory, signal, place = self._memory, one.signal, (key, one.fingerprint)
        known = memory.alerts.get(place)
        old = known.alert if known else None
        # The newest event may come again, no longer muted: what to do then is the alert's to say.
        if (key, signal.event_key) in memory.markers and (old is None or old.event_key != signal.event_key):
            return False
        observed = observe(old, signal, one.labels, one.facts, policy=self._policy, now=self._now)
        if observed.outcome is Outcome.DUPLICATE:
            return False
        before = memory.groups.get(key)
        after = before
        if before is not None or observed.alert.stands:
            after = arrive(before, route, old, observed.alert, policy=self._policy, now=self._now)
        memory.markers.add((key, signal.event_key))
        stamp = MOVED if observed.outcome.moves or known is None else known.stamp
        memory.alerts[place] = self._alerts[place] = Kept(observed.alert, known.revision if known else 0, stamp)
        self._before.setdefault(key, before)
        if after is not None:
            memory.groups[key] = after
            if after.incident and (before is None or before.incident != after.incident):
                self._opened.append(Opened(after, one.facts))
        incident = after.incident if after else ""
        self._handled[key, signal.event_key] = Handled(key, signal, one.facts, observed.outcome, incident)
        if (word := changes.seen(signal)) is not None:
            self._deployments[one.facts.subject.name.lower(), word.at] = (one.facts, word)
        return True

    def close(self) -> Write:
        """The write, with every version and revision as it will stand."""
        memory = self._memory
        groups: list[GroupWrite] = []
        for key, before in self._before.items():
            read, after = before.version if before else 0, memory.groups.get(key)
            if after is not before and after is not None:
                memory.groups[key] = after = replace(after, version=read + 1)
                groups.append(GroupWrite(key, read, after))
            else:
                groups.append(GroupWrite(key, read, None))
        alerts: list[AlertWrite] = []
        for (key, name), kept in self._alerts.items():
            group = memory.groups.get(key)
            version = group.version if group else 0
            written = Kept(kept.alert, kept.revision + 1, version if kept.stamp == MOVED else kept.stamp)
            memory.alerts[key, name] = written
            alerts.append(AlertWrite(key, written, inhibition.is_source(self._policy.inhibitions, kept.alert.labels)))
        current = {write.key: write.group for write in groups if write.group is not None}
        return Write(
            tuple(groups),
            tuple(alerts),
            tuple(self._handled.values()),
            tuple(Opened(current.get(opened.group.key, opened.group), opened.facts) for opened in self._opened),
            tuple(self._deployments.values()),
        )
