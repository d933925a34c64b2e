from datetime import timedelta

import pytest

from core.incidents.notification import LogEntry, Reason, needs_update, notification_id
from tests.incidents.streams import at

TEN_MINUTES = timedelta(minutes=10)


def entry(firing: str, resolved: str = "", age: float = 0) -> LogEntry:
    return LogEntry(frozenset(firing), frozenset(resolved), at(-60 * age), 1)


@pytest.mark.parametrize(
    "log, firing, resolved, expected",
    [
        (None, "bcd", "", Reason.FIRST),
        (None, "", "bcd", Reason.BRIEF),
        (None, "", "", Reason.NOTHING),
        (entry("abc"), "bcd", "", Reason.NEW_ALERTS),
        (entry("", "abc"), "bcd", "", Reason.FIRST),
        (entry("abc", age=9), "abc", "", Reason.UNCHANGED),
        (entry("abc", age=10), "abc", "", Reason.UNCHANGED),
        (entry("abc", age=11), "abc", "", Reason.REPEAT),
        (entry("abc", age=11), "ab", "", Reason.REPEAT),
        (entry("abc"), "ab", "c", Reason.NEW_RESOLVED),
        (entry("abc", "c"), "ab", "c", Reason.UNCHANGED),
        (entry("abc"), "", "abc", Reason.ALL_RESOLVED),
        (entry("abc"), "", "", Reason.ALL_RESOLVED),
        (entry("", "abc", age=11), "", "cde", Reason.BRIEF),
        (entry("", "abc"), "", "", Reason.NOTHING),
    ],
)
def test_the_decision_table_of_alertmanager(log, firing, resolved, expected):
    found = needs_update(log, frozenset(firing), frozenset(resolved), repeat=TEN_MINUTES, now=at(0))

    assert found is expected


@pytest.mark.parametrize(
    "log, firing, resolved, expected",
    [
        (entry("abc"), "ab", "c", Reason.UNCHANGED),
        (entry("abc"), "", "abc", Reason.ALL_RESOLVED),
        (entry("abc", age=11), "ab", "c", Reason.REPEAT),
    ],
)
def test_the_decision_table_without_ends(log, firing, resolved, expected):
    found = needs_update(
        log, frozenset(firing), frozenset(resolved), repeat=TEN_MINUTES, now=at(0), send_resolved=False
    )

    assert found is expected


def test_the_same_message_has_the_same_id_and_no_other_has_it():
    one = notification_id("g", ["a", "b"], ["c"], 1)

    assert one == notification_id("g", ["b", "a"], ["c"], 1)
    assert len(one) == 32
    others = {
        notification_id("h", ["a", "b"], ["c"], 1),
        notification_id("g", ["a"], ["c"], 1),
        notification_id("g", ["a", "b"], [], 1),
        notification_id("g", ["a", "b"], ["c"], 2),
    }
    assert len({one, *others}) == 5


def test_ten_reasons_send_and_the_others_do_not():
    assert {reason.value for reason in Reason if reason.sends} == {
        "first", "new-alerts", "new-resolved", "all-resolved", "repeat", "flapping", "flapping-ended", "digest",
        "ungrouped", "test",
    }  # fmt: skip
