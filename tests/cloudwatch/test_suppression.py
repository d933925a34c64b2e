import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cloudwatch.composite.suppression import Hold, Suppression, Suppressor, begun, continued, replaced
from local.errors import ServiceError
from tests.cloudwatch.fakes import FUNCTION, TOPIC, FakeWorld

T0 = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
GUIDE = Suppressor("suppressor", timedelta(minutes=2), timedelta(minutes=3))


def t(units: float) -> datetime:
    return T0 + timedelta(minutes=units)


def story(*happenings: tuple[int, str]) -> dict[int, str]:
    """What holds the actions back at t0 to t12; a happening turns the `composite` or the suppressor (`on`, `off`)."""
    held: Suppression | None = None
    alarming, seen = False, {}
    for unit in range(13):
        for _, what in (one for one in happenings if one[0] == unit):
            if what == "composite":
                held = begun(GUIDE, alarming=alarming, now=t(unit))
            else:
                alarming = what == "on"
        held = continued(held, GUIDE, alarming=alarming, now=t(unit))
        seen[unit] = held.by.value if held else ""
    return seen


def spans(seen: dict[int, str]) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    for unit, by in seen.items():
        if by and found and found[-1][0] == by and found[-1][2] == unit:
            found[-1] = (by, found[-1][1], unit + 1)
        elif by:
            found.append((by, unit, unit + 1))
    return found


@pytest.mark.parametrize(
    "happenings,expected",
    [
        pytest.param([(2, "composite")], [("WaitPeriod", 2, 4)], id="example 1"),
        pytest.param([(2, "composite"), (3, "on")], [("WaitPeriod", 2, 3), ("Alarm", 3, 13)], id="example 2"),
        pytest.param([(2, "composite"), (3, "composite")], [("WaitPeriod", 2, 5)], id="example 3"),
        pytest.param([(0, "on"), (2, "composite")], [("Alarm", 2, 13)], id="example 4"),
        pytest.param(
            [(2, "composite"), (3, "on"), (6, "off")],
            [("WaitPeriod", 2, 3), ("Alarm", 3, 6), ("ExtensionPeriod", 6, 9)],
            id="example 5",
        ),
        pytest.param(
            [(2, "composite"), (3, "on"), (6, "off"), (7, "composite")],
            [("WaitPeriod", 2, 3), ("Alarm", 3, 6), ("ExtensionPeriod", 6, 7), ("WaitPeriod", 7, 9)],
            id="example 6",
        ),
        pytest.param([(2, "composite"), (5, "on"), (6, "off")], [("WaitPeriod", 2, 4)], id="an episode that has ended"),
        pytest.param(
            [(2, "composite"), (3, "on"), (6, "off"), (8, "on"), (9, "off")],
            [
                ("WaitPeriod", 2, 3),
                ("Alarm", 3, 6),
                ("ExtensionPeriod", 6, 8),
                ("Alarm", 8, 9),
                ("ExtensionPeriod", 9, 12),
            ],
            id="the suppressor alarms again within the extension",
        ),
    ],
)
def test_the_user_guides_examples_hold_to_the_time_unit(happenings, expected):
    assert spans(story(*happenings)) == expected


def test_another_suppressor_discards_a_running_period_but_suppresses_if_it_alarms():
    waiting = Suppression(Hold.WAIT, t(2))

    assert replaced(waiting, alarming=False) is None
    assert replaced(waiting, alarming=True) == Suppression(Hold.ALARM)
    assert replaced(None, alarming=True) is None


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["composite", "on", "off"])), max_size=8))
def test_a_quiet_suppressor_holds_nothing_back_for_longer_than_its_periods(happenings):
    last = max((unit for unit, _ in happenings), default=0)
    ends_quiet = [what for _, what in sorted(happenings, key=lambda one: one[0]) if what != "composite"][-1:] != ["on"]

    seen = story(*happenings)

    assert not ends_quiet or all(by == "" for unit, by in seen.items() if unit >= last + 3)


@pytest.fixture
def world():
    world = FakeWorld()
    world.alarm("errors")
    world.alarm("maintenance", MetricName="Maintenance")
    for _ in range(2):
        tick(world)
    put(world)
    world.advance(minutes=5)
    world.topics.published.clear()
    world.events.events.clear()
    return world


def put(world, **more):
    given = {
        "AlarmRule": "ALARM(errors)",
        "ActionsSuppressor": "maintenance",
        "ActionsSuppressorWaitPeriod": 120,
        "ActionsSuppressorExtensionPeriod": 180,
        "AlarmActions": [TOPIC],
        "OKActions": [TOPIC],
    }
    kept = {key: value for key, value in (given | more).items() if value is not None}
    world.call("PutCompositeAlarm", AlarmName="top", **kept)
    world.clock.settle()


def tick(world, *, errors=1.0, maintenance=1.0):
    world.put(errors, "Errors")
    world.put(maintenance, "Maintenance")
    world.advance(minutes=1)


def told(world):
    return [json.loads(one["message"])["NewStateValue"] for one in world.topics.published]


def held(world):
    return world.described("top").get("ActionsSuppressedBy", "")


