import json
from datetime import timedelta

import pytest

from local.errors import ServiceError
from tests.cloudwatch.fakes import FUNCTION, START, TOPIC, FakeWorld


@pytest.fixture
def world():
    return FakeWorld()


def changes(world, name="High"):
    found = world.call(
        "DescribeAlarmHistory", AlarmName=name, HistoryItemType="StateUpdate", ScanBy="TimestampAscending"
    )
    return [item["HistorySummary"].removeprefix("Alarm updated from ") for item in found["AlarmHistoryItems"]]


def test_a_new_alarm_is_unchecked_and_then_follows_its_data(world):
    world.alarm()

    created = world.described()
    world.put_every_minute([1, 9, 1])

    assert (created["StateValue"], created["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    assert changes(world) == ["INSUFFICIENT_DATA to OK", "OK to ALARM", "ALARM to OK"]


def test_data_from_before_the_creation_counts(world):
    world.put(9)
    world.advance(seconds=50)
    world.alarm()

    world.advance(seconds=10)

    assert world.state() == "ALARM"


def test_an_alarm_without_data_says_so_and_announces_nothing(world):
    world.alarm(EvaluationPeriods=3)

    world.advance(minutes=1)

    assert world.described()["StateReason"] == "Insufficient Data: 3 datapoints were unknown."
    assert world.events.of("State") == []


@pytest.mark.parametrize(
    "treatment,expected",
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "ALARM"), ("breaching", "ALARM"), ("notBreaching", "OK")],
)
def test_when_the_metric_stops_the_treatment_decides(world, treatment, expected):
    world.alarm(TreatMissingData=treatment)
    world.put_every_minute([9])

    world.advance(minutes=10)

    assert world.state() == expected


