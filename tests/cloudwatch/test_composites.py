import json

import pytest

from local.errors import ServiceError
from tests.cloudwatch.fakes import TOPIC, FakeWorld


@pytest.fixture
def world():
    world = FakeWorld()
    world.alarm("errors")
    world.alarm("latency", MetricName="Latency")
    return world


def put(world, name, rule, **more):
    world.call("PutCompositeAlarm", AlarmName=name, AlarmRule=rule, **more)


def minute(world, **values):
    for name, value in values.items():
        world.put(value, name)
    world.advance(minutes=1)


def test_a_composite_is_evaluated_on_creation_and_in_the_tick_of_its_children(world):
    minute(world, Errors=1, Latency=1)
    put(world, "top", 'ALARM("errors") OR ALARM(latency)', AlarmActions=[TOPIC])
    created = world.described("top")
    world.clock.settle()
    evaluated = world.described("top")

    minute(world, Errors=9, Latency=1)

    assert (created["StateValue"], created["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    assert evaluated["StateReason"] == f"{created['AlarmArn']} was created and its alarm rule evaluates to OK"
    now = world.described("top")
    child = world.described("errors")["AlarmArn"]
    assert now["StateValue"] == "ALARM"
    assert now["StateReason"] == f"{child} transitioned to ALARM at Friday 20 November, 2026 10:02:00 UTC"
    assert json.loads(now["StateReasonData"]) == {
        "triggeringAlarms": [{"arn": child, "state": {"value": "ALARM", "timestamp": "2026-11-20T10:02:00.000+0000"}}]
    }
    body = json.loads(world.topics.published[0]["message"])
    assert body["AlarmRule"] == 'ALARM("errors") OR ALARM(latency)'
    assert [one["Arn"] for one in body["TriggeringChildren"]] == [child]


def test_composites_on_composites_follow_in_the_same_tick(world):
    put(world, "middle", "ALARM(errors) AND NOT ALARM(latency)")
    put(world, "top", "ALARM(middle)")
    put(world, "middle", "ALARM(errors) AND NOT ALARM(latency) AND TRUE")

    minute(world, Errors=9, Latency=1)

    assert (world.state("middle"), world.state("top")) == ("ALARM", "ALARM")


def test_set_state_of_a_child_carries_over_at_once(world):
    minute(world, Errors=1, Latency=1)
    put(world, "top", "ALARM(errors)")
    world.clock.settle()

    world.call("SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="test")

    assert world.state("top") == "ALARM"


def test_a_circle_stops_evaluation_until_it_is_broken(world):
    put(world, "one", "ALARM(errors)")
    put(world, "two", "ALARM(one)")
    put(world, "one", "ALARM(two) OR ALARM(errors)")
    minute(world, Errors=9)
    stuck = (world.state("one"), world.state("two"))

    with pytest.raises(ServiceError, match="Cannot delete two as there are composite alarm"):
        world.call("DeleteAlarms", AlarmNames=["two"])
    put(world, "one", "FALSE")
    world.clock.settle()

    assert stuck == ("INSUFFICIENT_DATA", "INSUFFICIENT_DATA")
    assert (world.state("one"), world.state("two")) == ("OK", "OK")


@pytest.mark.parametrize(
    "params,message",
    [
        ({"AlarmRule": "ALARM(nothing)"}, "alarms [nothing] in the alarm rule do not exist"),
        ({"AlarmRule": "ALARM(errors"}, "Invalid AlarmRule: the rule ends at position 12; expected )"),
        ({"AlarmRule": " TRUE"}, "must not contain leading or trailing whitespace"),
        ({"AlarmRule": "TRUE", "AlarmName": "errors"}, "An alarm of another type has the name errors"),
        (
            {"AlarmRule": "TRUE", "ActionsSuppressorWaitPeriod": 60},
            "ActionsSuppressorWaitPeriod cannot be specified without ActionsSuppressor",
        ),
        (
            {
                "AlarmRule": "TRUE",
                "ActionsSuppressor": "nothing",
                "ActionsSuppressorWaitPeriod": 60,
                "ActionsSuppressorExtensionPeriod": 60,
            },
            "the ActionsSuppressor nothing does not exist",
        ),
        (
            {"AlarmRule": "TRUE", "ActionsSuppressor": "errors"},
            "ActionsSuppressorWaitPeriod is required when ActionsSuppressor is specified",
        ),
    ],
)
def test_what_no_composite_may_say_is_refused(world, params, message):
    with pytest.raises(ServiceError) as refused:
        world.call("PutCompositeAlarm", **({"AlarmName": "top"} | params))

    assert refused.value.code == "ValidationError"
    assert message in refused.value.message


def test_relatives_are_described(world):
    put(world, "top", "ALARM(errors) AND ALARM(latency)")

    children = world.call("DescribeAlarms", ChildrenOfAlarmName="top")
    parents = world.call("DescribeAlarms", ParentsOfAlarmName="errors")

    assert [one["AlarmName"] for one in children["MetricAlarms"]] == ["errors", "latency"]
    assert [one["AlarmName"] for one in parents["CompositeAlarms"]] == ["top"]
