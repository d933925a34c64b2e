from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cloudwatch import windows, zones
from core.cloudwatch.windows import WallClock
from tests.cloudwatch.fakes import START, FakeWorld

ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Europe/London", "Australia/Lord_Howe", "+05:30", "GMT-08:00")

YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def clock(name: str) -> WallClock:
    found = windows.read({"WallClockWindow": {"Timezone": name}})
    assert found is not None
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def edges(zone: str, now: str, period: int, count: int = 1, delay: timedelta = timedelta()) -> list[str]:
    found = windows.edges(clock(zone), at(now), delay, period, count)
    return [datetime.fromtimestamp(edge, UTC).isoformat()[:16] for edge in found]


@pytest.mark.parametrize(
    "zone,now,period,expected",
    [
        ("UTC", "2026-11-20T14:07", 3600, ["2026-11-20T13:00", "2026-11-20T14:00"]),
        ("UTC", "2026-11-20T14:07", 300, ["2026-11-20T14:00", "2026-11-20T14:05"]),
        ("Asia/Kolkata", "2026-11-20T14:07", 3600, ["2026-11-20T12:30", "2026-11-20T13:30"]),
        ("UTC", "2026-11-20T14:07", 86400, ["2026-11-19T00:00", "2026-11-20T00:00"]),
        ("America/New_York", "2026-11-20T14:07", 86400, ["2026-11-19T05:00", "2026-11-20T05:00"]),
        ("UTC", "2026-11-20T14:07", 604800, ["2026-11-09T00:00", "2026-11-16T00:00"]),
        ("+05:30", "2026-11-20T14:07", 86400, ["2026-11-18T18:30", "2026-11-19T18:30"]),
    ],
)
def test_wall_clock_periods_are_the_calendars(zone, now, period, expected):
    assert edges(zone, now, period) == expected


def test_the_days_of_clock_changes_have_23_and_25_hours():
    spring = edges("Europe/London", "2026-03-30T12:00", 86400)
    autumn = edges("Europe/London", "2026-10-26T12:00", 86400)

    assert spring == ["2026-03-29T00:00", "2026-03-29T23:00"]
    assert autumn == ["2026-10-24T23:00", "2026-10-26T00:00"]


def test_a_period_counts_once_its_datums_had_time_to_arrive():
    assert edges("UTC", "2026-11-20T14:00", 3600, delay=timedelta(seconds=10)) == [
        "2026-11-20T12:00",
        "2026-11-20T13:00",
    ]


@given(
    st.integers(0, 366 * 86_400).map(lambda seconds: YEAR + timedelta(seconds=seconds)),
    st.sampled_from(ZONES),
    st.sampled_from([60, 300, 3600, 86400, 604800]),
    st.integers(1, 5),
)
def test_wall_clock_periods_follow_one_another_and_the_newest_has_just_ended(now, zone, period, count):
    found = windows.edges(clock(zone), now, timedelta(), period, count)

    assert len(found) == count + 1
    assert all(abs(end - start - period) <= 3600 for start, end in pairwise(found))
    assert found[-1] <= now.timestamp() < found[-1] + period + 3600


@pytest.mark.parametrize(
    "text,hours",
    [("Z", 0.0), ("UTC", 0.0), ("+05:30", 5.5), ("UTC+05:30", 5.5), ("GMT-08:00", -8.0), ("+01:05", 13 / 12)],
)
def test_offsets_are_read_in_every_documented_form(text, hours):
    zone = zones.read(text)

    assert zone is not None
    assert zone.utcoffset(START) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["+01:03", "5:30", "Nowhere/Else", "America", "+19:00", "../etc/passwd", ""])
def test_what_is_no_time_zone_is_none(text):
    assert zones.read(text) is None


def test_an_alarm_with_a_wall_clock_window_sees_an_hour_once_it_is_over():
    world = FakeWorld()
    world.alarm(Period=3600, EvaluationWindow={"WallClockWindow": {}})
    world.put_every_minute([9.0])
    world.advance(minutes=58)
    during = world.state()

    world.advance(minutes=1)
    after = world.state()
    world.advance(minutes=59)

    assert (during, after, world.state()) == ("INSUFFICIENT_DATA", "ALARM", "ALARM")
    assert world.described()["EvaluationWindow"] == {"WallClockWindow": {}}


def test_each_calendar_day_is_judged_on_its_own_once_it_is_over():
    world = FakeWorld(at("2026-11-20T01:00"))
    world.alarm(
        Period=86400,
        Threshold=1.0,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
        EvaluationWindow={"WallClockWindow": {"Timezone": "UTC"}},
    )
    world.put(1)
    seen = []

    for now in ("2026-11-20T23:59", "2026-11-21T00:00", "2026-11-21T20:00"):
        world.clock.run_until(at(now))
        seen.append(world.state())

    assert seen == ["ALARM", "OK", "OK"]


def test_a_day_of_25_hours_is_read_whole():
    world = FakeWorld(at("2026-10-25T23:30"))
    world.alarm(
        Period=86400,
        Threshold=5.0,
        ComparisonOperator="GreaterThanThreshold",
        EvaluationWindow={"WallClockWindow": {"Timezone": "Europe/London"}},
    )
    world.put(6)

    world.clock.run_until(at("2026-10-26T00:01"))

    assert world.state() == "ALARM"


def test_metric_math_of_a_calendar_day_is_computed_over_the_whole_day():
    world = FakeWorld(at("2026-10-25T23:30"))
    stat = {"Metric": {"Namespace": "App", "MetricName": "Errors"}, "Period": 86400, "Stat": "Sum"}
    world.call(
        "PutMetricAlarm",
        AlarmName="Twice",
        Metrics=[
            {"Id": "m1", "MetricStat": stat, "ReturnData": False},
            {"Id": "e1", "Expression": "m1 * 2"},
        ],
        EvaluationPeriods=1,
        Threshold=11,
        ComparisonOperator="GreaterThanThreshold",
        EvaluationWindow={"WallClockWindow": {"Timezone": "Europe/London"}},
    )
    world.put(6)

    world.clock.run_until(at("2026-10-26T00:01"))

    assert world.state("Twice") == "ALARM"


def test_datums_that_take_a_minute_to_arrive_count_a_minute_later():
    world = FakeWorld()
    world.cloudwatch.ingestion_delay = timedelta(seconds=60)
    world.alarm()

    world.put_every_minute([9])
    at_once = world.state()
    world.advance(minutes=1)

    assert (at_once, world.state()) == ("INSUFFICIENT_DATA", "ALARM")


def test_a_window_of_days_considers_data_up_to_the_hour():
    world = FakeWorld(at("2026-11-20T09:58"))
    world.alarm(Period=86400, EvaluationPeriods=2, DatapointsToAlarm=1, TreatMissingData="notBreaching")
    world.advance(minutes=4)
    world.put(9)
    world.advance(minutes=57)
    before = world.state()

    world.advance(minutes=1)

    assert (before, world.state()) == ("OK", "ALARM")
