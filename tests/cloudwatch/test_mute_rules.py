import json

import pytest

from local.errors import ServiceError
from tests.cloudwatch.fakes import FUNCTION, TOPIC, FakeWorld

ARN = "arn:aws:cloudwatch:us-east-1:123456789012:alarm-mute-rule:works"


@pytest.fixture
def world():
    world = FakeWorld()
    world.alarm(AlarmActions=[TOPIC], OKActions=[TOPIC])
    world.put_every_minute([1])
    world.topics.published.clear()
    return world


def mute(world, expression="at(2026-11-20T10:05)", duration="PT10M", name="works", alarms=("High",), **more):
    schedule = {"Expression": expression, "Duration": duration}
    world.call("PutAlarmMuteRule", Name=name, Rule={"Schedule": schedule}, MuteTargets={"AlarmNames": alarms}, **more)
    world.clock.settle()


def until(world, minute, value=None):
    """Let the clock run to that minute past ten, with the value in every minute."""
    while world.clock.now().minute < minute:
        world.put_every_minute([value])


def told(world):
    return [json.loads(one["message"])["NewStateValue"] for one in world.topics.published]


def test_actions_are_muted_in_the_window_and_events_say_so(world):
    mute(world)
    until(world, 6, 1)
    until(world, 8, 9)

    event = world.events.of("State")[-1]
    assert (world.state(), told(world)) == ("ALARM", [])
    assert event["muteDetail"] == {
        "mutedByArn": ARN,
        "muteWindowStart": "2026-11-20T10:05:00.000+0000",
        "muteWindowEnd": "2026-11-20T10:15:00.000+0000",
    }


def test_the_muted_action_of_an_alarm_that_stays_runs_once_at_the_end(world):
    mute(world)
    until(world, 5, 1)
    until(world, 14, 9)
    before = told(world)
    until(world, 20, 9)

    assert (before, told(world)) == ([], ["ALARM"])
    assert world.topics.published[0]["subject"].startswith('ALARM: "High"')
    assert json.loads(world.topics.published[0]["message"])["ActionExecutedAfterMuteWindow"] is True


def test_an_alarm_that_is_back_in_the_state_last_told_of_stays_silent(world):
    mute(world)
    until(world, 5, 1)
    until(world, 8, 9)
    until(world, 20, 1)

    assert (world.state(), told(world)) == ("OK", [])


def test_an_alarm_that_was_told_of_before_the_window_and_recovered_in_it_says_so_at_the_end(world):
    mute(world)
    until(world, 5, 9)
    until(world, 20, 1)

    assert told(world) == ["ALARM", "OK"]


def test_of_two_overlapping_windows_the_later_end_counts(world):
    mute(world)
    mute(world, "at(2026-11-20T10:10)", "PT20M", name="more")
    until(world, 5, 1)
    until(world, 29, 9)
    before = told(world)
    until(world, 30, 9)

    assert (before, told(world)) == ([], ["ALARM"])


@pytest.mark.parametrize("end", ["update", "delete", "retarget"])
def test_a_rule_that_is_changed_or_deleted_unmutes_at_once(world, end):
    world.alarm("Other")
    mute(world)
    until(world, 5, 1)
    until(world, 8, 9)

    if end == "delete":
        world.call("DeleteAlarmMuteRule", AlarmMuteRuleName="works")
        world.clock.settle()
    else:
        mute(
            world, duration="PT10M" if end == "retarget" else "PT2M", alarms=["Other" if end == "retarget" else "High"]
        )

    assert told(world) == ["ALARM"]


def test_the_actions_that_the_alarm_has_by_the_end_run(world):
    mute(world)
    until(world, 5, 1)
    until(world, 8, 9)

    world.alarm(AlarmActions=[FUNCTION])
    until(world, 15, 9)

    assert (told(world), [name for name, _ in world.functions.invoked]) == ([], [FUNCTION])


