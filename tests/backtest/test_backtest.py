from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import backtest
from core.catalogue.alarm import Comparison, MissingData
from core.cloudwatch import composite
from core.cloudwatch.evaluation import Condition, evaluation_range
from core.cloudwatch.state import State

VALUES = st.lists(st.none() | st.integers(0, 9).map(float), min_size=6, max_size=40)


def condition(**change: object) -> Condition:
    plain = {
        "comparison": Comparison.GREATER,
        "threshold": 5.0,
        "datapoints": 2,
        "periods": 3,
        "missing": MissingData.NOT_BREACHING,
    }
    return Condition(**(plain | change))  # type: ignore[arg-type]


def track(values: Sequence[float | None], **change: object) -> backtest.Track:
    held = condition(**change)
    first = 60 * evaluation_range(held.periods)
    return backtest.track(backtest.states(values, held), first=first, period=60)


def test_an_alarm_fires_once_for_one_stretch_and_its_minutes_count():
    found = track([0] * 5 + [9] * 4 + [0] * 6)

    assert (found.fired, found.minutes, found.flaps) == (1, 4, 0)
    assert found.alarms == (backtest.Span(7 * 60, 11 * 60),)


def test_an_alarm_that_is_soon_back_flaps():
    found = track([0] * 5 + [9] * 2 + [0] * 4 + [9] * 2 + [0] * 30 + [9] * 2 + [0] * 4)

    assert (found.fired, found.flaps) == (3, 1)


def test_an_alarm_that_has_not_ended_counts_to_the_end_of_the_history():
    found = track([0] * 5 + [9] * 3)

    assert found.alarms == (backtest.Span(7 * 60, 9 * 60),)
    assert found.state(8 * 60) is State.ALARM


def test_a_composite_follows_its_children():
    one = track([0] * 5 + [9] * 3 + [0] * 10)
    other = track([0] * 9 + [9] * 3 + [0] * 6)

    both = backtest.composite(composite.parse('ALARM("one") AND ALARM("other")'), {"one": one, "other": other})
    either = backtest.composite(composite.parse('ALARM("one") OR ALARM("other")'), {"one": one, "other": other})

    assert both.fired == 0
    assert either.fired == 2
    assert either.minutes == one.minutes + other.minutes


@given(VALUES, st.sampled_from(MissingData), st.sampled_from(Comparison))
def test_a_history_replayed_is_the_evaluator_step_by_step(values, missing, comparison):
    held = condition(missing=missing, comparison=comparison)
    windows = [values[end - 5 : end] for end in range(5, len(values) + 1)]

    assert backtest.states(values, held) == backtest.window_states(windows, held)
    assert len(backtest.states(values, held)) == len(values) - 4


@given(VALUES, st.sampled_from([MissingData.BREACHING, MissingData.NOT_BREACHING]), st.sampled_from(Comparison))
def test_the_decisive_value_is_over_the_threshold_exactly_in_alarm(values, missing, comparison):
    held = condition(missing=missing, comparison=comparison)

    decisive = backtest.decisive(values, held)

    states = backtest.states(values, held)
    over = [value is not None and held.breaches(value) for value in decisive]
    assert over == [state is State.ALARM for state in states]


@given(
    st.lists(st.floats(0.01, 1000).map(lambda value: round(value, 3)), min_size=8, max_size=60),
    st.sampled_from(Comparison),
    st.integers(1, 3),
)
def test_a_suggested_threshold_fires_no_more_often_than_allowed(values, comparison, allowed):
    held = condition(comparison=comparison)

    suggested = backtest.suggested(backtest.decisive(values, held), held, allowed=allowed)

    if suggested is not None:
        assert track(values, comparison=comparison, threshold=suggested).fired <= allowed


def test_a_threshold_is_suggested_between_normal_and_worst():
    values = [1.0, 2.0, 3.0] * 10 + [7.3] * 4 + [1.0, 2.0, 3.0] * 10 + [41.0] * 4 + [1.0] * 10
    held = condition(threshold=1.5)

    assert backtest.suggested(backtest.decisive(values, held), held, allowed=1) == 7.3
    assert backtest.suggested(backtest.decisive(values, held), held, allowed=0) == 41.0
    assert backtest.came_to(backtest.decisive(values, held), held) == 41.0


def test_what_only_counts_something_has_no_threshold_to_suggest():
    held = condition(comparison=Comparison.LESS, threshold=1.0)

    assert backtest.suggested(backtest.decisive([1.0, 1.0, 0.0, 0.0] * 20, held), held, allowed=1) is None


@pytest.mark.parametrize(
    "value,beyond,rounded",
    [
        (12.31, False, 13),
        (12, False, 12),
        (12, True, 13),
        (0.0941, False, 0.095),
        (-12.31, False, -12),
        (99.6, False, 100),
    ],
)
def test_thresholds_are_rounded_outwards_to_two_digits(value, beyond, rounded):
    assert backtest.rounded_up(value, beyond=beyond) == pytest.approx(rounded)
