import json
from datetime import UTC, datetime, timedelta

import pytest

from core.catalogue.alarm import Comparison, MissingData
from core.cloudwatch.anomaly import Band, BandComparison
from core.cloudwatch.evaluation import Condition
from core.cloudwatch.mute import Window
from core.cloudwatch.reasons import Datapoint, reason, reason_data
from core.cloudwatch.state import State
from local.cloudwatch import notices
from local.cloudwatch.notices import Extra, Mute
from tests.cloudwatch.fakes import FUNCTION, TOPIC, FakeWorld
from tests.cloudwatch.samples import CPU, alarm_of, network, sample, status

RULE = "ALARM(ServerCpuTooHigh) OR ALARM(TotalNetworkTrafficTooHigh)"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def suppressed_world(moment: str) -> FakeWorld:
    world = FakeWorld(at(moment))
    for name in ("ServerCpuTooHigh", "TotalNetworkTrafficTooHigh", "ServiceMaintenanceAlarm"):
        world.alarm(name)
    put(world, 180)
    return world


def put(world: FakeWorld, extension: int) -> None:
    world.call(
        "PutCompositeAlarm",
        AlarmName="ServiceAggregatedAlarm",
        AlarmRule=RULE,
        ActionsSuppressor="ServiceMaintenanceAlarm",
        ActionsSuppressorWaitPeriod=120,
        ActionsSuppressorExtensionPeriod=extension,
    )


def last_event(world):
    event = dict(world.events.events[-1])
    event["detail-type"] = event.pop("detail_type")
    return event


def without_envelope(expected):
    return {key: expected[key] for key in ("source", "detail-type", "resources", "detail")}


def test_the_state_change_of_a_composite_with_a_suppressor():
    expected = sample("cw-alarm-state-change-composite")["detail"]
    alarm = alarm_of(suppressed_world("2022-07-22T15:50:00+00:00"), "ServiceAggregatedAlarm")

    detail = notices.state_change(alarm, status(expected["previousState"]), status(expected["state"]))

    assert detail == expected


def test_the_state_change_of_a_muted_alarm():
    expected = sample("cw-alarm-state-change-metric-muted")["detail"]
    world = FakeWorld()
    world.call("PutMetricAlarm", **CPU)
    alarm = alarm_of(world, "ServerCpuTooHigh")
    alarm.metric_id = expected["configuration"]["metrics"][0]["id"]
    given = expected["muteDetail"]
    mute = Mute(given["mutedByArn"], Window(at(given["muteWindowStart"]), at(given["muteWindowEnd"])))

    detail = notices.state_change(alarm, status(expected["previousState"]), status(expected["state"]), Extra(mute=mute))

    assert detail == expected


def test_the_state_change_of_an_alarm_with_a_band():
    expected = sample("cw-alarm-state-change-anomaly")["detail"]
    stat = {"Metric": network("m1")[0]["MetricStat"]["Metric"] | {"MetricName": "CPUUtilization"}}
    world = FakeWorld()
    world.call(
        "PutMetricAlarm",
        AlarmName="EC2 CPU Utilization Anomaly",
        AlarmDescription="Goes into alarm if CPU Utilization is out of band",
        Metrics=[
            {"Id": "m1", "MetricStat": stat | {"Period": 60, "Stat": "Average"}},
            {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 0.8)", "Label": "CPUUtilization (expected)"},
        ],
        ThresholdMetricId="ad1",
        ComparisonOperator="LessThanLowerOrGreaterThanUpperThreshold",
        EvaluationPeriods=1,
        DatapointsToAlarm=1,
    )
    given = expected["muteDetail"]
    mute = Mute(given["mutedByArn"], Window(at(given["muteWindowStart"]), at(given["muteWindowEnd"])))

    detail = notices.state_change(
        alarm_of(world, "EC2 CPU Utilization Anomaly"),
        status(expected["previousState"]),
        status(expected["state"]),
        Extra(mute=mute),
    )

    assert detail == expected


@pytest.mark.parametrize(
    "which,state,point,band,queried",
    [
        ("state", State.ALARM, (58, 0.0), (0.020599444741798756, 0.3006915352732461), "16:00:04.650"),
        ("previousState", State.OK, (57, 0.166666666664241), (0.0206719426210418, 0.30076870222143803), "15:59:04.670"),
    ],
)
def test_the_reasons_of_an_alarm_with_a_band(which, state, point, band, queried):
    expected = sample("cw-alarm-state-change-anomaly")["detail"][which]
    condition = Condition(Comparison.GREATER, 0.0, 1, 1, MissingData.MISSING)
    minute, value = point
    points = [Datapoint(datetime(2019, 10, 3, 15, minute, tzinfo=UTC), value, band=band)]
    watched = Band(BandComparison.OUTSIDE, "ad1", "m1", 0.8)

    text = reason(points, condition, state, explicit=True, band=watched)
    data = reason_data(
        points,
        condition,
        now=at(f"2019-10-03T{queried}+00:00"),
        period=timedelta(minutes=1),
        statistic=None,
        unit=None,
        banded=True,
    )

    newer = json.loads(data)
    del newer["evaluatedDatapoints"]
    assert text == expected["reason"]
    assert newer == json.loads(expected["reasonData"])


def test_creating_a_composite_with_a_suppressor():
    expected = sample("cw-alarm-config-change-create-composite-suppressor")

    event = last_event(suppressed_world("2022-07-14T13:59:46.425+00:00"))

    assert event == without_envelope(expected)


