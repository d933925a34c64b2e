"""The whole of incidents in memory: signals and time in, notifications out. For simulation, proofs and measurements.

A shell over the same functions that the deployed functions use, with dictionaries in the place of the table. It changes
itself; its values stay frozen. Every due flush runs at its own instant before anything later is looked at, so how often
`tick` is called changes nothing.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.incidents import storm as storms
from core.incidents.alert import Alert, Outcome, fingerprint
from core.incidents.flush import Flushed, flush
from core.incidents.group import Group, arrive
from core.incidents.inhibition import Sources, is_source
from core.incidents.labels import Labels
from core.incidents.notification import Notification
from core.incidents.observation import observe
from core.incidents.policy import Pairs, Policy, Route, group_key, group_labels, routes_of
from core.incidents.signals import About, AlarmSignal, Signal, State
from core.incidents.silences import Silence, expire, merge
from core.incidents.storm import Storm

_DIGEST = "receiver:"
_DELETION = About.DELETION


@dataclass(slots=True)
class _Room:
    """A group with its members: those that stand, symptoms among them, and those that ended since its last flush."""

    group: Group
    route: Route
    standing: dict[str, Alert] = field(default_factory=dict)
    ended: dict[str, Alert] = field(default_factory=dict)


@dataclass(slots=True)
class _Known:
    """A source: its alert and the rooms that its labels lead to."""

    alert: Alert
    rooms: tuple[_Room, ...]
    explains: bool
    """Whether it may inhibit others."""


class Engine:
    """Alerts, groups, silences and storm guards of one deployment."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.decisions: list[tuple[datetime, str, Flushed]] = []
        """Of the last call: every flush, with its instant and group."""
        self._known: dict[str, _Known] = {}
        self._rooms: dict[str, _Room] = {}
        self._entrances: dict[tuple[str, Pairs], _Room] = {}
        self._silences: dict[str, Silence] = {}
        self._storms: dict[str, Storm] = {}
        self._sources = Sources(policy.inhibitions)
        self._due: list[tuple[datetime, str]] = []
        self._named: dict[str | tuple[str, str], _Known] = {}
        """Alarms by `AlarmSignal.key`: sooner found than by fingerprint."""

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """All alerts ever heard of, by fingerprint."""
        return tuple(self._known[name].alert for name in sorted(self._known))

    @property
    def groups(self) -> tuple[Group, ...]:
        """All groups ever made, by key."""
        return tuple(self._rooms[key].group for key in sorted(self._rooms))

    @property
    def storms(self) -> Mapping[str, Storm]:
        """The storm guard's windows by receiver."""
        return self._storms

    @property
    def next_due(self) -> datetime | None:
        """When the next flush or digest is due."""
        while self._due and not self._is_due(*self._due[0]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def tick(self, now: datetime) -> list[Notification]:
        """Run every flush that is due by `now`, each at its instant."""
        self.decisions.clear()
        return self._run(now)

    def step(self, signal: Signal, labels: Pairs, facts: Labels, *, now: datetime) -> list[Notification]:
        """Take one signal at `now`, after every flush that was due by then; the notifications of those flushes."""
        if self.decisions:
            self.decisions.clear()
        said = self._run(now) if self._due and self._due[0][0] <= now else []
        self.take(signal, labels, facts, now=now)
        if type(signal) is AlarmSignal and signal.about is _DELETION:
            self._delete(signal, now)
        return said

    def take(self, signal: Signal, labels: Pairs, facts: Labels, *, now: datetime) -> Outcome:
        """Take one signal, without running what is due."""
        alarm = signal.key if type(signal) is AlarmSignal else None
        known = self._known.get(fingerprint(signal)) if alarm is None else self._named.get(alarm)
        before = known.alert if known is not None else None
        after, outcome = observe(before, signal, labels, facts, policy=self.policy, now=now)
        if after is before:
            return outcome
        if known is None:
            known = _Known(after, self._rooms_of(after.labels), is_source(self.policy.inhibitions, after.labels))
            self._known[after.fingerprint] = known
            if alarm is not None:
                self._named[alarm] = known
        elif before is not None and after.labels is not before.labels and after.labels != before.labels:
            self._move(known, before, after, now)
            before = None
        self._settle_in(known, before, after, now)
        return outcome

    def silence(self, silence: Silence) -> None:
        """Add a silence, or a newer version of one."""
        known = self._silences.get(silence.id)
        self._silences[silence.id] = merge(known, silence) if known else silence

    def expire(self, name: str, *, now: datetime) -> None:
        """End a silence; raises KeyError for one that is not there, ValueError for one that is over."""
        self._silences[name] = expire(self._silences[name], now=now)

    def _settle_in(self, known: _Known, before: Alert | None, after: Alert, now: datetime) -> None:
        known.alert = after
        if known.explains:
            self._sources.put(after)
        name, stands = after.fingerprint, after.stands
        if not stands and (before is None or not before.stands):
            return
        for room in known.rooms:
            if stands:
                room.standing[name] = after
                if room.ended:
                    room.ended.pop(name, None)
            else:
                room.standing.pop(name, None)
                room.ended[name] = after
            group = arrive(room.group, room.route, before, after, policy=self.policy, now=now)
            if group is not room.group:
                self._schedule(room, group)

    def _move(self, known: _Known, before: Alert, after: Alert, now: datetime) -> None:
        """The alert has other labels now: what it was is over in the groups that it leaves."""
        rooms = self._rooms_of(after.labels)
        gone = replace(before, firing=False, flap=None, ends_at=min(after.at, now))
        leaving = _Known(before, tuple(room for room in known.rooms if room not in rooms), explains=False)
        self._settle_in(leaving, before, gone, now)
        known.rooms, known.explains = rooms, is_source(self.policy.inhibitions, after.labels)

    def _delete(self, signal: AlarmSignal, now: datetime) -> None:
        """A deleted alarm takes its contributors with it."""
        for name in sorted(self._known):
            known = self._known[name]
            alert = known.alert
            if alert.arn == signal.alarm_arn and alert.contributor and alert.firing:
                end = replace(signal, contributor=alert.contributor, about=About.STATE, state=State.OK)
                self.take(end, alert.labels, alert.facts, now=now)

    def _rooms_of(self, labels: Pairs) -> tuple[_Room, ...]:
        found = []
        for route in routes_of(self.policy, labels):
            own = route.id, group_labels(route, labels)
            room = self._entrances.get(own)
            if room is None:
                key = group_key(route, labels)
                room = self._rooms[key] = _Room(Group(key, route.id, route.receiver, own[1]), route)
                self._entrances[own] = room
            found.append(room)
        return tuple(found)

    def _schedule(self, room: _Room, group: Group) -> None:
        if group.next_flush is not None and group.next_flush != room.group.next_flush:
            heapq.heappush(self._due, (group.next_flush, group.key))
        room.group = group

    def _is_due(self, at: datetime, key: str) -> bool:
        if key.startswith(_DIGEST):
            storm = self._storms.get(key.removeprefix(_DIGEST))
            return storm is not None and storm.digest_at == at
        return self._rooms[key].group.next_flush == at

    def _run(self, now: datetime) -> list[Notification]:
        said: list[Notification] = []
        while self._due and self._due[0][0] <= now:
            at, key = heapq.heappop(self._due)
            if not self._is_due(at, key):
                continue
            if key.startswith(_DIGEST):
                said.extend(self._digest(key.removeprefix(_DIGEST), at))
            else:
                said.extend(self._flush(self._rooms[key], at))
        return said

    def _digest(self, receiver: str, at: datetime) -> Iterable[Notification]:
        self._storms[receiver], told = storms.digest(self._storms[receiver], now=at)
        return () if told is None else (told,)

    def _flush(self, room: _Room, at: datetime) -> Iterable[Notification]:
        receiver = room.group.receiver
        guard = self._storms.get(receiver)
        flushed = flush(
            room.group,
            (*room.standing.values(), *room.ended.values()),
            sources=self._sources,
            silences=self._silences.values(),
            policy=self.policy,
            storm=guard,
            now=at,
        )
        self.decisions.append((at, room.group.key, flushed))
        for alert in flushed.settled:
            self._settled(alert, room, at)
        for name in flushed.forget:
            room.ended.pop(name, None)
        storm = flushed.storm
        if storm is not None and storm is not guard:
            self._storms[receiver] = storm
            if storm.digest_at is not None and (guard is None or storm.digest_at != guard.digest_at):
                heapq.heappush(self._due, (storm.digest_at, f"{_DIGEST}{receiver}"))
        self._schedule(room, flushed.group)
        return () if flushed.notification is None else (flushed.notification,)

    def _settled(self, alert: Alert, here: _Room, at: datetime) -> None:
        """Time alone has changed an alert, as the flush of one of its groups found: the others are to look too."""
        known = self._known[alert.fingerprint]
        before, known.alert = known.alert, alert
        if known.explains:
            self._sources.put(alert)
        for room in known.rooms:
            if alert.stands:
                room.standing[alert.fingerprint] = alert
            elif room.standing.pop(alert.fingerprint, None) is not None:
                room.ended[alert.fingerprint] = alert
            if room is not here:
                self._schedule(room, arrive(room.group, room.route, before, alert, policy=self.policy, now=at))
