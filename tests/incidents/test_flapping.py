import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.alarm import Severity
from core.incidents import flapping
from core.incidents.flapping import Flap
from core.incidents.notification import Reason
from tests.incidents.streams import ENDS, FIRES, Stage, at, policy

MINUTE = 60.0
DAY = 24 * 60 * MINUTE
PRODUCTION = {"wait": 60, "interval": 300, "repeat": 4 * 3600}


def swinging(period: float, *, until: float = DAY, flapping: bool = True) -> Stage:
    """An alert that fires for half of every period, in minutes, all day long; half a repeat to see how it ends."""
    stage = Stage(policy(**PRODUCTION, flapping=flapping))
    second = 0.0
    while second < until:
        stage.tell("x", FIRES, second)
        stage.tell("x", ENDS, second + period * MINUTE / 2)
        second += period * MINUTE
    return stage.until(until)


def starts(*minutes: float) -> Flap:
    flap = None
    for minute in minutes:
        flap = flapping.started(flap, at(minute * MINUTE), counts=True)
    assert flap is not None
    return flap


@pytest.mark.parametrize(
    "minutes, flaps", [((0, 14.4, 28.8), True), ((0, 14.5, 29.0), False), ((0, 1), False), ((0, 1, 2), True)]
)
def test_three_starts_at_most_14_4_minutes_apart_are_flapping(minutes, flaps):
    assert starts(*minutes).flapping is flaps


@pytest.mark.parametrize("period, flaps", [(20.7, True), (20.9, False)])
def test_a_sustained_period_up_to_20_8_minutes_is_flapping(period, flaps):
    assert starts(*(period * n for n in range(40))).flapping is flaps


@given(st.lists(st.integers(0, 7200), min_size=1, max_size=12, unique=True), st.randoms(use_true_random=False))
def test_the_score_does_not_depend_on_the_order_of_arrival(seconds, chance):
    mixed = list(seconds)
    chance.shuffle(mixed)
    found = starts(*(second / 60 for second in mixed))
    last = max(seconds)

    assert math.isclose(found.score, sum(math.exp(-(last - one) / 1800) for one in seconds))


def test_the_score_decays():
    assert math.isclose(flapping.decayed(starts(0), at(1800)), math.exp(-1))


@pytest.mark.parametrize("period, wait", [(0, 10), (60, 10), (300, 10), (600, 20)])
def test_an_alert_must_stand_still_for_two_periods_or_ten_minutes(period, wait):
    assert flapping.hold(timedelta(seconds=period)) == timedelta(minutes=wait)


def test_flapping_is_told_once_with_its_episodes():
    stage = swinging(4, until=3600)

    (told,) = (each for each in stage.said if each.reason is Reason.FLAPPING)

    assert told.flaps is not None
    assert told.flaps.since == at(0)
    assert told.flaps.episodes >= 3
    assert told.flaps.in_alarm <= told.at - told.flaps.since
    assert stage.said[-1] is told


def test_flapping_that_calms_down_ends_once_with_the_count():
    stage = swinging(4, until=1800)
    stage.until(3 * 3600)

    assert [each.reason for each in stage.said[-2:]] == [Reason.FLAPPING, Reason.ALL_RESOLVED]
    assert stage.said[-1].flaps is not None
    assert stage.said[-1].flaps.episodes == 8


def test_flapping_that_stays_bad_is_told_when_it_has_settled():
    stage = swinging(4, until=1800)
    stage.tell("x", FIRES, 1800)
    stage.until(3 * 3600)

    last = stage.said[-1]

    assert last.reason is Reason.FLAPPING_ENDED
    assert last.firing[0].starts_at == at(1800)
    assert last.at - at(1800) < timedelta(hours=1)


def test_a_page_that_flaps_before_anyone_was_told_still_pages_once():
    stage = Stage(policy(**PRODUCTION, flapping=True))
    stage.alarm("x", severity=Severity.CRITICAL)
    for n in range(8):
        stage.tell("x", FIRES, 30 * n)
        stage.tell("x", ENDS, 30 * n + 10)
    stage.until(1200)

    assert [(each.reason, each.severity) for each in stage.said] == [(Reason.FLAPPING, Severity.CRITICAL)]


@pytest.mark.parametrize("period", range(4, 21))
def test_notices_of_a_day_of_flapping_are_few(period):
    notices = [each for each in swinging(period).said if each.reason is not Reason.REPEAT]

    assert len(notices) <= (7 if period <= 14 else 9 if period <= 18 else 13)


@pytest.mark.parametrize("period, at_least", [(4, 100), (10, 100)])
def test_without_the_rule_they_are_many(period, at_least):
    assert len(swinging(period, flapping=False).said) >= at_least


@pytest.mark.parametrize("period", [25, 40])
def test_slow_oscillation_is_told_each_time(period):
    assert swinging(period).told == swinging(period, flapping=False).told


def test_a_single_clean_episode_is_never_delayed():
    told = []
    for flaps in (True, False):
        stage = Stage(policy(**PRODUCTION, flapping=flaps))
        stage.tell("x", FIRES, 0)
        stage.tell("x", ENDS, 1000)
        told.append(stage.until(2000).told)

    assert told[0] == told[1] != []
