"""What holds when functions die: the pure functions over a table that remembers only what was committed."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from core.incidents.alert import Alert
from core.incidents.flush import Flushed, flush
from core.incidents.group import Group, arrive, is_member, unsent
from core.incidents.inhibition import Sources
from core.incidents.notification import Notification, Reason
from core.incidents.observation import observe
from tests.incidents.streams import at, facts, labels, policy
from tests.incidents.test_properties import EVENTS, Event, episodes, one, stream

WAIT, INTERVAL, REPEAT = 10, 40, 150
POLICY = policy(wait=WAIT, interval=INTERVAL, repeat=REPEAT, route={"group_by": ()})
NUMBERS = st.sets(st.integers(0, 12), max_size=5)


class Table:
    """One group and its alerts, and a sender. Flushes are numbered; what dies at which is said beforehand."""

    def __init__(self, *, uncommitted: set[int], refused: set[int], unmarked: set[int]) -> None:
        self.uncommitted, self.refused, self.unmarked = uncommitted, refused, unmarked
        self.group: Group | None = None
        self.alerts: dict[str, tuple[Alert, int]] = {}
        self.received: list[Notification] = []
        self.flushes = 0

    def take(self, event: Event) -> None:
        name = event[1]
        before, stamp = self.alerts.get(name, (None, 0))
        version = self.group.version + 1 if self.group else 1
        now = at(event[0])
        seen = observe(before, one(event), labels(name), facts(name), policy=POLICY, now=now)
        self.alerts[name] = seen.alert, version if seen.outcome.moves else stamp
        self.group = replace(
            arrive(self.group, POLICY.root, before, seen.alert, policy=POLICY, now=now), version=version
        )

    def look(self, second: int) -> None:
        """One go at what is due: nothing, or a flush that lives through or dies."""
        group = self.group
        if group is None or group.next_flush is None or at(second) < group.next_flush:
            return
        self.flushes += 1
        flushed = self.decide(group, second)
        later = self.decide(group, second + 5)
        assert (later.notification and later.notification.id) == (flushed.notification and flushed.notification.id)
        if self.flushes in self.uncommitted:
            return
        self.group = replace(flushed.group, version=group.version + 1)
        for alert in flushed.settled:
            self.alerts[alert.source] = alert, self.group.version
        if flushed.notification is None:
            return
        if self.flushes in self.refused:
            again = unsent(self.group, flushed.notification, now=at(second))
            self.group = replace(again, version=self.group.version + 1)
            return
        copies = 2 if self.flushes in self.unmarked else 1
        self.received += [flushed.notification] * copies

    def decide(self, group: Group, second: int) -> Flushed:
        members = [alert for alert, stamp in self.alerts.values() if is_member(group, alert, stamp)]
        return flush(group, members, sources=Sources(()), silences=(), policy=POLICY, now=at(second))


@settings(max_examples=100, deadline=None)
@given(EVENTS, NUMBERS, NUMBERS, NUMBERS)
def test_p7_a_crash_loses_no_page_and_doubles_at_most_one_under_the_same_id(told, uncommitted, refused, unmarked):
    table = Table(uncommitted=uncommitted, refused=refused, unmarked=unmarked)
    events = stream(told, ending=True)
    last = max((int(event[0]) for event in events), default=0)

    told_at = {second: [event for event in events if event[0] == second] for second in {int(e[0]) for e in events}}
    for second in range(last + 300):
        for event in told_at.get(second, ()):
            table.take(event)
        table.look(second)

    ids = [each.id for each in table.received]
    assert len(ids) - len(set(ids)) <= len(unmarked)
    heard = list({each.id: each for each in table.received}.values())
    running = False
    for each in heard:
        assert running == (each.reason is not Reason.FIRST)
        running = each.reason is not Reason.ALL_RESOLVED
    assert not running
    slack = INTERVAL + 60 + len(uncommitted) + len(refused)
    named = {alert.source for each in heard for alert in each.firing}
    assert {name for start, name, end in episodes(events) if end - start > slack} <= named
