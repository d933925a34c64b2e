"""Groups over time: what joins, what is muted, what is owed, where incidents begin and end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.catalogue.alarm import Delivery, Severity
from core.incidents import group as groups
from core.incidents import matchers
from core.incidents.evidence import Investigation
from core.incidents.flush import flush
from core.incidents.inhibition import Sources
from core.incidents.notification import Reason
from core.incidents.policy import TOPICS, Channel, ChannelKind, Receiver, Route
from core.incidents.silences import create
from tests.incidents.streams import ENDS, FIRES, START, Stage, at, facts, policy

CRITICAL = Severity.CRITICAL


def test_a_critical_alert_that_joins_is_told_after_group_wait():
    stage = Stage(policy(interval=300))
    stage.alarm("y", severity=CRITICAL)

    stage.tell("x", FIRES, 0)
    stage.tell("y", FIRES, 10)
    stage.until(400)

    assert stage.told[:2] == [(2.0, "first", "x", ""), (12.0, "new-alerts", "x y", "")]


def test_a_critical_alert_that_joins_waits_for_the_interval_where_the_policy_says_so():
    stage = Stage(policy(interval=300, repeat=900, critical_joiners=False))
    stage.alarm("y", severity=CRITICAL)

    stage.tell("x", FIRES, 0)
    stage.tell("y", FIRES, 10)
    stage.until(400)

    assert stage.told == [(2.0, "first", "x", ""), (302.0, "new-alerts", "x y", "")]


def test_a_critical_alert_that_people_know_of_and_that_fires_again_does_not_hurry():
    stage = Stage(policy(interval=300, repeat=900))
    stage.alarm("x", severity=CRITICAL)

    stage.tell("x", FIRES, 0)
    stage.tell("x", ENDS, 10)
    stage.tell("x", FIRES, 20)
    stage.until(600)

    assert stage.told == [(2.0, "first", "x", "")]


def test_an_emptied_group_keeps_its_rhythm_for_a_while():
    stage = Stage(policy())

    stage.tell("x", FIRES, 0)
    stage.tell("x", ENDS, 3)
    stage.tell("x", FIRES, 7)
    stage.until(11)

    assert stage.told[2:] == [(10.0, "first", "x", "")]


def test_a_group_that_was_empty_for_long_is_a_new_one():
    stage = Stage(policy())

    stage.tell("x", FIRES, 0)
    stage.tell("x", ENDS, 3)
    stage.tell("x", FIRES, 60.5)
    stage.until(63)

    assert stage.told[2:] == [(62.5, "first", "x", "")]


def test_each_episode_of_a_group_is_one_incident_from_first_to_last_word():
    stage = Stage(policy())
    stage.tell("x", FIRES, 0)
    stage.tell("y", FIRES, 3)
    stage.tell("x", ENDS, 7)
    stage.tell("y", ENDS, 11)
    stage.tell("x", FIRES, 100)
    stage.until(103)

    first, second = stage.said[0].incident, stage.said[-1].incident

    assert [each.incident for each in stage.said] == [first] * (len(stage.said) - 1) + [second]
    assert first.startswith("INC-20261121-")
    assert first != second
    assert [each.opened_at for each in stage.said] == [at(0)] * (len(stage.said) - 1) + [at(100)]


def test_an_incident_is_as_old_as_its_first_symptom():
    stage = Stage(policy())
    stage.alarm("symptom")
    stage.facts["symptom"] = facts("symptom", delivery=Delivery.CONTEXT)
    stage.tell("symptom", FIRES, 0)
    stage.tell("x", FIRES, 5)
    stage.until(8)

    (told,) = stage.said

    assert told.opened_at == at(0)
    assert (told.firing_count, told.symptom_count) == (1, 1)


@pytest.mark.parametrize("delivery", [Delivery.CONTEXT, Delivery.DIRECT])
def test_what_only_informs_is_not_told(delivery):
    stage = Stage(policy())
    stage.alarm("x")
    stage.facts["x"] = facts("x", delivery=delivery)

    stage.tell("x", FIRES, 0)
    stage.tell("x", ENDS, 50)
    stage.until(100)

    assert stage.told == []


def test_a_mute_rule_keeps_an_alert_silent_and_its_end_makes_it_first():
    stage = Stage(policy())

    stage.tell("x", FIRES, 0, muted_by="nightly", muted_until=at(9))
    stage.until(20)

    assert stage.told[:1] == [(10.0, "first", "x", "")]


def test_a_mute_without_an_end_holds_until_the_alarm_is_heard_of_again():
    stage = Stage(policy())

    stage.tell("x", FIRES, 0, muted_by="suppressor")
    stage.tell("x", FIRES, 0, seen=50)
    stage.until(60)

    assert stage.told == [(54.0, "first", "x", "")]


def test_a_silence_holds_from_its_start_to_its_end():
    stage = Stage(policy())
    quiet = create(matchers.parse('alarm="x"'), starts_at=at(0), ends_at=at(9), created_by="me", comment="", now=START)
    stage.engine.silence(quiet)

    stage.tell("x", FIRES, 1)
    stage.until(20)

    assert stage.told[0] == (11.0, "first", "x", "")


def test_the_end_of_what_was_told_is_told_after_the_silence_that_it_fell_into():
    stage = Stage(policy())
    stage.tell("x", FIRES, 0)
    stage.until(3)
    stage.engine.silence(
        create(matchers.parse('alarm="x"'), starts_at=at(3), ends_at=at(30), created_by="me", comment="", now=at(3))
    )
    stage.tell("x", ENDS, 5)
    stage.until(60)

    assert stage.told == [(2.0, "first", "x", ""), (30.0, "all-resolved", "", "x")]


def test_a_receiver_without_ends_hears_of_none():
    quiet = Receiver("quiet", (Channel(ChannelKind.SNS),), send_resolved=False)
    stage = Stage(policy(receivers=(quiet,)))
    stage.engine.policy = replace(stage.engine.policy, root=replace(stage.engine.policy.root, receiver="quiet"))

    stage.tell("x", FIRES, 0)
    stage.tell("x", ENDS, 3)
    stage.until(7)
    stage.tell("x", FIRES, 60)
    stage.until(63)

    assert [reason for _, reason, _, _ in stage.told] == ["first", "first"]


def test_a_receiver_that_is_gone_falls_back_to_the_topics():
    assert policy().receiver("gone").name == TOPICS


def test_an_alert_that_several_routes_take_is_told_by_each():
    routes = (
        Route("root/all", "archive", continues=True, group_wait=timedelta(seconds=1)),
        Route("root/team", "gpu", matchers.parse("team=gpu"), group_wait=timedelta(seconds=1)),
    )
    stage = Stage(policy(route={"routes": routes}))
    stage.alarm("x", team="gpu")

    stage.tell("x", FIRES, 0)
    stage.until(2)

    assert [each.receiver for each in stage.said] == ["archive", "gpu"]


def test_an_alert_whose_labels_change_is_over_where_it_was():
    stage = Stage(policy(route={"group_by": ("team",)}))
    stage.alarm("x", team="a")
    stage.tell("x", FIRES, 0)
    stage.until(3)

    stage.alarm("x", team="b")
    stage.tell("x", FIRES, 4, previous=ENDS)
    stage.until(7)

    assert stage.told == [(2.0, "first", "x", ""), (6.0, "all-resolved", "", "x"), (6.0, "first", "x", "")]


def test_a_worse_severity_is_news():
    stage = Stage(policy())
    stage.tell("x", FIRES, 0)
    stage.until(3)
    stage.facts["x"] = facts("x", severity=CRITICAL)
    stage.tell("x", FIRES, 4, previous=FIRES)
    stage.until(6)

    assert [(when, reason) for when, reason, _, _ in stage.told] == [(2.0, "first"), (6.0, "new-alerts")]
    assert stage.said[-1].told == (CRITICAL, Severity.WARNING)


def test_the_end_is_for_all_who_were_told_of_the_beginning():
    stage = Stage(policy())
    stage.alarm("y", severity=CRITICAL)
    stage.tell("x", FIRES, 0)
    stage.tell("y", FIRES, 3)
    stage.tell("x", ENDS, 10)
    stage.tell("y", ENDS, 10)
    stage.until(20)

    assert stage.said[-1].reason is Reason.ALL_RESOLVED
    assert stage.said[-1].severity is CRITICAL
    assert set(stage.said[-1].told) == {CRITICAL, Severity.WARNING}


def test_what_could_not_be_sent_is_told_by_the_next_flush_as_things_then_stand():
    stage = Stage(policy())
    stage.tell("x", FIRES, 0)
    stage.until(2)
    (group,) = stage.engine.groups

    again = groups.unsent(group, stage.said[0], now=at(3))
    flushed = flush(again, stage.engine.alerts, sources=Sources(()), silences=(), policy=stage.engine.policy, now=at(3))

    assert flushed.notification is not None
    assert flushed.notification.reason is Reason.FIRST
    assert flushed.notification.incident == stage.said[0].incident
    assert flushed.notification.id != stage.said[0].id


def test_a_message_that_was_overtaken_is_not_taken_back():
    stage = Stage(policy())
    stage.tell("x", FIRES, 0)
    stage.tell("y", FIRES, 3)
    stage.until(7)
    (group,) = stage.engine.groups

    assert groups.unsent(group, stage.said[0], now=at(8)) is group


def test_an_ended_alert_is_a_member_until_a_flush_has_seen_it():
    stage = Stage(policy())
    stage.tell("x", FIRES, 0)
    stage.tell("x", ENDS, 1)
    (alert,) = stage.engine.alerts
    (group,) = stage.engine.groups

    assert groups.is_member(replace(group, forgotten=3), alert, stamp=4)
    assert not groups.is_member(replace(group, forgotten=3), alert, stamp=3)


def test_a_flush_before_its_time_does_nothing():
    stage = Stage(policy())
    stage.tell("x", FIRES, 0)
    (group,) = stage.engine.groups

    early = flush(group, stage.engine.alerts, sources=Sources(()), silences=(), policy=stage.engine.policy, now=at(1))

    assert (early.group, early.reason) == (group, Reason.NOT_DUE)


def test_a_flush_that_runs_late_is_dated_when_it_was_due_and_makes_up_for_nothing():
    stage = Stage(policy())
    stage.tell("x", FIRES, 0)
    (group,) = stage.engine.groups
    found = Investigation(at(1))

    late = flush(
        group,
        stage.engine.alerts,
        sources=Sources(()),
        silences=(),
        policy=stage.engine.policy,
        investigation=found,
        now=at(100),
    )

    assert late.notification is not None
    assert (late.notification.at, late.notification.investigation) == (at(2), found)
    assert late.group.next_flush == at(102)


def test_a_tick_that_could_say_nothing_is_skipped():
    stage = Stage(policy(interval=300, repeat=14_400))
    stage.tell("x", FIRES, 0)
    stage.until(3)
    (group,) = stage.engine.groups

    assert group.next_flush == at(2 + 49 * 300)
    assert stage.said[0].next_repeat_at == group.next_flush
