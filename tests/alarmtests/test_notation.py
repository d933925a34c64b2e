from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cloudwatch.notation import Folded, NotationError, Samples, series, span, spelled


def plain(text: str) -> list[float | None]:
    return [period.values[0][0] if isinstance(period, Samples) else None for period in series(text)]


@pytest.mark.parametrize(
    "text,expected",
    [
        ("7", [7]),
        ("0+10x5 _ 7", [0, 10, 20, 30, 40, 50, None, 7]),
        ("1x10", [1] * 11),
        ("_x5", [None] * 5),
        ("9-3x2", [9, 6, 3]),
        ("-1.5 2e3 .5", [-1.5, 2000, 0.5]),
        ("-2-2x1", [-2, -4]),
        ("5x0", [5]),
        ("  1\n _  2 ", [1, None, 2]),
    ],
)
def test_tokens_stand_for_periods_as_in_promtool(text, expected):
    assert plain(text) == expected


def test_a_group_is_a_distribution_with_counts():
    assert series("(250*99,900)x1") == (Samples(((250, 99), (900, 1))),) * 2


def test_a_group_with_names_is_a_statistic_set():
    assert series("(count=60,sum=300,min=1,max=9)") == (Folded(60, 300, 1, 9),)


@pytest.mark.parametrize(
    "text,position,said",
    [
        ("1 2 3q", 4, "'3q' is not a token"),
        ("0+10", 0, "has a step but no length"),
        ("1 (250*99,9oo)", 10, "'9oo' is no sample"),
        ("(1*0)", 1, "a count is more than 0"),
        ("(count=1,sum=2)", 14, "lacks min, max"),
        ("(count=1,sum=2,min=3,max=1)", 26, "min not above its max"),
        ("(count=1,count=2)", 9, "a statistic set is"),
        ("_x0", 0, "out of range"),
        ("1x9999999", 0, "out of range"),
        ("1e999", 0, "too large"),
        ("", 0, "no periods"),
        ("_x99999 1x9", 8, "at most 100,000 periods"),
    ],
)
def test_a_slip_is_named_with_its_position(text, position, said):
    with pytest.raises(NotationError, match=said.replace("(", r"\(")) as caught:
        series(text)
    assert caught.value.position == position


@given(st.text(alphabet="0123456789+-x_ .(*,)e=countsumiax", max_size=20))
def test_any_text_is_a_series_or_refused_with_a_position_inside_it(text):
    position = refused_at(text)

    assert position is None or 0 <= position <= len(text)


def refused_at(text: str) -> int | None:
    try:
        return None if series(text) else -1
    except NotationError as error:
        return error.position


@given(st.integers(0, 10**7))
def test_a_length_of_time_reads_back(seconds):
    assert span(spelled(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5m3h", "-5m", "5 m", "1.5m"])
def test_other_lengths_of_time_are_refused(text):
    with pytest.raises(NotationError, match="no length of time"):
        span(text)
