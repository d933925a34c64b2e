from datetime import timedelta

import pytest

from core.catalogue.alarm import Severity
from core.incidents.notification import MAX_LINES, Reason
from core.incidents.policy import Channel, ChannelKind, Receiver
from tests.incidents.streams import ENDS, FIRES, Stage, at, policy


def storm(groups: int, *, critical: int = 0, alerts: int = 1, apart: float = 0.01, **more: object) -> Stage:
    """So many groups of so many alerts that fire nearly at once; the first `critical` of them page."""
    stage = Stage(
        policy(wait=30, interval=300, repeat=14_400, route={"group_by": ("team",)}, **{"storm_limit": 20, **more})
    )
    for number in range(groups):
        for each in range(alerts):
            severity = Severity.CRITICAL if number < critical else Severity.WARNING
            name = f"g{number}-{each}"
            stage.alarm(name, severity=severity, team=f"t{number}")
            stage.tell(name, FIRES, number * apart)
    return stage


def test_a_hundred_groups_are_twenty_messages_and_a_digest():
    stage = storm(100).until(3600)

    assert len(stage.said) == 21
    digest = stage.said[-1]
    assert (digest.reason, digest.digest_count, digest.firing_count) == (Reason.DIGEST, 80, 80)
    assert len(digest.digest) == MAX_LINES
    assert digest.at - stage.said[0].at < timedelta(seconds=90)


def test_every_group_that_pages_has_its_own_message():
    stage = storm(100, critical=10).until(3600)

    assert len(stage.said) == 31
    paged = {
        name for each in stage.said for name in (dict(each.labels).get("team"),) if each.severity is Severity.CRITICAL
    }
    assert {f"t{number}" for number in range(10)} <= paged
    digest = stage.said[-1]
    assert all(line.severity is Severity.WARNING for line in digest.digest)


def test_ten_thousand_alerts_in_a_hundred_groups_are_all_counted():
    stage = storm(100, alerts=20).until(3600)

    assert sum(each.firing_count for each in stage.said) == 2000


def test_ends_count_too():
    stage = storm(100).until(200)
    for number in range(100):
        stage.tell(f"g{number}-0", ENDS, 200 + number / 100)
    stage.until(3600)

    ends = [each for each in stage.said if each.at > at(200)]
    assert len(ends) <= 21
    assert sum(each.resolved_count for each in ends) == 100


def test_the_ends_of_pages_are_never_held():
    stage = storm(60, critical=5).until(200)
    for number in reversed(range(60)):
        stage.tell(f"g{number}-0", ENDS, 200 + (60 - number) / 100)
    stage.until(3600)

    ended = {dict(each.labels).get("team") for each in stage.said if each.reason is Reason.ALL_RESOLVED}
    assert {f"t{number}" for number in range(5)} <= ended
    assert sum(each.resolved_count for each in stage.said) == 60


def test_what_is_held_after_the_digest_waits_for_the_windows_end():
    stage = storm(30, apart=6).until(3600)

    digests = [each for each in stage.said if each.reason is Reason.DIGEST]
    assert [each.digest_count for each in digests] == [10]

    late = storm(60, apart=4).until(3600)
    digests = [each for each in late.said if each.reason is Reason.DIGEST]
    assert len(digests) == 2
    assert digests[1].at >= late.said[0].at + timedelta(minutes=5)
    assert sum(each.digest_count for each in digests) == 40


def test_a_quiet_receiver_starts_a_new_window():
    stage = storm(20).until(1000)
    for number in range(20):
        stage.alarm(f"n{number}", team=f"n{number}")
        stage.tell(f"n{number}", FIRES, 1000)
    stage.until(1100)

    assert len(stage.said) == 40


def test_an_incident_that_was_only_counted_ends_in_words_of_its_own():
    stage = storm(30).until(1000)
    held = {line.group for each in stage.said for line in each.digest}
    stage.tell("g29-0", ENDS, 1000)
    stage.until(1400)

    last = stage.said[-1]
    assert last.reason is Reason.ALL_RESOLVED
    assert last.group in held or last.resolved_count == 1


@pytest.mark.parametrize("kind, ends", [(ChannelKind.PAGERDUTY, 30), (ChannelKind.SLACK, 20)])
def test_an_end_that_closes_a_page_is_not_held(kind, ends):
    stage = storm(30, receivers=(Receiver("topics", (Channel(kind),)),)).until(1000)
    for number in range(30):
        stage.tell(f"g{number}-0", ENDS, 1000)
    stage.until(3600)

    assert len([each for each in stage.said if each.reason is Reason.ALL_RESOLVED]) == ends


def test_the_guard_can_be_off():
    assert len(storm(100, storm_limit=0).until(100).said) == 100


def test_digests_have_names_of_their_own():
    first, second = (storm(30).until(3600).said[-1] for _ in range(2))

    assert first.incident.startswith("DIG-20261121-")
    assert (first.id, first.incident) == (second.id, second.incident)
