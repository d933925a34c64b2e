from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cloudwatch import mute
from core.cloudwatch.mute import MuteRule, Status, Window
from core.cloudwatch.refusal import Refusal

YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def rule(expression: str, duration: str, zone: str | None = None, **more: Any) -> MuteRule:
    schedule = {"Expression": expression, "Duration": duration} | ({"Timezone": zone} if zone else {})
    return mute.rule({"Name": "night", "Rule": {"Schedule": schedule}, **more})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(start: str, end: str) -> Window:
    return Window(at(start), at(end))


@pytest.mark.parametrize(
    "expression,duration,now,expected",
    [
        ("cron(0 2 * * SUN)", "PT4H", "2026-11-22T05:59", ("2026-11-22T02:00", "2026-11-22T06:00")),
        ("cron(0 1 1 * *)", "PT6H", "2026-12-01T01:00", ("2026-12-01T01:00", "2026-12-01T07:00")),
        ("cron(0 18 * * FRI)", "P2DT12H", "2026-11-23T05:00", ("2026-11-20T18:00", "2026-11-23T06:00")),
        ("cron(0 23 * * *)", "PT2H", "2026-11-21T00:30", ("2026-11-20T23:00", "2026-11-21T01:00")),
        ("at(2024-05-10T14:00)", "PT4H", "2024-05-10T17:59", ("2024-05-10T14:00", "2024-05-10T18:00")),
        ("at(2024-12-23T00:00)", "P7D", "2024-12-29T12:00", ("2024-12-23T00:00", "2024-12-30T00:00")),
    ],
)
def test_the_user_guides_schedules_mute_in_their_windows(expression, duration, now, expected):
    assert rule(expression, duration).window(at(now)) == window(*expected)


def test_a_window_ends_just_before_its_end():
    nightly = rule("cron(0 23 * * *)", "PT2H")

    assert nightly.window(at("2026-11-21T01:00")) is None
    assert nightly.next_change(at("2026-11-20T23:00")) == at("2026-11-21T01:00")
    assert nightly.next_change(at("2026-11-21T01:00")) == at("2026-11-21T23:00")


@pytest.mark.parametrize(
    "zone,now,start",
    [
        ("America/New_York", "2026-07-01T06:30", "2026-07-01T06:00"),
        ("America/New_York", "2026-12-01T07:30", "2026-12-01T07:00"),
        ("Asia/Kolkata", "2026-12-01T20:45", "2026-12-01T20:30"),
    ],
)
def test_the_time_zone_says_when_two_in_the_morning_is(zone, now, start):
    found = rule("cron(0 2 * * *)", "PT1H", zone).window(at(now))

    assert found is not None
    assert found.start == at(start)


def test_a_time_that_the_clock_change_skips_is_as_much_later_and_one_that_occurs_twice_mutes_once():
    nightly = rule("cron(30 2 * * *)", "PT30M", "Europe/Berlin")

    spring = nightly.window(at("2026-03-29T01:45"))
    autumn = [nightly.window(at("2026-10-25T00:45")), nightly.window(at("2026-10-25T01:45"))]

    assert spring == window("2026-03-29T01:30", "2026-03-29T02:00")
    assert autumn == [window("2026-10-25T00:30", "2026-10-25T01:00"), None]


@pytest.mark.parametrize(
    "expression,days",
    [
        ("cron(0 0 13 * FRI)", [6, 13, 20, 27]),
        ("cron(0 0 * NOV MON-WED,SUN)", [1, 2, 3, 4, 8, 9, 10, 11, 15, 16, 17, 18, 22, 23, 24, 25, 29, 30]),
        ("cron(0 0 * * SAT-SUN)", [1, 7, 8, 14, 15, 21, 22, 28, 29]),
        ("cron(0 0 * * 0,6)", [1, 7, 8, 14, 15, 21, 22, 28, 29]),
        ("cron(0 0 1-3,30 11 *)", [1, 2, 3, 30]),
    ],
)
def test_cron_fields_combine_as_posix_has_it(expression, days):
    daily = rule(expression, "PT1H")

    assert [day for day in range(1, 31) if daily.window(at(f"2026-11-{day:02}T00:30"))] == days


