import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cloudwatch.expression import (
    Array,
    ExpressionError,
    Given,
    Grid,
    Type,
    check,
    evaluate,
    expand,
    parse,
    references,
    render,
)

TABLES = json.loads((Path(__file__).parent / "data" / "missing-data-tables.json").read_text())


def kind_of(value):
    return Type.SERIES if isinstance(value, tuple) else Type.ARRAY if isinstance(value, Array) else Type.SCALAR


def value_of(text: str, **series):
    values = {id_: tuple(found) if isinstance(found, list) else found for id_, found in series.items()}
    tree = expand(parse(text), dict.fromkeys(values, 60))
    kind = check(tree, {id_: kind_of(value) for id_, value in values.items()})
    count = next((len(value) for value in values.values() if isinstance(value, tuple)), 0)
    value = evaluate(tree, values, Given(grid=Grid(start=1_800_000_000, period=60, count=count)))
    assert kind is kind_of(value)
    return value


IF_TABLE = TABLES["if_expression_table"]
COMPARISONS = TABLES["comparison_table"]


def test_the_documented_table_of_if_holds():
    series = {id_: IF_TABLE[id_] for id_ in ("metric1", "metric2", "metric3")}

    result = value_of("IF(metric1, metric2, metric3)", **series)

    assert tuple(IF_TABLE["IF(metric1, metric2, metric3)"]) == result


@pytest.mark.parametrize("text", [key for key in COMPARISONS if key not in ("metric1", "metric2")])
def test_the_documented_table_of_comparisons_holds(text):
    result = value_of(text, metric1=COMPARISONS["metric1"], metric2=COMPARISONS["metric2"])

    assert COMPARISONS[text] == [point or 0 for point in result]


@pytest.mark.parametrize(
    "text,expected",
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 ^ 3 ^ 2", 512),
        ("-2 ^ 2", -4),
        ("10 - 4 - 3", 3),
        ("8 / 4 / 2", 1),
        ("1 < 2 AND 2 < 1 OR 1", 1),
        ("1 && 0 || 0", 0),
        ("1e3 + .5", 1000.5),
        ("--3", 3),
        ("IF(0, 1, 2)", 2),
        ("1 == 1", 1),
        ("1 != 1", 0),
    ],
)
def test_operators_bind_as_in_mathematics(text, expected):
    assert value_of(text) == expected


@pytest.mark.parametrize(
    "text,expected",
    [
        ("a + b", (3, 1, 2, None)),
        ("a - b", (-1, 1, -2, None)),
        ("a / b", (0.5, None, 0, None)),
        ("100 * a / b", (50, None, 0, None)),
        ("a + 1", (2, 2, None, None)),
        ("1 / (a - 1)", (None, None, None, None)),
        ("-a", (-1, -1, None, None)),
        ("FILL(a, 0)", (1, 1, 0, 0)),
        ("FILL(a, b)", (1, 1, 2, None)),
        ("FILL(a, REPEAT)", (1, 1, 1, 1)),
        ("IF(a > 0, b)", (2, 0, None, None)),
        ("IF(b, 7, 8)", (7, None, 7, None)),
    ],
)
def test_missing_datapoints_follow_the_documented_rules(text, expected):
    assert value_of(text, a=[1, 1, None, None], b=[2, None, 2, None]) == expected


def test_linear_fill_bridges_gaps_and_leaves_the_ends():
    assert value_of("FILL(a, LINEAR)", a=[None, 1, None, None, 4, None]) == (None, 1, 2, 3, 4, None)


@pytest.mark.parametrize(
    "text,message,position",
    [
        ("a + sum(b)", "unknown function sum at position 4; SUM is written in upper case", 4),
        ("[a, b", "the expression ends at position 5; expected ']'", 5),
        ("SORT(a, MEDIAN, ASC)", "unexpected 'MEDIAN' at position 8; expected AVG or MIN or MAX or SUM", 8),
        ("SORT(a, AVG, UP)", "unexpected 'UP' at position 13; expected ASC or DESC", 13),
        ("FILL(a, NONE)", "NONE at position 8 is no id", 8),
        ("SUM()", "SUM at position 0 takes 1 argument, not 0", 0),
        ("METRICS", "the expression ends at position 7; expected '('", 7),
        ("a + 'text'", "unexpected 'text' at position 4", 4),
        ("a + NOPE(b)", "unknown function NOPE at position 4", 4),
        ("a +", "the expression ends at position 3", 3),
        ("a + * b", "unexpected '*' at position 4", 4),
        ("(a + b", "the expression ends at position 6", 6),
        ("a b", "unexpected 'b' at position 2", 2),
        ("a # b", "unexpected character '#' at position 2", 2),
        ("FILL(a)", "FILL at position 0 takes 2 arguments, not 1", 0),
        ("IF(a)", "IF at position 0 takes 2 or 3 arguments, not 1", 0),
        ("Big + 1", "an id starts with a lower-case letter", 0),
        ("", "the expression ends at position 0", 0),
    ],
)
def test_what_is_refused_names_the_position(text, message, position):
    with pytest.raises(ExpressionError, match=r".") as refused:
        parse(text)

    assert message in refused.value.message
    assert position == refused.value.position


def test_an_unknown_id_is_refused_with_its_position():
    with pytest.raises(ExpressionError, match="unknown id b at position 4"):
        value_of("a + b", a=[1])


def test_fill_of_a_scalar_is_refused():
    with pytest.raises(ExpressionError, match=r"Unsupported operand type\(s\) for FILL: '\[S, S\]' at position 0"):
        value_of("FILL(1, 0)")


def test_references_are_named_in_order():
    assert [found.id for found in references(parse("IF(c > 1, FILL(a, 0), b)"))] == ["c", "a", "b"]


def test_a_long_chain_needs_no_deep_recursion():
    assert value_of("+".join(["1"] * 1024)) == 1024


def test_deep_nesting_is_refused_clearly():
    with pytest.raises(ExpressionError, match="more than 100 levels of nesting"):
        parse("(" * 500 + "1" + ")" * 500)


OPERATORS = ["+", "-", "*", "/", "^", "<", "<=", ">", ">=", "==", "!=", "AND", "OR"]
expressions = st.recursive(
    st.sampled_from(["a", "b", "1", "0", "2.5"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        inner.map(lambda one: f"(-{one})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"IF({', '.join(parts)})"),
        inner.map(lambda one: f"FILL(a, {one})"),
        inner.map(lambda one: f"AVG([a, TIME_SERIES(AVG(0 * a + {one}))])"),
        inner.map(lambda one: f"RATE(a * {one})"),
        inner.map(lambda one: f"LAST(SORT([b, a + {one}], MAX, DESC, 1))"),
    ),
    max_leaves=12,
)
series = st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=4)


@given(expressions, series, series)
def test_no_expression_over_finite_series_crashes_or_leaves_the_finite(text, a, b):
    result = value_of(text, a=a, b=b)

    if isinstance(result, tuple):
        assert len(result) == 4
        assert all(point is None or math.isfinite(point) for point in result)


@given(expressions, series, series)
def test_a_rendered_expression_means_the_same(text, a, b):
    once = value_of(text, a=a, b=b)
    again = value_of(render(parse(text)), a=a, b=b)

    assert once == again or (math.isnan(once) and math.isnan(again))