def waiting_world() -> FakeWorld:
    """The composite of the samples, created into an ALARM that waits for its suppressor."""
    world = FakeWorld(at("2022-07-14T13:59:46.425+00:00"))
    for name in ("ServerCpuTooHigh", "TotalNetworkTrafficTooHigh", "ServiceMaintenanceAlarm"):
        world.alarm(name)
    world.call("SetAlarmState", AlarmName="ServerCpuTooHigh", StateValue="ALARM", StateReason="test")
    put(world, 180)
    world.clock.settle()
    world.clock.run_until(at("2022-07-14T13:59:56.290+00:00"))
    world.alarm("ServerCpuTooHigh", TreatMissingData="ignore")
    put(world, 360)
    return world


def test_updating_a_composite_that_waits_for_its_suppressor():
    expected = sample("cw-alarm-config-change-update-composite-suppressor")

    assert last_event(waiting_world()) == without_envelope(expected)


def test_deleting_a_composite_that_waits_for_its_suppressor():
    expected = sample("cw-alarm-config-change-delete-composite-suppressor")
    world = waiting_world()

    world.call("DeleteAlarms", AlarmNames=["ServiceAggregatedAlarm"])

    assert last_event(world) == without_envelope(expected)


def test_updating_a_metric_alarm():
    expected = sample("cw-alarm-config-change-update-metric")
    given = {key: value for key, value in CPU.items() if key != "DatapointsToAlarm"} | {"TreatMissingData": "ignore"}
    world = FakeWorld(at("2022-03-03T17:06:13.757+00:00"))
    world.call("PutMetricAlarm", **given | {"Threshold": 70.0})
    world.clock.run_until(at("2022-03-03T17:06:34.267+00:00"))

    world.call("PutMetricAlarm", **given | {"Threshold": 80.0})

    event = last_event(world)
    for configuration in ("configuration", "previousConfiguration"):
        metric = event["detail"][configuration]["metrics"][0]
        metric["id"] = expected["detail"][configuration]["metrics"][0]["id"]
    assert event == without_envelope(expected)


def test_deleting_a_metric_math_alarm():
    expected = sample("cw-alarm-config-change-delete-metric-math")
    world = FakeWorld(at("2022-03-03T17:06:17.672+00:00"))
    world.call(
        "PutMetricAlarm",
        AlarmName="TotalNetworkTrafficTooHigh",
        AlarmDescription="Goes into alarm if total network traffic exceeds 10Kb",
        Metrics=network("SUM(METRICS())"),
        EvaluationPeriods=1,
        Threshold=10000,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )

    world.call("DeleteAlarms", AlarmNames=["TotalNetworkTrafficTooHigh"])

    assert last_event(world) == without_envelope(expected)


def test_the_payload_of_a_composites_lambda_action():
    expected = sample("lambda-alarm-action-composite")
    data = expected["alarmData"]
    world = FakeWorld()
    world.account = expected["accountId"]
    for name in ("FirstChild", "SecondChild", "ActionsSuppressor"):
        world.alarm(f"CompositeDemo.{name}")
    world.call(
        "PutCompositeAlarm",
        AlarmName="CompositeDemo.Main",
        AlarmRule=data["configuration"]["alarmRule"],
        ActionsSuppressor="CompositeDemo.ActionsSuppressor",
        ActionsSuppressorWaitPeriod=120,
        ActionsSuppressorExtensionPeriod=180,
    )
    alarm = alarm_of(world, "CompositeDemo.Main")
    alarm.arn = expected["alarmArn"]

    payload = notices.lambda_payload(
        alarm, status(data["previousState"]), status(data["state"]), account=world.account, region=world.region
    )

    assert payload == expected


TAGS = [{"Key": "team", "Value": "ml"}, {"Key": "cost", "Value": "7"}]


@pytest.mark.parametrize(
    "propagation,tags",
    [
        ({"Enabled": True}, {"team": "ml", "cost": "7"}),
        ({"Enabled": True, "IncludedTagKeys": ["team", "more"]}, {"team": "ml"}),
        ({"Enabled": True, "ExcludedTagKeys": ["team"]}, {"cost": "7"}),
        ({"Enabled": False}, None),
    ],
)
def test_an_alarms_tags_go_along_with_its_events_messages_and_payloads(propagation, tags):
    world = FakeWorld()
    configuration = {"AlarmTagsPropagation": propagation}
    world.alarm(Tags=TAGS, ActionConfiguration=configuration, AlarmActions=[TOPIC, FUNCTION])

    world.put_every_minute([9])

    event = world.events.of("State")[-1]
    message = json.loads(world.topics.published[0]["message"])
    payload = world.functions.invoked[0][1]["alarmData"]
    assert world.described()["ActionConfiguration"] == configuration
    assert (event.get("alarmTags"), event.get("alarmTagsStatus")) == (tags, "SUCCESS" if tags else None)
    assert message.get("AlarmTags") == (tags and [{"Key": key, "Value": value} for key, value in tags.items()])
    assert payload.get("alarmTags") == (tags and [{"key": key, "value": value} for key, value in tags.items()])


def test_enabling_and_disabling_actions_is_a_change_of_configuration():
    world = FakeWorld()
    world.alarm()
    world.advance(minutes=1)

    world.call("DisableAlarmActions", AlarmNames=["High"])
    world.call("DisableAlarmActions", AlarmNames=["High"])

    changes = [one for one in world.events.of("Configuration") if one["operation"] == "update"]
    assert [one["configuration"]["actionsEnabled"] for one in changes] == [False]
    assert changes[0]["previousConfiguration"]["actionsEnabled"] is True