def test_a_mute_rule_goes_before_the_suppressor_and_leaves_the_rest_to_it(world):
    world.alarm("Quiet", MetricName="Quiet")
    world.call(
        "PutCompositeAlarm",
        AlarmName="Top",
        AlarmRule="ALARM(High)",
        ActionsSuppressor="Quiet",
        ActionsSuppressorWaitPeriod=120,
        ActionsSuppressorExtensionPeriod=180,
        AlarmActions=[TOPIC],
    )
    world.alarm()
    mute(world, alarms=["Top"])
    until(world, 8, 1)
    until(world, 14, 9)
    released_in_the_window = (world.described("Top").get("ActionsSuppressedBy", ""), told(world))
    until(world, 15, 9)
    after = told(world)

    assert released_in_the_window == ("", [])
    assert after == ["ALARM"]


def test_a_suppressor_that_holds_the_actions_at_the_end_of_the_window_goes_on_doing_so(world):
    world.alarm("Quiet", MetricName="Quiet")
    world.call(
        "PutCompositeAlarm",
        AlarmName="Top",
        AlarmRule="ALARM(High)",
        ActionsSuppressor="Quiet",
        ActionsSuppressorWaitPeriod=120,
        ActionsSuppressorExtensionPeriod=180,
        AlarmActions=[TOPIC],
    )
    world.alarm()
    mute(world, alarms=["Top"])
    until(world, 13, 1)
    until(world, 15, 9)
    at_the_end = (world.described("Top")["ActionsSuppressedBy"], told(world))
    until(world, 17, 9)

    assert at_the_end == ("WaitPeriod", [])
    assert told(world) == ["ALARM"]


def test_enabling_actions_does_not_unmute(world):
    mute(world)
    until(world, 5, 1)
    world.call("DisableAlarmActions", AlarmNames=["High"])
    world.call("EnableAlarmActions", AlarmNames=["High"])
    until(world, 14, 9)

    assert told(world) == []


def test_rules_are_described_listed_and_forgotten(world):
    mute(world, "cron(0 2 * * *)", "PT1H", Description="nights", StartDate=1780000000, ExpireDate=1890000000)
    mute(world, "at(2026-11-20T10:00)", "PT1H", name="now")
    mute(world, "at(2026-11-19T10:00)", "PT1H", name="past", alarms=[])

    got = world.call("GetAlarmMuteRule", AlarmMuteRuleName="works")
    listed = world.call("ListAlarmMuteRules", AlarmName="High")["AlarmMuteRuleSummaries"]
    first = world.call("ListAlarmMuteRules", MaxRecords=2)
    rest = world.call("ListAlarmMuteRules", MaxRecords=2, NextToken=first["NextToken"])["AlarmMuteRuleSummaries"]
    expired = world.call("ListAlarmMuteRules", Statuses=["EXPIRED"])["AlarmMuteRuleSummaries"]
    world.call("DeleteAlarmMuteRule", AlarmMuteRuleName="works")
    world.call("DeleteAlarmMuteRule", AlarmMuteRuleName="works")

    assert got["Rule"] == {"Schedule": {"Expression": "cron(0 2 * * *)", "Duration": "PT1H"}}
    assert (got["AlarmMuteRuleArn"], got["Status"], got["MuteType"]) == (ARN, "SCHEDULED", "RECURRING")
    assert (got["StartDate"], got["ExpireDate"], got["MuteTargets"]) == (
        1780000000,
        1890000000,
        {"AlarmNames": ("High",)},
    )
    assert [(one["Status"], one["MuteType"]) for one in listed] == [("ACTIVE", "ONE_TIME"), ("SCHEDULED", "RECURRING")]
    assert [one["AlarmMuteRuleArn"].split(":")[-1] for one in rest + expired] == ["works", "past"]
    with pytest.raises(ServiceError) as missing:
        world.call("GetAlarmMuteRule", AlarmMuteRuleName="works")
    assert (missing.value.code, missing.value.status) == ("ResourceNotFoundException", 404)


def test_a_rule_for_an_alarm_that_does_not_exist_is_refused(world):
    with pytest.raises(ServiceError, match=r"the alarms \[Nothing\] do not exist"):
        mute(world, alarms=["Nothing"])


def test_mute_rules_are_tagged_when_they_are_created(world):
    mute(world, Tags=[{"Key": "team", "Value": "ml"}])

    assert world.call("ListTagsForResource", ResourceARN=ARN)["Tags"] == [{"Key": "team", "Value": "ml"}]
