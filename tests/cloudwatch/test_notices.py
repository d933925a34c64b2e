import json
from datetime import UTC, datetime, timedelta

import pytest

from core.catalogue.alarm import Comparison, MissingData
from core.cloudwatch.evaluation import Condition
from core.cloudwatch.limits import MAX_STATE_REASON, MAX_STATE_REASON_DATA
from core.cloudwatch.reasons import Datapoint, number, reason, reason_data, spoken_time
from core.cloudwatch.state import State
from local.cloudwatch import notices
from tests.cloudwatch.fakes import FakeWorld
from tests.cloudwatch.samples import CPU, alarm_of, network, sample, status


def shape(value):
    """The keys of a JSON value, and the types below them."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__


def test_the_state_change_of_a_metric_alarm_is_the_documented_one_field_for_field():
    expected = sample("cw-alarm-state-change-metric")["detail"]
    world = FakeWorld()
    world.call("PutMetricAlarm", **CPU)
    alarm = alarm_of(world, "ServerCpuTooHigh")
    alarm.metric_id = expected["configuration"]["metrics"][0]["id"]

    detail = notices.state_change(alarm, status(expected["previousState"]), status(expected["state"]))

    assert detail == expected


def test_the_state_change_of_a_math_alarm_is_the_documented_one_field_for_field():
    expected = sample("cw-alarm-state-change-metric-math")["detail"]
    first, second, total = network("SUM(METRICS())")
    world = FakeWorld()
    world.call(
        "PutMetricAlarm",
        AlarmName="TotalNetworkTrafficTooHigh",
        AlarmDescription="Goes into alarm if total network traffic exceeds 10Kb",
        Metrics=[total, first, second],
        EvaluationPeriods=1,
        Threshold=10000,
        ComparisonOperator="GreaterThanThreshold",
    )

    detail = notices.state_change(
        alarm_of(world, "TotalNetworkTrafficTooHigh"), status(expected["previousState"]), status(expected["state"])
    )

    assert detail == expected


def composite_world():
    world = FakeWorld(datetime(2022, 3, 3, 17, 6, 22, 289000, tzinfo=UTC))
    world.alarm("ServerCpuTooHigh")
    world.alarm("TotalNetworkTrafficTooHigh")
    world.call(
        "PutCompositeAlarm",
        AlarmName="ServiceAggregatedAlarm",
        AlarmDescription="Aggregated monitor for instance",
        AlarmRule="ALARM(ServerCpuTooHigh) OR ALARM(TotalNetworkTrafficTooHigh)",
    )
    return world


def test_creating_a_composite_sends_the_documented_event_field_for_field():
    expected = sample("cw-alarm-config-change-create-composite")

    event = composite_world().events.events[-1]

    assert event == {
        "source": expected["source"],
        "detail_type": expected["detail-type"],
        "resources": expected["resources"],
        "detail": expected["detail"],
    }


def test_the_payload_of_a_lambda_action_is_the_documented_one_field_for_field():
    expected = sample("lambda-alarm-action-metric")
    world = FakeWorld()
    world.account = "444455556666"
    configured = expected["alarmData"]["configuration"]
    world.call(
        "PutMetricAlarm",
        **CPU
        | {
            "AlarmName": "lambda-demo-metric-alarm",
            "AlarmDescription": configured["description"],
            "Namespace": "AWS/Logs",
            "MetricName": "CallCount",
            "Dimensions": [{"Name": "InstanceId", "Value": "i-12345678"}],
            "Unit": "Percent",
            "Period": 60,
        },
    )
    alarm = alarm_of(world, "lambda-demo-metric-alarm")
    alarm.metric_id = configured["metrics"][0]["id"]
    data = expected["alarmData"]

    payload = notices.lambda_payload(
        alarm, status(data["previousState"]), status(data["state"]), account=world.account, region=world.region
    )

    assert payload == expected


def test_the_sns_message_has_the_classic_shape_and_values():
    expected = sample("sns-alarm-metric")
    event = sample("cw-alarm-state-change-metric")["detail"]
    world = FakeWorld(datetime(2019, 10, 1, 13, 40, tzinfo=UTC))
    world.call("PutMetricAlarm", **CPU, AlarmActions=["arn:aws:sns:us-east-1:123456789012:alerts"])

    body = notices.message(
        alarm_of(world, "ServerCpuTooHigh"),
        status(event["previousState"]),
        status(event["state"]),
        account="123456789012",
        region_name="US East (N. Virginia)",
    )

    assert body == expected


SPAN = timedelta(minutes=5)


def test_reason_and_data_are_those_of_the_sample():
    expected = sample("cw-alarm-state-change-metric")["detail"]["state"]
    condition = Condition(Comparison.GREATER, 50.0, 1, 1, MissingData.MISSING)
    point = Datapoint(datetime(2019, 10, 2, 16, 59, tzinfo=UTC), 99.50160229693434, samples=5)
    queried = datetime(2019, 10, 2, 17, 4, 40, 985000, tzinfo=UTC)

    text = reason([point], condition, State.ALARM, explicit=True)
    data = reason_data([point], condition, now=queried, period=SPAN, statistic="Average", unit=None)

    assert expected["reason"] == text
    newer = json.loads(data)
    assert newer.pop("evaluatedDatapoints") == [
        {"timestamp": "2019-10-02T16:59:00.000+0000", "sampleCount": 5, "value": 99.50160229693434}
    ]
    assert json.loads(expected["reasonData"]) == newer


def test_reason_and_data_of_missing_datapoints_are_those_of_the_sample():
    expected = sample("lambda-alarm-action-metric")["alarmData"]["previousState"]
    condition = Condition(Comparison.GREATER, 5.0, 5, 5, MissingData.MISSING)
    first = datetime(2023, 8, 4, 12, 24, tzinfo=UTC)
    points = [Datapoint(first + timedelta(minutes=minute), None) for minute in range(7)]
    queried = datetime(2023, 8, 4, 12, 31, 29, 591000, tzinfo=UTC)

    text = reason(points, condition, State.INSUFFICIENT_DATA, explicit=True)
    data = reason_data(points, condition, now=queried, period=timedelta(minutes=1), statistic="Average", unit=None)

    assert (expected["reason"], expected["reasonData"]) == (text, data)


def points_of(*values):
    first = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    return [Datapoint(first + timedelta(minutes=minute), value) for minute, value in enumerate(values)]


@pytest.mark.parametrize(
    "values,missing,state,explicit,expected",
    [
        (
            (1.0, 9.0, 8.0),
            MissingData.MISSING,
            State.ALARM,
            True,
            (
                "Threshold Crossed: 2 out of the last 3 datapoints [8.0 (20/11/26 10:02:00), 9.0 (20/11/26 10:01:00)] "
                "were greater than the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition)."
            ),
        ),
        (
            (1.0, 2.0, 9.0),
            MissingData.MISSING,
            State.OK,
            True,
            (
                "Threshold Crossed: 2 out of the last 3 datapoints [2.0 (20/11/26 10:01:00), 1.0 (20/11/26 10:00:00)] "
                "were not greater than the threshold (5.0) (minimum 2 datapoints for ALARM -> OK transition)."
            ),
        ),
        (
            (9.0, 9.0, 9.0),
            MissingData.MISSING,
            State.ALARM,
            False,
            (
                "Threshold Crossed: 3 datapoints [9.0 (20/11/26 10:02:00), 9.0 (20/11/26 10:01:00), "
                "9.0 (20/11/26 10:00:00)] were greater than the threshold (5.0)."
            ),
        ),
        (
            (None, None, None),
            MissingData.BREACHING,
            State.ALARM,
            True,
            (
                "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as "
                "[Breaching]."
            ),
        ),
        (
            (None, 1.0, None),
            MissingData.BREACHING,
            State.ALARM,
            True,
            (
                "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were treated as "
                "[Breaching]."
            ),
        ),
        (
            (None, 1.0, 1.0),
            MissingData.NOT_BREACHING,
            State.OK,
            True,
            (
                "Threshold Crossed: 2 datapoints were received for 3 periods and 1 missing datapoint was treated as "
                "[NonBreaching]."
            ),
        ),
    ],
)
def test_reasons_read_as_awss_do(values, missing, state, explicit, expected):
    condition = Condition(Comparison.GREATER, 5.0, 2, 3, missing)

    assert reason(points_of(*values), condition, state, explicit=explicit) == expected


def test_from_five_datapoints_on_the_newest_five_have_a_sentence_of_their_own():
    condition = Condition(Comparison.GREATER, 5.0, 6, 6, MissingData.MISSING)

    text = reason(points_of(*map(float, range(10, 16))), condition, State.ALARM, explicit=True)

    assert text == (
        "Threshold Crossed: 6 out of the last 6 datapoints were greater than the threshold (5.0). The most recent "
        "datapoints which crossed the threshold: [15.0 (20/11/26 10:05:00), 14.0 (20/11/26 10:04:00), "
        "13.0 (20/11/26 10:03:00), 12.0 (20/11/26 10:02:00), 11.0 (20/11/26 10:01:00)] "
        "(minimum 6 datapoints for OK -> ALARM transition)."
    )


def test_reason_and_data_of_a_day_of_datapoints_stay_within_awss_limits():
    condition = Condition(Comparison.GREATER, 5.0, 1440, 1440, MissingData.MISSING)
    points = points_of(*[9.123456789] * 1442)

    text = reason(points, condition, State.ALARM, explicit=True)
    data = reason_data(points, condition, now=points[-1].at, period=timedelta(minutes=1), statistic="Sum", unit=None)

    assert len(text) <= MAX_STATE_REASON
    assert len(data) <= MAX_STATE_REASON_DATA
    assert json.loads(data)["evaluatedDatapoints"][0]["timestamp"] == "2026-11-21T10:01:00.000+0000"


@pytest.mark.parametrize(
    "value,text",
    [
        (50, "50.0"),
        (0, "0.0"),
        (45628.0, "45628.0"),
        (1e7, "1.0E7"),
        (1.5e9, "1.5E9"),
        (-2.5e8, "-2.5E8"),
        (1e-4, "1.0E-4"),
    ],
)
def test_numbers_print_as_java_prints_them(value, text):
    assert number(float(value)) == text


def test_times_are_spoken_as_awss_composites_do():
    assert spoken_time(datetime(2022, 7, 22, 15, 57, 45, tzinfo=UTC)) == "Friday 22 July, 2022 15:57:45 UTC"
