from hypothesis import given
from hypothesis import strategies as st

from core import backtest
from core.catalogue.alarm import Comparison, MissingData
from core.cloudwatch import evaluation
from core.cloudwatch.evaluation import Condition, evaluation_range
from core.cloudwatch.state import State
from local.cloudwatch import bulk

VALUES = st.none() | st.sampled_from([0.0, 4.9, 5.0, 5.1, 9.0])


@st.composite
def alarms(draw):
    """Alarms over the same number of periods, their values and the states that they are in."""
    periods = draw(st.integers(1, 6))
    count = draw(st.integers(1, 5))
    length = evaluation_range(periods) + draw(st.integers(0, 12))
    rows = draw(st.lists(st.lists(VALUES, min_size=length, max_size=length), min_size=count, max_size=count))
    conditions = [
        Condition(
            draw(st.sampled_from(Comparison)),
            5.0,
            draw(st.integers(1, periods)),
            periods,
            draw(st.sampled_from(MissingData)),
        )
        for _ in range(count)
    ]
    return rows, conditions, draw(st.lists(st.sampled_from(State), min_size=count, max_size=count))


def plainly(values, condition, current):
    span = evaluation_range(condition.periods)
    for end in range(span, len(values) + 1):
        current = evaluation.evaluate(values[end - span : end], condition, current)
        yield current


@given(alarms())
def test_many_alarms_at_once_come_to_what_each_comes_to_alone(given_alarms):
    rows, conditions, current = given_alarms

    found = bulk.evaluate(bulk.matrix(rows), conditions, current)

    states = [[bulk.STATES[code] for code in row] for row in found]
    assert states == [list(plainly(*alarm)) for alarm in zip(rows, conditions, current, strict=True)]


@given(alarms())
def test_an_alarm_is_unchanged_until_the_evaluator_changes_it(given_alarms):
    rows, conditions, current = given_alarms

    found = bulk.unchanged(bulk.matrix(rows), conditions, current)

    for count, values, condition, state in zip(found, rows, conditions, current, strict=True):
        followed = list(plainly(values, condition, state))
        assert all(later is state for later in followed[:count])
        assert count == len(followed) or followed[count] is not state


@given(alarms())
def test_a_history_replayed_in_bulk_is_the_plain_replay(given_alarms):
    rows, conditions, _ = given_alarms

    for values, condition in zip(rows, conditions, strict=True):
        assert bulk.states(values, condition) == backtest.states(values, condition)


def test_a_history_shorter_than_the_evaluation_range_has_no_states():
    held = Condition(Comparison.GREATER, 5.0, 1, 3, MissingData.MISSING)

    assert bulk.states([1.0] * 4, held) == backtest.states([1.0] * 4, held) == ()


def test_the_phases_of_a_long_period_are_taken_in_the_order_of_time():
    held = Condition(Comparison.GREATER, 5.0, 1, 1, MissingData.MISSING)
    # Two instants a period: the first phase breaches at its second end (the third instant), the second never does.
    rows = [[0.0, 0.0, 0.0, 9.0], [0.0, 0.0, 0.0, 0.0]]

    assert bulk.unchanged(bulk.matrix(rows), [held], [State.OK], phases=2) == [2]