def test_the_actions_wait_and_run_when_the_suppressor_stays_quiet(world):
    tick(world, errors=9)
    waiting = world.described("top")
    tick(world, errors=9)
    at_one_minute = told(world)
    tick(world, errors=9)

    assert waiting["ActionsSuppressedBy"] == "WaitPeriod"
    assert waiting["ActionsSuppressedReason"] == "Actions suppressed by WaitPeriod"
    assert (waiting["ActionsSuppressor"], waiting["ActionsSuppressorWaitPeriod"]) == ("maintenance", 120)
    assert (at_one_minute, told(world), held(world)) == ([], ["ALARM"], "")


def test_a_suppressor_that_alarms_at_the_last_instant_of_the_wait_is_in_time(world):
    tick(world, errors=9)
    tick(world, errors=9)
    tick(world, errors=9, maintenance=9)

    suppressed = world.described("top")
    child = world.described("maintenance")
    assert suppressed["ActionsSuppressedBy"] == "Alarm"
    assert suppressed["ActionsSuppressedReason"] == (
        f"Actions suppressed by {child['AlarmArn']} that transitioned to ALARM at Friday 20 November, 2026 10:10:00 UTC"
    )
    assert told(world) == []


def test_after_the_suppressor_the_actions_wait_for_the_extension_period(world):
    tick(world, errors=9, maintenance=9)
    by_alarm = held(world)
    tick(world, errors=9)
    by_extension = held(world)
    tick(world, errors=9)
    tick(world, errors=9)
    before = told(world)
    tick(world, errors=9)

    assert (by_alarm, by_extension) == ("Alarm", "ExtensionPeriod")
    assert (before, told(world)) == ([], ["ALARM"])


def test_a_composite_that_recovers_during_the_wait_tells_its_current_state_after_another_wait(world):
    tick(world, errors=9)
    tick(world, errors=1)
    for _ in range(2):
        tick(world, errors=1)

    assert told(world) == ["OK"]


def test_every_change_of_suppression_is_an_event_and_a_line_of_history(world):
    for _ in range(3):
        tick(world, errors=9)

    changes = [
        (one["previousState"]["value"], one["state"]["value"], one["state"].get("actionsSuppressedBy"))
        for one in world.events.of("State")
        if one["alarmName"] == "top"
    ]
    items = world.call(
        "DescribeAlarmHistory",
        AlarmName="top",
        AlarmTypes=["CompositeAlarm"],
        HistoryItemType="StateUpdate",
        MaxRecords=2,
    )["AlarmHistoryItems"]
    assert changes == [("OK", "ALARM", "WaitPeriod"), ("ALARM", "ALARM", None)]
    assert [one["HistorySummary"] for one in items] == [
        "Alarm actions suppression updated",
        "Alarm updated from OK to ALARM",
    ]
    assert json.loads(items[1]["HistoryData"])["newState"]["actionsSuppressedBy"] == "WaitPeriod"


def test_the_payload_after_the_wait_is_of_the_documented_form(world):
    put(world, AlarmActions=[FUNCTION])

    for _ in range(3):
        tick(world, errors=9)

    data = world.functions.invoked[0][1]["alarmData"]
    assert data["previousState"]["actionsSuppressedBy"] == "WaitPeriod"
    assert "actionsSuppressedBy" not in data["state"]
    assert (data["previousState"]["value"], data["state"]["value"]) == ("ALARM", "ALARM")
    assert data["state"]["timestamp"] == "2026-11-20T10:10:00.000+0000"
    assert data["previousState"]["timestamp"] == "2026-11-20T10:08:00.000+0000"


def test_taking_the_suppressor_away_runs_what_it_held_back(world):
    tick(world, errors=9)

    put(
        world,
        ActionsSuppressor=None,
        ActionsSuppressorWaitPeriod=None,
        ActionsSuppressorExtensionPeriod=None,
    )

    assert (told(world), held(world)) == (["ALARM"], "")


def test_a_longer_extension_period_keeps_the_running_wait(world):
    tick(world, errors=9)

    put(world, ActionsSuppressorExtensionPeriod=360)

    assert (told(world), held(world)) == ([], "WaitPeriod")


def test_a_wait_period_of_nothing_holds_nothing_back(world):
    put(world, ActionsSuppressorWaitPeriod=0)

    tick(world, errors=9)

    assert told(world) == ["ALARM"]


def test_set_alarm_state_of_a_composite_waits_as_well(world):
    world.call("SetAlarmState", AlarmName="top", StateValue="ALARM", StateReason="test")
    world.clock.settle()

    assert (told(world), held(world)) == ([], "WaitPeriod")


def test_an_alarm_that_suppresses_another_cannot_be_deleted(world):
    with pytest.raises(ServiceError, match="Cannot delete maintenance as there are composite alarm"):
        world.call("DeleteAlarms", AlarmNames=["maintenance"])


def test_composites_that_suppress_each_other_are_still_evaluated(world):
    world.call("PutCompositeAlarm", AlarmName="other", AlarmRule="ALARM(maintenance)")
    world.clock.settle()
    put(world, ActionsSuppressor="other")
    world.call(
        "PutCompositeAlarm",
        AlarmName="other",
        AlarmRule="ALARM(maintenance)",
        ActionsSuppressor="top",
        ActionsSuppressorWaitPeriod=60,
        ActionsSuppressorExtensionPeriod=60,
    )

    tick(world, errors=9, maintenance=9)

    assert (world.state("top"), world.state("other"), held(world)) == ("ALARM", "ALARM", "Alarm")
