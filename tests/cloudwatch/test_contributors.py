"""The states of contributors, as pure steps in time."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue.alarm import Comparison, MissingData
from core.cloudwatch import contributors
from core.cloudwatch.contributors import Contributor, EmptyResult, Pace, Phase, Seen, Turn
from core.cloudwatch.evaluation import Condition
from core.cloudwatch.limits import MAX_CONTRIBUTORS
from core.cloudwatch.reasons import Datapoint
from core.cloudwatch.state import State

NOW = datetime(2025, 12, 1, 13, 35, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def below_one(missing: MissingData = MissingData.MISSING, datapoints: int = 1, periods: int = 1) -> Condition:
    return Condition(Comparison.LESS, 1.0, datapoints, periods, missing)


def seen(table: str, *values: float | None) -> Seen:
    """Values of one-minute periods, the last of which ended a moment ago."""
    first = NOW - MINUTE * len(values)
    points = (Datapoint(first + MINUTE * number, value) for number, value in enumerate(values))
    return Seen((("TableName", table),), tuple(points))


def step(*found: Seen, tracked: tuple[Contributor, ...] = (), **more: object) -> Turn:
    arguments = {"condition": below_one(), "current": State.OK, "now": NOW} | more
    return contributors.step(tracked, found, **arguments)  # type: ignore[arg-type]


def test_a_contributor_alarms_with_the_documented_reason() -> None:
    turn = step(seen("a", None, None, 0.0), seen("b", None, None, 2.0))

    assert [(one.contributor.attributes, one.state, one.reason) for one in turn.changes] == [
        (
            (("TableName", "a"),),
            State.ALARM,
            (
                "Threshold Crossed: 1 datapoint was less than the threshold (1.0). The most recent datapoint which "
                "crossed the threshold: [0.0 (01/12/25 13:34:00)]."
            ),
        )
    ]
    assert (turn.state, turn.reason) == (State.ALARM, "1 out of 2 time series evaluated to ALARM")


def test_several_breaching_datapoints_are_listed_newest_first() -> None:
    turn = step(seen("a", 0.5, 0.25), condition=below_one(datapoints=2, periods=2))

    assert turn.changes[0].reason == (
        "Threshold Crossed: 2 datapoints were less than the threshold (1.0). The most recent datapoints which crossed "
        "the threshold: [0.25 (01/12/25 13:34:00), 0.5 (01/12/25 13:33:00)]."
    )


def test_a_contributor_stays_in_alarm_without_a_word_and_recovers_with_one() -> None:
    first = step(seen("a", 0.0))

    second = step(seen("a", 0.0), tracked=first.tracked)
    third = step(seen("a", 5.0), tracked=second.tracked)

    assert second.changes == ()
    assert [(one.state, one.reason) for one in third.changes] == [
        (
            State.OK,
            (
                "Threshold Crossed: 1 datapoint was not less than the threshold (1.0). The most recent datapoint which "
                "crossed the threshold: [5.0 (01/12/25 13:34:00)]."
            ),
        )
    ]
    assert (third.tracked, third.state, third.reason) == ((), State.OK, "1 time series evaluated to OK")


@pytest.mark.parametrize("missing", MissingData)
def test_a_series_that_disappears_is_ok_whatever_the_treatment(missing: MissingData) -> None:
    first = step(seen("a", 0.0), seen("b", 2.0), condition=below_one(missing))

    second = step(seen("b", 2.0), tracked=first.tracked, condition=below_one(missing))

    assert [(one.state, one.reason) for one in second.changes] == [
        (State.OK, "No data was returned for this contributor")
    ]
    assert second.state is State.OK


@pytest.mark.parametrize(
    "missing, empty, expected",
    [
        *((missing, EmptyResult.INSUFFICIENT_DATA, State.INSUFFICIENT_DATA) for missing in MissingData),
        (MissingData.MISSING, EmptyResult.TREATED, State.INSUFFICIENT_DATA),
        (MissingData.IGNORE, EmptyResult.TREATED, State.OK),
        (MissingData.BREACHING, EmptyResult.TREATED, State.ALARM),
        (MissingData.NOT_BREACHING, EmptyResult.TREATED, State.OK),
    ],
)
def test_an_empty_result_is_insufficient_data_or_treated(
    missing: MissingData, empty: EmptyResult, expected: State
) -> None:
    assert step(condition=below_one(missing), empty=empty).state is expected


@pytest.mark.parametrize(
    "missing, expected", [(MissingData.BREACHING, State.ALARM), (MissingData.NOT_BREACHING, State.OK)]
)
def test_missing_datapoints_of_a_series_follow_the_treatment(missing: MissingData, expected: State) -> None:
    turn = step(seen("a", 0.0, None, None), condition=below_one(missing, datapoints=3, periods=3))

    assert turn.state is expected


@pytest.mark.parametrize(
    "breaching, reason",
    [
        (95, "95 out of 150 time series evaluated to ALARM"),
        (100, "100 out of 150 time series evaluated to ALARM"),
        (105, "100+ time series evaluated to ALARM"),
    ],
)
def test_the_reason_counts_at_most_a_hundred_contributors(breaching: int, reason: str) -> None:
    turn = step(*(seen(str(number), 0.0 if number < breaching else 2.0) for number in range(150)))

    assert (turn.reason, len(turn.tracked)) == (reason, min(breaching, MAX_CONTRIBUTORS))


def test_contributors_in_alarm_keep_their_place_under_the_cap() -> None:
    first = step(*(seen(str(number), 0.0) for number in range(100)))

    second = step(*(seen(str(number), 0.0) for number in reversed(range(1, 150))), tracked=first.tracked)

    assert Counter(one.state for one in second.changes) == {State.OK: 1, State.ALARM: 1}
    assert second.changes[1].contributor.attributes == (("TableName", "149"),)


def test_an_identity_rests_on_the_attributes_alone() -> None:
    one = contributors.identity((("a", "1"), ("b", "2")))

    assert one == contributors.identity((("b", "2"), ("a", "1")))
    assert one != contributors.identity((("a", "1"), ("b", "3")))
    assert len(one) == 16


Minutes = list[list[str]]
PACE = Pace(timedelta(minutes=2), timedelta(minutes=3))


def follow(minutes: Minutes, pace: Pace = PACE) -> list[Turn]:
    """A turn a minute; each lists the names of the series that the query returns."""
    tracked: tuple[Contributor, ...] = ()
    turns = []
    for number, names in enumerate(minutes):
        turn = contributors.follow(tracked, [(("host", name),) for name in names], pace, NOW + MINUTE * number)
        tracked = turn.tracked
        turns.append(turn)
    return turns


def test_a_contributor_waits_for_the_pending_and_for_the_recovery_period() -> None:
    turns = follow([["a"], ["a"], ["a"], [], [], [], [], []])

    phases = [turn.tracked[0].phase if turn.tracked else None for turn in turns]
    assert phases == [Phase.PENDING, Phase.PENDING, Phase.FIRING, *[Phase.RECOVERING] * 3, None, None]
    assert [[one.state for one in turn.changes] for turn in turns] == [
        [],
        [],
        [State.ALARM],
        [],
        [],
        [],
        [State.OK],
        [],
    ]
    assert [turn.state for turn in turns] == [State.OK] * 2 + [State.ALARM] * 4 + [State.OK] * 2


def test_an_absence_starts_the_pending_period_anew() -> None:
    turns = follow([["a"], ["a"], [], ["a"], ["a"], ["a"]])

    assert [turn.state for turn in turns] == [State.OK] * 5 + [State.ALARM]


def test_a_series_that_is_back_before_the_recovery_period_ends_fires_on() -> None:
    turns = follow([["a"], ["a"], ["a"], [], [], ["a"], [], [], []])

    assert [turn.state for turn in turns[2:]] == [State.ALARM] * 7
    assert sum(len(turn.changes) for turn in turns) == 1


def test_without_periods_a_contributor_follows_its_series_at_once() -> None:
    turns = follow([["a"], [], ["a", "b"]], Pace(timedelta(), timedelta()))

    assert [(turn.state, turn.reason) for turn in turns] == [
        (State.ALARM, "1 time series evaluated to ALARM"),
        (State.OK, "0 time series evaluated to ALARM"),
        (State.ALARM, "2 time series evaluated to ALARM"),
    ]


def test_promql_contributors_are_capped_too() -> None:
    (turn,) = follow([[str(number) for number in range(105)]], Pace(timedelta(), timedelta()))

    assert (turn.reason, len(turn.changes)) == ("100+ time series evaluated to ALARM", 100)


@given(st.lists(st.lists(st.sampled_from("ab"), unique=True), max_size=20), st.integers(0, 4), st.integers(0, 4))
def test_a_contributor_alarms_exactly_as_a_rule_with_for_and_keep_firing_for(
    minutes: Minutes, pending: int, recovery: int
) -> None:
    turns = follow(minutes, Pace(MINUTE * pending, MINUTE * recovery))

    for name in "ab":
        present = absent = 0
        firing = False
        for names, turn in zip(minutes, turns, strict=True):
            present, absent = (present + 1, 0) if name in names else (0, absent + 1)
            firing = absent <= recovery if firing else present > pending
            alarming = {value for one in turn.tracked if one.alarms for _, value in one.attributes}
            assert (name in alarming) is firing