def warm_up(minutes, *, whole):
    return {"WarmUpPeriodDurationInMinutes": minutes, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": whole}


def test_an_alarm_that_warms_up_stays_quiet_for_the_whole_period(world):
    world.alarm(TreatMissingData="breaching", WarmUpConfiguration=warm_up(5, whole=True))

    world.put_every_minute([1, 1, 1, 1])

    assert changes(world) == []
    world.advance(minutes=1)
    assert world.state() == "OK"


def test_a_warm_up_period_ends_with_the_first_full_window_unless_it_must_be_whole(world):
    world.alarm(EvaluationPeriods=2, WarmUpConfiguration=warm_up(30, whole=False))

    world.put_every_minute([9])
    after_one = world.state()
    world.put_every_minute([9])

    assert (after_one, world.state()) == ("INSUFFICIENT_DATA", "ALARM")


def test_a_silent_subject_alarms_once_its_warm_up_period_is_over(world):
    world.alarm(TreatMissingData="breaching", WarmUpConfiguration=warm_up(5, whole=True))

    world.advance(minutes=4)
    during = world.state()
    world.advance(minutes=1)

    assert (during, world.state()) == ("INSUFFICIENT_DATA", "ALARM")


def test_an_update_does_not_start_the_warm_up_period_again(world):
    world.alarm(TreatMissingData="breaching", WarmUpConfiguration=warm_up(2, whole=True))
    world.advance(minutes=3)

    world.alarm(TreatMissingData="breaching", Threshold=7, WarmUpConfiguration=warm_up(2, whole=True))
    world.put_every_minute([1])

    assert world.state() == "OK"


def test_m_of_n_alarms_and_recovers_at_the_documented_minute(world):
    world.alarm(EvaluationPeriods=3, DatapointsToAlarm=2)
    seen = []

    for value in (9, 1, 9, 9, 1, 1):
        world.put_every_minute([value])
        seen.append(world.state())

    assert seen == ["INSUFFICIENT_DATA", "OK", "ALARM", "ALARM", "ALARM", "OK"]


def test_a_long_period_slides_by_the_minute(world):
    world.alarm(Period=300)
    world.advance(minutes=2)
    world.put(9)

    world.advance(minutes=1)
    inside = world.state()
    world.advance(minutes=5)

    assert inside == "ALARM"
    assert world.state() == "ALARM"


def test_a_high_resolution_alarm_moves_within_ten_seconds(world):
    world.alarm(Period=10)
    world.put(9, StorageResolution=1)

    world.advance(seconds=10)

    assert world.state() == "ALARM"


def test_metric_math_decides_and_a_division_by_zero_is_missing(world):
    def query(id_, name):
        metric = {"Namespace": "App", "MetricName": name}
        return {"Id": id_, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False}

    world.call(
        "PutMetricAlarm",
        AlarmName="Rate",
        Metrics=[
            query("errors", "Errors"),
            query("requests", "Requests"),
            {"Id": "rate", "Expression": "IF(requests >= 10, 100 * FILL(errors, 0) / requests, 0)", "Label": "5xx %"},
        ],
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    seen = []
    for errors, requests in ((None, 100), (5, 100), (5, 5), (None, None)):
        if errors is not None:
            world.put(errors, "Errors")
        if requests is not None:
            world.put(requests, "Requests")
        world.advance(minutes=1)
        seen.append(world.state("Rate"))

    # The last minute is silent: its shortfall is filled by the treatment, beside the real points still in range.
    assert seen == ["OK", "ALARM", "OK", "OK"]
    assert '"statistic"' not in world.described("Rate")["StateReasonData"]


def test_a_percentile_alarm_ignores_too_few_samples_if_asked_to(world):
    p99 = {"Statistic": None, "ExtendedStatistic": "p99", "Period": 60}
    world.alarm("Strict", **p99)
    world.alarm("Patient", EvaluateLowSampleCountPercentile="ignore", **p99)

    world.put_every_minute([9])

    assert (world.state("Strict"), world.state("Patient")) == ("ALARM", "INSUFFICIENT_DATA")


def test_actions_run_on_transitions_only_and_the_message_is_the_classic_one(world):
    world.alarm(AlarmActions=[TOPIC], OKActions=[TOPIC], AlarmDescription="too many errors")

    world.put_every_minute([1, 9, 9, 9, 1])

    subjects = [message["subject"] for message in world.topics.published]
    assert subjects == [
        'OK: "High" in US East (N. Virginia)',
        'ALARM: "High" in US East (N. Virginia)',
        'OK: "High" in US East (N. Virginia)',
    ]
    first = world.topics.published[1]
    body = json.loads(first["message"])
    assert (first["principal"], first["topic_arn"]) == ("cloudwatch.amazonaws.com", TOPIC)
    assert first["source_arn"] == body["AlarmArn"] == "arn:aws:cloudwatch:us-east-1:123456789012:alarm:High"
    assert (body["OldStateValue"], body["NewStateValue"]) == ("OK", "ALARM")
    assert body["NewStateReason"] == (
        "Threshold Crossed: 1 datapoint [9.0 (20/11/26 10:01:00)] was greater than the threshold (5.0)."
    )


def test_a_lambda_action_is_invoked_for_the_alarms_principal(world):
    world.alarm(AlarmActions=[FUNCTION])

    world.put_every_minute([9])

    ((name, payload),) = world.functions.invoked
    assert name == FUNCTION
    assert payload["alarmData"]["state"]["value"] == "ALARM"
    assert world.access.asked[0]["principal"] == "lambda.alarms.cloudwatch.amazonaws.com"


def test_disabled_actions_do_not_run_but_the_event_is_sent(world):
    world.alarm(AlarmActions=[TOPIC], ActionsEnabled=False)
    world.put_every_minute([9])
    silent = list(world.topics.published)

    world.call("EnableAlarmActions", AlarmNames=["High"])
    world.put_every_minute([1, 9])

    assert silent == []
    assert [detail["state"]["value"] for detail in world.events.of("State")] == ["ALARM", "OK", "ALARM"]
    assert len(world.topics.published) == 1


def test_a_refused_action_is_kept_in_the_history(world):
    world.topics.refuses = True
    world.alarm(AlarmActions=[TOPIC])

    world.put_every_minute([9])

    (item,) = world.call("DescribeAlarmHistory", AlarmName="High", HistoryItemType="Action")["AlarmHistoryItems"]
    assert item["HistorySummary"] == f"Failed to execute action {TOPIC}"
    assert "AuthorizationError" in json.loads(item["HistoryData"])["error"]
    (refused,) = world.journal.since(0)
    assert refused.kind == "refused"
    assert str(refused.facts["what"]).endswith(f"alarm:High to {TOPIC}")


def test_set_alarm_state_acts_and_is_taken_back_by_the_next_evaluation(world):
    world.alarm(AlarmActions=[TOPIC])
    world.put_every_minute([1])

    world.call("SetAlarmState", AlarmName="High", StateValue="ALARM", StateReason="test")
    set_to = world.state()
    world.put_every_minute([1])

    assert set_to == "ALARM"
    assert world.state() == "OK"
    assert json.loads(world.topics.published[0]["message"])["NewStateReason"] == "test"


def test_an_update_keeps_the_state_and_ignores_tags(world):
    world.alarm(Tags=[{"Key": "a", "Value": "1"}])
    world.put_every_minute([9])

    world.alarm(Threshold=50.0, Tags=[{"Key": "b", "Value": "2"}])

    assert world.state() == "ALARM"
    arn = world.described()["AlarmArn"]
    assert world.call("ListTagsForResource", ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    assert [detail["operation"] for detail in world.events.of("Configuration")] == ["create", "update"]


def test_tags_are_added_and_taken_off(world):
    world.alarm()
    arn = world.described()["AlarmArn"]

    world.call("TagResource", ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    world.call("UntagResource", ResourceARN=arn, TagKeys=["a"])

    assert world.call("ListTagsForResource", ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    with pytest.raises(ServiceError, match="Unknown resource"):
        world.call("ListTagsForResource", ResourceARN=arn + "x")


def test_a_window_of_more_than_a_day_is_evaluated_on_the_hour(world):
    world.alarm(Period=3600, EvaluationPeriods=25, DatapointsToAlarm=1)
    world.put(9)

    world.advance(minutes=59)
    before = world.state()
    world.advance(minutes=1)

    assert (before, world.state()) == ("INSUFFICIENT_DATA", "ALARM")


def test_a_datum_of_the_instant_counts_and_the_action_comes_after_the_evaluation(world):
    order: list[str] = []

    def datum():
        order.append("datum")
        world.put(9, Timestamp=minute - timedelta(seconds=1))

    def publish(**message):
        order.append(f"action, in {world.state()}")

    world.alarm(AlarmActions=[TOPIC])
    world.topics.publish_by_service = publish
    minute = START + timedelta(minutes=1)
    world.do_at(minute, datum)

    world.advance(minutes=1)

    assert order == ["datum", "action, in ALARM"]


def test_history_data_of_a_long_change_stay_json_within_awss_limit(world):
    world.alarm(AlarmActions=[TOPIC], EvaluationPeriods=100, DatapointsToAlarm=1, AlarmDescription="d" * 1024)
    world.cloudwatch.put(
        "App",
        [{"MetricName": "Errors", "Value": 0.123456789, "Timestamp": START - timedelta(minutes=m)} for m in range(99)],
    )
    world.put_every_minute([9])

    items = world.call("DescribeAlarmHistory", AlarmName="High")["AlarmHistoryItems"]

    assert {item["HistoryItemType"] for item in items} == {"Action", "StateUpdate", "ConfigurationUpdate"}
    for item in items:
        assert len(item["HistoryData"]) <= 4095
        json.loads(item["HistoryData"])