def test_start_and_expire_dates_bound_the_windows():
    bounded = rule(
        "cron(0 2 * * *)", "PT4H", StartDate=at("2026-11-20T03:00"), ExpireDate=at("2026-11-21T04:00").timestamp()
    )

    assert bounded.window(at("2026-11-20T02:30")) is None
    assert bounded.window(at("2026-11-20T03:30")) == window("2026-11-20T03:00", "2026-11-20T06:00")
    assert bounded.window(at("2026-11-21T03:00")) == window("2026-11-21T02:00", "2026-11-21T04:00")
    assert bounded.next_change(at("2026-11-19T00:00")) == at("2026-11-20T03:00")
    assert [bounded.status(at(now)) for now in ("2026-11-20T02:30", "2026-11-20T04:00", "2026-11-21T04:00")] == [
        Status.SCHEDULED,
        Status.ACTIVE,
        Status.EXPIRED,
    ]


def test_a_rule_of_one_window_expires_with_it():
    once = rule("at(2026-11-20T10:00)", "PT1H")

    assert [once.status(at(f"2026-11-20T{hour}:00")) for hour in ("09", "10", "11")] == [
        Status.SCHEDULED,
        Status.ACTIVE,
        Status.EXPIRED,
    ]
    assert once.next_change(at("2026-11-20T11:00")) is None


@pytest.mark.parametrize(
    "given,message",
    [
        ({"Expression": "cron(0 2 * * ? *)"}, "five fields are needed"),
        ({"Expression": "cron(0 25 * * *)"}, "the hours '25' must be 0 to 23"),
        ({"Expression": "cron(*/5 * * * *)"}, "the minutes '*/5' must be 0 to 59; only * , and - combine them"),
        ({"Expression": "cron(0 2 * * WED-MON)"}, "the day of week WED-MON runs backwards"),
        ({"Expression": "0 2 * * SUN"}, "is neither cron(Minutes Hours Day-of-month Month Day-of-week) nor at("),
        ({"Expression": "at(2026-13-01T00:00)"}, "names no time"),
        ({"Duration": "PT30S"}, "must be between PT1M and P15D"),
        ({"Duration": "P15DT1M"}, "must be between PT1M and P15D"),
        ({"Duration": "4 hours"}, "is not an ISO 8601 duration such as PT4H"),
        ({"Duration": "P"}, "is not an ISO 8601 duration"),
        ({"Timezone": "Mars/Olympus"}, "Mars/Olympus is not a time zone"),
    ],
)
def test_what_no_rule_may_say_is_refused_with_what_would_be_right(given, message):
    schedule = {"Expression": "cron(0 2 * * *)", "Duration": "PT1H"} | given

    with pytest.raises(Refusal) as refused:
        mute.rule({"Name": "night", "Rule": {"Schedule": schedule}})

    assert refused.value.code == "ValidationError"
    assert message in refused.value.message


def test_dates_must_be_timestamps_in_order():
    for dates, message in (
        ({"StartDate": "soon"}, "StartDate soon is not a timestamp"),
        ({"StartDate": 2, "ExpireDate": 1}, "ExpireDate must be after StartDate"),
    ):
        with pytest.raises(Refusal, match=message):
            rule("cron(0 2 * * *)", "PT1H", **dates)


@given(
    st.integers(0, 366 * 86_400).map(lambda seconds: YEAR + timedelta(seconds=seconds)),
    st.integers(0, 59),
    st.sampled_from(["*", "3", "2-4", "0,23"]),
    st.sampled_from(["*", "1", "28-31"]),
    st.sampled_from(["*", "SUN", "1-5"]),
    st.sampled_from(["PT1M", "PT90M", "P1DT1H"]),
    st.sampled_from(["UTC", "Europe/London", "America/Los_Angeles", "Australia/Lord_Howe"]),
)
def test_nothing_changes_before_the_next_change(now, minute, hours, days, weekdays, duration, zone):
    recurring = rule(f"cron({minute} {hours} {days} * {weekdays})", duration, zone)
    upcoming = recurring.next_change(now)

    assert upcoming is not None
    assert upcoming > now
    before = upcoming - timedelta(microseconds=1)
    if before > now:
        assert recurring.window(before) == recurring.window(now)
