import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.alarm import Comparison, MissingData
from core.cloudwatch.evaluation import Condition, decide, evaluate, evaluation_range, is_due
from core.cloudwatch.state import State

TABLES = json.loads((Path(__file__).parent / "data" / "missing-data-tables.json").read_text())
SIGNS = {"0": False, "X": True, "-": None}


def rows():
    for table in TABLES["tables"]:
        for row in table["rows"]:
            for treatment in MissingData:
                for current in State:
                    yield pytest.param(
                        table,
                        row,
                        treatment,
                        current,
                        id=f"{table['datapoints_to_alarm']}of3 {row['datapoints']} {treatment} {current}",
                    )


def condition(needed: int, periods: int, missing: MissingData) -> Condition:
    return Condition(Comparison.GREATER, 5.0, needed, periods, missing)


@pytest.mark.parametrize("table,row,treatment,current", list(rows()))
def test_every_cell_of_the_documented_tables_holds(table, row, treatment, current):
    held = condition(table["datapoints_to_alarm"], table["evaluation_periods"], treatment)

    state = decide([SIGNS[sign] for sign in row["datapoints"]], held, current)

    expected = current if row[treatment] == "RETAIN" else State(row[treatment])
    assert expected is state


@pytest.mark.parametrize("case", TABLES["narrative_cases"], ids=lambda case: case["datapoints"])
def test_the_premature_alarms_of_the_text_do_not_happen(case):
    held = condition(case["datapoints_to_alarm"], case["evaluation_periods"], MissingData(case["treat"]))

    state = decide([SIGNS[sign] for sign in case["datapoints"]], held, State.OK)

    assert (case["expected"] == "ALARM") == (state is State.ALARM)


def test_the_evaluation_range_of_three_periods_is_the_documented_five():
    assert evaluation_range(3) == TABLES["tables"][0]["evaluation_range"]


@pytest.mark.parametrize(
    "comparison,value,breaches",
    [
        (Comparison.GREATER, 5.0, False),
        (Comparison.GREATER_OR_EQUAL, 5.0, True),
        (Comparison.LESS, 5.0, False),
        (Comparison.LESS_OR_EQUAL, 5.0, True),
        (Comparison.GREATER, 5.1, True),
        (Comparison.LESS, 4.9, True),
    ],
)
def test_the_threshold_itself_breaches_only_with_or_equal(comparison, value, breaches):
    held = Condition(comparison, 5.0, 1, 1, MissingData.MISSING)

    state = evaluate([None, None, value], held, State.INSUFFICIENT_DATA)

    assert state is (State.ALARM if breaches else State.OK)


def test_breaching_points_need_not_be_consecutive():
    held = condition(2, 4, MissingData.MISSING)

    state = evaluate([1, 1, 9, 1, 1, 9], held, State.OK)

    assert state is State.ALARM


def test_only_the_newest_n_real_points_count():
    held = condition(2, 2, MissingData.MISSING)

    state = evaluate([9, 9, 1, 9], held, State.ALARM)

    assert state is State.OK


NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "after,period,periods,due",
    [
        (timedelta(0), timedelta(minutes=5), 1, True),
        (timedelta(minutes=1), timedelta(minutes=5), 1, True),
        (timedelta(seconds=10), timedelta(minutes=1), 1, False),
        (timedelta(seconds=10), timedelta(seconds=10), 1, True),
        (timedelta(minutes=1), timedelta(hours=1), 24, True),
        (timedelta(minutes=1), timedelta(hours=1), 25, False),
        (timedelta(hours=1), timedelta(hours=1), 25, True),
    ],
)
def test_alarms_are_due_every_minute_ten_seconds_or_hour(after, period, periods, due):
    assert is_due(NOON + after, period, periods) is due


points = st.lists(st.sampled_from([True, False, None]), min_size=5, max_size=5)


@given(points, st.integers(1, 3), st.sampled_from(MissingData), st.sampled_from(State))
def test_a_further_breach_never_turns_an_alarm_off(breaching, needed, missing, current):
    held = condition(needed, 3, missing)
    worse = [True if point is False else point for point in breaching]

    if decide(breaching, held, current) is State.ALARM:
        assert decide(worse, held, current) in (State.ALARM, current)


@given(points, st.integers(1, 3), st.sampled_from(State))
def test_breaching_alarms_wherever_not_breaching_does(breaching, needed, current):
    calm = decide(breaching, condition(needed, 3, MissingData.NOT_BREACHING), current)
    strict = decide(breaching, condition(needed, 3, MissingData.BREACHING), current)

    assert calm is not State.ALARM or strict is State.ALARM
