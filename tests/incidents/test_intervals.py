from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from core.incidents import intervaltexts
from core.incidents.intervals import Interval
from tests.incidents.streams import FIRES, Stage, policy


def instant(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def read(**more):
    empty = dict.fromkeys(("times", "weekdays", "days_of_month", "months", "years"), ())
    return intervaltexts.read(SimpleNamespace(**{"name": "i", "location": "UTC", **empty, **more}))


@pytest.mark.parametrize(
    "texts, when, holds",
    [
        ({"times": ("09:00-17:00",)}, "2026-11-21T08:59:59Z", False),
        ({"times": ("09:00-17:00",)}, "2026-11-21T09:00:00Z", True),
        ({"times": ("09:00-17:00",)}, "2026-11-21T17:00:00Z", False),
        ({"times": ("22:00-24:00", "00:00-06:00")}, "2026-11-21T23:59:59Z", True),
        ({"weekdays": ("monday:friday",)}, "2026-11-20T12:00:00Z", True),
        ({"weekdays": ("monday:friday",)}, "2026-11-21T12:00:00Z", False),
        ({"weekdays": ("sunday",)}, "2026-11-22T12:00:00Z", True),
        ({"days_of_month": ("-1",)}, "2028-02-29T12:00:00Z", True),
        ({"days_of_month": ("-1",)}, "2026-02-28T12:00:00Z", True),
        ({"days_of_month": ("-3:-1",)}, "2026-11-27T12:00:00Z", False),
        ({"days_of_month": ("1:5",)}, "2026-11-05T12:00:00Z", True),
        ({"days_of_month": ("31",)}, "2026-11-30T12:00:00Z", False),
        ({"days_of_month": ("28:-1",)}, "2026-02-28T12:00:00Z", True),
        ({"months": ("january:march", "12")}, "2026-12-01T00:00:00Z", True),
        ({"months": ("january:march",)}, "2026-04-01T00:00:00Z", False),
        ({"years": ("2026:2027",)}, "2028-01-01T00:00:00Z", False),
        ({"weekdays": ("saturday",), "times": ("09:00-10:00",)}, "2026-11-21T11:00:00Z", False),
        ({}, "2026-11-21T11:00:00Z", True),
    ],
)
def test_an_interval_holds_where_every_field_fits(texts, when, holds):
    assert read(**texts).holds(instant(when)) is holds


@pytest.mark.parametrize(
    "when, holds",
    [
        # 29 March 2026: 02:00 to 03:00 does not exist in Berlin.
        ("2026-03-29T00:59:59Z", False),
        ("2026-03-29T01:00:00Z", False),
        ("2026-03-30T00:30:00Z", True),
        # 25 October 2026: it is 02:30 twice.
        ("2026-10-25T00:30:00Z", True),
        ("2026-10-25T01:30:00Z", True),
        ("2026-10-25T02:30:00Z", False),
    ],
)
def test_a_time_that_the_clocks_skip_never_comes_and_one_that_they_repeat_comes_twice(when, holds):
    assert read(times=("02:00-03:00",), location="Europe/Berlin").holds(instant(when)) is holds


@pytest.mark.parametrize(
    "key, text",
    [
        ("times", "17:00-09:00"), ("times", "9:00-17:00"), ("times", "09:60-17:00"), ("times", "23:00-24:01"),
        ("weekdays", "friday:monday"), ("weekdays", "mon"), ("days_of_month", "0"), ("days_of_month", "5:1"),
        ("days_of_month", "-5:3"), ("days_of_month", "32"), ("months", "13"), ("months", "march:january"),
        ("years", "x"), ("location", "Mars/Olympus"),
    ],
)  # fmt: skip
def test_a_malformed_interval_is_named(key, text):
    empty = dict.fromkeys(("times", "weekdays", "days_of_month", "months", "years"), ())
    texts = SimpleNamespace(**{"name": "i", "location": "UTC", **empty, key: text if key == "location" else (text,)})

    ((where, said),) = intervaltexts.problems(texts)

    assert where.startswith(key)
    assert text in said


def test_an_unknown_zone_is_named_when_it_is_met():
    with pytest.raises(ValueError, match="Mars"):
        Interval("i", location="Mars").holds(instant("2026-11-21T00:00:00Z"))


@pytest.mark.parametrize(
    "route, first",
    [
        ({"mute": ("now",)}, []),
        ({"mute": ("never",)}, [2.0]),
        ({"active": ("now",)}, [2.0]),
        ({"active": ("never",)}, []),
        ({"active": ("never", "now")}, [2.0]),
    ],
)
def test_a_route_is_silent_in_its_mute_times_and_outside_of_its_active_times(route, first):
    intervals = (Interval("now", times=((14 * 60, 14 * 60 + 1),)), Interval("never", times=((0, 1),)))
    stage = Stage(policy(route=route, intervals=intervals))

    stage.tell("x", FIRES, 0)
    stage.until(8)

    assert [when for when, *_ in stage.told] == first


def test_an_alert_that_fires_on_is_told_at_the_first_tick_after_the_mute_time():
    stage = Stage(policy(route={"mute": ("now",)}, intervals=(Interval("now", times=((14 * 60, 14 * 60 + 1),)),)))

    stage.tell("x", FIRES, 0)
    stage.until(70)

    assert stage.told[0] == (62.0, "first", "x", "")
