"""Alarms of many time series in the embedded CloudWatch: Metrics Insights with GROUP BY, and PromQL."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.cloudwatch.contributors import Contributor, EmptyResult, Phase
from core.cloudwatch.mute import Window
from core.cloudwatch.state import State
from local.cloudwatch import contributor_notices, notices
from local.cloudwatch.notices import Extra, Mute
from local.cloudwatch.records import Status
from local.errors import ServiceError
from tests.cloudwatch.fakes import FUNCTION, START, TOPIC, FakeWorld
from tests.cloudwatch.fleet import contributors, put, state

EVENTS = Path(__file__).parent / "data" / "events"
FLEET = "SELECT MAX(Errors) FROM App GROUP BY host ORDER BY MAX() DESC"


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


def watch_fleet(world: FakeWorld, expression: str = FLEET, **more: Any) -> None:
    metrics = [{"Id": "m1", "Expression": expression, "Period": more.pop("Period", 60)}]
    plain = {"MetricName": None, "Namespace": None, "Statistic": None, "Period": None, "Metrics": metrics}
    world.alarm("Fleet", **(plain | more))


def test_each_group_is_a_contributor_with_a_state_of_its_own(world: FakeWorld) -> None:
    watch_fleet(world)

    put(world, a=9, b=1)
    assert (state(world), contributors(world)) == (
        ("ALARM", "1 out of 2 time series evaluated to ALARM"),
        [{"host": "a"}],
    )

    put(world, a=9, b=9)
    assert state(world) == ("ALARM", "2 out of 2 time series evaluated to ALARM")

    put(world, a=1, b=1)
    assert (state(world), contributors(world)) == (("OK", "2 time series evaluated to OK"), [])


def test_a_contributor_is_described_as_the_api_shapes_it(world: FakeWorld) -> None:
    watch_fleet(world)

    put(world, a=9)

    (found,) = world.call("DescribeAlarmContributors", AlarmName="Fleet")["AlarmContributors"]
    assert found.pop("ContributorId").isalnum()
    assert found == {
        "ContributorAttributes": {"host": "a"},
        "StateReason": "Threshold Crossed: 1 datapoint was greater than the threshold (5.0). The most recent datapoint "
        "which crossed the threshold: [9.0 (20/11/26 10:00:00)].",
        "StateTransitionedTimestamp": START.timestamp() + 60,
    }


def test_contributors_come_in_pages(world: FakeWorld) -> None:
    watch_fleet(world)
    put(world, **{f"h{number}": 9.0 for number in range(60)})

    pages = [world.call("DescribeAlarmContributors", AlarmName="Fleet")]
    while "NextToken" in pages[-1]:
        pages.append(world.call("DescribeAlarmContributors", AlarmName="Fleet", NextToken=pages[-1]["NextToken"]))

    ids = {one["ContributorId"] for page in pages for one in page["AlarmContributors"]}
    assert ([len(page["AlarmContributors"]) for page in pages], len(ids)) == ([50, 10], 60)


def test_contributors_of_no_alarm_are_not_found(world: FakeWorld) -> None:
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        world.call("DescribeAlarmContributors", AlarmName="Nothing")


def test_the_events_of_contributors_come_with_those_of_the_alarm(world: FakeWorld) -> None:
    watch_fleet(world, AlarmDescription="fleet")

    put(world, a=9, b=1)

    (told,) = world.events.of("Contributor State")
    (alarm,) = world.events.of("State")
    assert told["alarmContributor"]["attributes"] == {"host": "a"}
    assert told.keys() == {"alarmName", "alarmContributor", "state", "configuration"}
    assert alarm == {
        "alarmName": "Fleet",
        "state": {
            "value": "ALARM",
            "reason": "1 out of 2 time series evaluated to ALARM",
            "timestamp": "2026-11-20T10:01:00.000+0000",
        },
        "previousState": {
            "value": "INSUFFICIENT_DATA",
            "reason": "Unchecked: Initial alarm creation",
            "timestamp": "2026-11-20T10:00:00.000+0000",
        },
        "configuration": {
            "metrics": [{"id": "m1", "expression": FLEET, "returnData": True, "period": 60}],
            "description": "fleet",
        },
    }


def test_actions_run_for_each_contributor_and_not_for_the_alarm(world: FakeWorld) -> None:
    watch_fleet(world, AlarmActions=[TOPIC, FUNCTION], OKActions=[TOPIC], InsufficientDataActions=[TOPIC])

    put(world, a=9, b=9, c=1)
    put(world, a=9, b=1, c=1)

    messages = [json.loads(message["message"]) for message in world.topics.published]
    told = [(one["NewStateValue"], one["OldStateValue"], one["AlarmContributorAttributes"]) for one in messages]
    assert told == [("ALARM", "OK", {"host": "a"}), ("ALARM", "OK", {"host": "b"}), ("OK", "ALARM", {"host": "b"})]
    assert [payload["alarmData"]["alarmContributor"]["attributes"] for _, payload in world.functions.invoked] == [
        {"host": "a"},
        {"host": "b"},
    ]


def test_no_action_runs_while_actions_are_disabled(world: FakeWorld) -> None:
    watch_fleet(world, AlarmActions=[TOPIC], ActionsEnabled=False)

    put(world, a=9)

    assert (world.topics.published, len(world.events.of("Contributor State"))) == ([], 1)


def test_muted_contributors_are_told_of_when_the_window_ends(world: FakeWorld) -> None:
    watch_fleet(world, AlarmActions=[TOPIC], OKActions=[TOPIC])
    world.call(
        "PutAlarmMuteRule",
        Name="night",
        Rule={"Schedule": {"Expression": "at(2026-11-20T10:00)", "Duration": "PT4M"}},
        MuteTargets={"AlarmNames": ["Fleet"]},
    )

    put(world, a=9, b=9)
    put(world, a=9, b=1)
    put(world, a=9, b=1)
    assert world.topics.published == []
    assert all("muteDetail" in event for event in world.events.of("Contributor State"))

    put(world, a=9, b=1)
    (message,) = [json.loads(message["message"]) for message in world.topics.published]
    assert (message["NewStateValue"], message["AlarmContributorAttributes"]) == ("ALARM", {"host": "a"})


def test_a_host_that_falls_silent_is_ok_and_a_silent_fleet_is_unknown(world: FakeWorld) -> None:
    watch_fleet(world, TreatMissingData="breaching")
    put(world, a=9, b=1)

    put(world, b=1)
    put(world, b=1)
    put(world, b=1)
    assert (state(world), contributors(world)) == (("OK", "2 time series evaluated to OK"), [])
    assert world.events.of("Contributor State")[-1]["state"]["reason"] == "No data was returned for this contributor"

    world.advance(minutes=5)
    assert state(world)[0] == "INSUFFICIENT_DATA"


def test_an_empty_result_follows_the_treatment_where_that_is_chosen(world: FakeWorld) -> None:
    world.cloudwatch.alarms.contributors.empty_result = EmptyResult.TREATED
    watch_fleet(world, TreatMissingData="notBreaching")

    world.advance(minutes=1)

    assert state(world) == (
        "OK",
        "No time series were returned by the query. Treat missing data is configured as [NonBreaching].",
    )


def test_more_than_five_hundred_series_are_partial_data_and_a_hundred_contributors(world: FakeWorld) -> None:
    watch_fleet(world)

    put(world, **{f"h{number}": 9.0 for number in range(501)})

    assert state(world) == ("ALARM", "100+ time series evaluated to ALARM")
    assert world.described("Fleet")["EvaluationState"] == "PARTIAL_DATA"
    assert len(world.events.of("Contributor State")) == 100


def test_the_history_has_the_contributors_changes_and_actions(world: FakeWorld) -> None:
    watch_fleet(world, AlarmActions=[TOPIC])
    put(world, a=9, b=9)
    (first, _) = world.call("DescribeAlarmContributors", AlarmName="Fleet")["AlarmContributors"]

    items = world.call("DescribeAlarmHistory", AlarmName="Fleet", AlarmContributorId=first["ContributorId"])

    assert [(item["HistoryItemType"], item["AlarmContributorAttributes"]) for item in items["AlarmHistoryItems"]] == [
        ("AlarmContributorAction", {"host": "a"}),
        ("AlarmContributorStateUpdate", {"host": "a"}),
    ]


def test_an_updated_alarm_keeps_its_contributors_and_a_new_query_drops_them(world: FakeWorld) -> None:
    watch_fleet(world)
    put(world, a=9)

    watch_fleet(world, AlarmDescription="updated")
    assert contributors(world) == [{"host": "a"}]

    watch_fleet(world, FLEET + " LIMIT 5")
    assert contributors(world) == []


def test_a_query_without_group_by_is_an_alarm_like_any_other(world: FakeWorld) -> None:
    watch_fleet(world, "SELECT SUM(Errors) FROM App WHERE host != 'c'", AlarmActions=[TOPIC])

    put(world, a=3, b=3, c=100)

    assert state(world) == (
        "ALARM",
        "Threshold Crossed: 1 datapoint [6.0 (20/11/26 10:00:00)] was greater than the threshold (5.0).",
    )
    assert (contributors(world), len(world.topics.published)) == ([], 1)


def test_metric_math_may_rest_on_a_query(world: FakeWorld) -> None:
    metrics = [
        {"Id": "m1", "Expression": "SELECT SUM(Errors) FROM App GROUP BY host", "Period": 60, "ReturnData": False},
        {"Id": "e1", "Expression": "SUM(m1) / 2"},
    ]
    world.alarm("Fleet", MetricName=None, Namespace=None, Statistic=None, Period=None, Metrics=metrics)

    put(world, a=9, b=9)

    assert state(world)[0] == "ALARM"


@pytest.mark.parametrize(
    "more, message",
    [
        ({"expression": "SELECT MAX(x) FROM App GROUP BY host"}, "with an ORDER BY clause"),
        (
            {"expression": "SELECT MAX(x) FROM App GROUP BY zone ORDER BY MAX()"},
            "zone at position 32 is a reserved keyword",
        ),
        ({"expression": "SELECT MAX(x) FROM App WHERE tag.env = 'a'"}, "tag.env at position 29: resource tags"),
        ({"Period": 30}, "the Period of a Metrics Insights query is 60 or more, not 30"),
        ({"Period": 3600, "EvaluationPeriods": 4}, "latest three hours"),
        (
            {"Period": 3600, "EvaluationPeriods": 3, "EvaluationWindow": {"WallClockWindow": {}}},
            "(EvaluationPeriods + 1) * Period must be <= 10800",
        ),
    ],
)
def test_a_query_that_no_alarm_may_have_is_refused(world: FakeWorld, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ServiceError) as refused:
        watch_fleet(world, **more)

    assert (refused.value.code, message in refused.value.message) == ("ValidationError", True)


def test_an_account_has_at_most_two_hundred_such_alarms(world: FakeWorld) -> None:
    metrics = [{"Id": "m1", "Expression": FLEET, "Period": 60}]
    for number in range(200):
        world.alarm(f"a{number}", MetricName=None, Namespace=None, Statistic=None, Period=None, Metrics=metrics)

    with pytest.raises(ServiceError, match="LimitExceeded"):
        watch_fleet(world)


def test_get_metric_data_answers_a_query_with_a_series_for_each_group(world: FakeWorld) -> None:
    put(world, a=4, b=8)
    queries = [{"Id": "q", "Expression": "SELECT MAX(Errors) FROM App GROUP BY host ORDER BY MAX() DESC", "Period": 60}]

    answer = world.call("GetMetricData", MetricDataQueries=queries, StartTime=START, EndTime=world.clock.now())

    assert [(one["Id"], one["Label"], one["Values"]) for one in answer["MetricDataResults"]] == [
        ("q", "b", [8.0]),
        ("q", "a", [4.0]),
    ]


def test_a_call_has_one_query_and_says_when_a_quota_cut_its_result(world: FakeWorld) -> None:
    put(world, **{f"h{number}": 1.0 for number in range(501)})
    query = {"Expression": FLEET, "Period": 60}
    span = {"StartTime": START, "EndTime": world.clock.now()}

    answer = world.call("GetMetricData", MetricDataQueries=[{"Id": "q", **query}], **span)
    with pytest.raises(ServiceError, match="one Metrics Insights query, not q, r"):
        world.call("GetMetricData", MetricDataQueries=[{"Id": "q", **query}, {"Id": "r", **query}], **span)

    assert len(answer["MetricDataResults"]) == 500
    assert [message["Code"] for message in answer["Messages"]] == ["MaxMetricsExceeded"]


def documented_contributor(world: FakeWorld) -> tuple[Any, Contributor, Status]:
    """What the User Guide's samples tell of."""
    expression = 'SELECT AVG(ConsumedWriteCapacityUnits) FROM "AWS/DynamoDB" GROUP BY TableName ORDER BY MAX() DESC'
    description = "Metrics Insights alarm for DynamoDB ConsumedWriteCapacity per TableName"
    world.call(
        "PutMetricAlarm",
        AlarmName="DynamoDBInsightsAlarm",
        AlarmDescription=description,
        Metrics=[{"Id": "m1", "Expression": expression, "Period": 60}],
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="LessThanThreshold",
    )
    at = datetime(2025, 12, 1, 13, 42, 4, 919_000, tzinfo=UTC)
    reason = (
        "Threshold Crossed: 1 datapoint was less than the threshold (1.0). The most recent datapoint which crossed the "
        "threshold: [0.0 (01/12/25 13:34:00)]."
    )
    attributes = (("TableName", "example-dynamodb-table-name"),)
    contributor = Contributor("6d442278dba546f6", attributes, Phase.FIRING, at, reason)
    alarm = world.cloudwatch.alarms.registry.metric["DynamoDBInsightsAlarm"]
    return alarm, contributor, Status(State.ALARM, reason, "", updated=at, transitioned=at)


def test_a_contributor_event_is_the_documented_one_field_for_field(world: FakeWorld) -> None:
    sample = json.loads((EVENTS / "cw-alarm-contributor-state-change.json").read_text())
    window = Window(datetime(2026, 1, 1, 10, tzinfo=UTC), datetime(2026, 1, 1, 12, tzinfo=UTC))
    extra = Extra(mute=Mute("arn:aws:cloudwatch:us-east-1:1234567890:alarm-mute-rule:testMute", window))

    assert contributor_notices.state_change(*documented_contributor(world), extra) == sample["detail"]


def test_a_contributor_message_has_every_documented_field(world: FakeWorld) -> None:
    sample = json.loads((EVENTS / "sns-alarm-contributor-metrics-insights.json").read_text())
    alarm, contributor, current = documented_contributor(world)
    previous = Status(State.OK, "", "", updated=current.updated, transitioned=current.updated)
    plain = notices.message(alarm, previous, current, account="123456789012", region_name="")

    message = contributor_notices.message(plain, contributor, current)

    assert {key: message[key] for key in sample} == sample
