"""The functions of metric math, over series and arrays."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cloudwatch.expression import (
    Array,
    Band,
    ExpressionError,
    Given,
    Grid,
    Member,
    Origin,
    Type,
    bands_of,
    check,
    evaluate,
    expand,
    parse,
    render,
    searches,
)

MONDAY = int(datetime(2026, 11, 16, 22, 58, tzinfo=UTC).timestamp())
GRID = Grid(start=MONDAY, period=60, count=4)
A = (1.0, None, 3.0, -4.0)
B = (10.0, 20.0, None, 40.0)
EMPTY = (None, None, None, None)


ON_GRID = Given(grid=GRID)


def computed(text, given=ON_GRID, **series):
    series = {"a": A, "b": B} | series
    tree = expand(parse(text), dict.fromkeys(series, 60))
    check(tree, dict.fromkeys(series, Type.SERIES))
    return evaluate(tree, series, given)


def members(text, **series):
    array = computed(text, **series)
    assert isinstance(array, Array)
    return [member.values for member in array.members]


@pytest.mark.parametrize(
    "text,expected",
    [
        ("ABS(a)", (1, None, 3, 4)),
        ("CEIL(a / 2)", (1, None, 2, -2)),
        ("FLOOR(a / 2)", (0, None, 1, -2)),
        ("LOG(a - a)", EMPTY),
        ("LOG10(b * 10)", (2, pytest.approx(2.30103), None, pytest.approx(2.60206))),
        ("RUNNING_SUM(a)", (1, None, 4, 0)),
        ("DIFF(a)", (None, None, 2, -7)),
        ("DIFF_TIME(a)", (None, None, 120, 60)),
        ("RATE(b)", (None, pytest.approx(10 / 60), None, pytest.approx(20 / 120))),
        ("TIME_SERIES(2 * MAX(b))", (80, 80, 80, 80)),
        ("TIME_SERIES(SUM(a))", (0, 0, 0, 0)),
        ("TIME_SERIES(AVG(b))", (17.5,) * 4),
        ("TIME_SERIES(MIN(a))", (-4,) * 4),
        ("TIME_SERIES(DATAPOINT_COUNT(a))", (3,) * 4),
        ("a / METRIC_COUNT(METRICS())", (0.5, None, 1.5, -2)),
        ("TIME_SERIES(PERIOD(a))", (60,) * 4),
        ("SUM([a, b])", (11, 20, 3, 36)),
        ("AVG([a, b])", (5.5, 10, 1.5, 18)),
        ("MIN([a, b])", (1, 20, 3, -4)),
        ("MAX(METRICS())", (10, 20, 3, 40)),
        ("DATAPOINT_COUNT([a, b])", (2, 1, 1, 2)),
        ("STDDEV([a, b])", (4.5, 10, 1.5, 22)),
        ("SUM([[a], METRICS('b')])", (11, 20, 3, 36)),
        ("FIRST(SORT([a, b], AVG, DESC))", B),
        ("LAST([a, b])", B),
        ("FIRST(SLICE([a, b], 5))", EMPTY),
        ("SUM(100 / [a, b])", (110, 5, pytest.approx(100 / 3), -22.5)),
        ("SUM(-[a, b])", (-11, -20, -3, -36)),
        ("MIN(ABS([a, b]))", (1, 20, 3, 4)),
        ("SUM([a, b] - b)", (-9, -20, 3, -44)),
        ("FILL(a, b)", (1, 20, 3, -4)),
        ("FILL(a, MIN(a))", (1, -4, 3, -4)),
        ("IF(FIRST(SORT(METRICS(), AVG, DESC)) > 15, 1, 0)", (0, 1, None, 1)),
        ("MINUTE(a)", (58, 59, 0, 1)),
        ("HOUR(a)", (22, 22, 23, 23)),
        ("DAY(a)", (1, 1, 1, 1)),
        ("DATE(a)", (16,) * 4),
        ("MONTH(a)", (11,) * 4),
        ("YEAR(a)", (2026,) * 4),
        ("EPOCH(a)", tuple(float(at) for at in GRID.times)),
        ("IF(DAY(a) < 6, a)", (1, 0, 3, -4)),
        ("IF(DAY(a) > 5, a)", EMPTY),
    ],
)
def test_functions_give_the_documented_series(text, expected):
    assert computed(text) == expected


def test_the_documented_forms_of_if_with_scalars_hold():
    condition = (1.0, 1.0, 0.0, 0.0, None)
    two, three = (30.0, None, 0.0, 0.0, 30.0), (0.0, 0.0, 20.0, None, 20.0)
    series = {"a": condition, "b": two, "c": three}

    assert computed("IF(a, 5, c)", **series) == (5, 5, 20, None, None)
    assert computed("IF(a, b, 5)", **series) == (30, 0, 5, 5, None)
    assert computed("IF(a, b)", **series) == (30, 0, None, None, None)
    assert computed("IF(1, b, c)", **series) == two
    assert computed("IF(0, b, c)", **series) == three
    assert computed("IF(0, b)", **series) == (None,) * 5
    assert computed("IF(1, 7, c)", **series) == (7,) * 5


@pytest.mark.parametrize(
    "text,expected",
    [
        ("FILL([a, b], 0)", [(1, 0, 3, -4), (10, 20, 0, 40)]),
        ("FILL([a, b], REPEAT)", [(1, 1, 3, -4), (10, 20, 20, 40)]),
        ("FILL([a, b], LINEAR)", [(1, 2, 3, -4), (10, 20, 30, 40)]),
        ("FILL(METRICS('b'), a)", [(10, 20, 3, 40)]),
        ("REMOVE_EMPTY([a, c])", [A]),
        ("SORT([a, b, c], SUM, ASC)", [A, B, EMPTY]),
        ("SORT([a, b, c], SUM, DESC)", [B, A, EMPTY]),
        ("SORT([a, b, c], MIN, DESC, 1)", [B]),
        ("SLICE([a, b, c], 1)", [B, EMPTY]),
        ("SLICE([a, b, c], 0, 2)", [A, B]),
        ("SLICE([a, b, c], 2, 1)", []),
        ("METRICS('x')", []),
        ("RUNNING_SUM([a])", [(1, None, 4, 0)]),
        ("[a, b] > 3", [(0, None, 0, 0), (1, 1, None, 1)]),
        ("[a] AND b", [(1, 0, 0, 1)]),
        ("2 ^ [a]", [(2, None, 8, 0.0625)]),
    ],
)
def test_arrays_are_computed_series_by_series(text, expected):
    assert members(text, c=EMPTY) == expected


def test_a_fold_of_what_has_no_datapoints_is_no_number():
    assert computed("FILL(a, AVG(c))", c=EMPTY) == A
    assert computed("a + MAX(c)", c=EMPTY) == EMPTY
    assert computed("TIME_SERIES(DATAPOINT_COUNT(c))", c=EMPTY) == (0,) * 4
    assert computed("SUM([])") == EMPTY


def test_stddev_is_of_the_whole_with_a_missing_datapoint_as_zero():
    assert computed("TIME_SERIES(STDDEV(c))", c=(2.0, 4.0, None, 2.0)) == (pytest.approx(2**0.5),) * 4


def test_arrays_keep_what_their_series_are_called():
    given = Given(grid=GRID, origins={"a": Origin("Errors"), "b": Origin("Faults")})

    array = computed("SORT(FILL([a, b], 0), AVG, DESC)", given)

    assert [member.label for member in array.members] == ["Faults", "Errors"]


@pytest.mark.parametrize(
    "text,message",
    [
        ("[a] + [b]", "Unsupported operand type(s) for +: '[TS[], TS[]]' at position 4"),
        ("a + SUM(5)", "Unsupported operand type(s) for SUM: '[S]' at position 4; it takes (TS) or (TS[])"),
        ("FIRST(a)", "Unsupported operand type(s) for FIRST: '[TS]' at position 0; it takes (TS[])"),
        ("ABS(5)", "for ABS: '[S]' at position 0"),
        ("IF([a], 1, 0)", "for IF: '[TS[], S, S]' at position 0"),
        ("DAY([a])", "for DAY: '[TS[]]' at position 0"),
        ("TIME_SERIES(a)", "for TIME_SERIES: '[TS]' at position 0"),
        ("[a, 5]", "for []: '[TS, S]' at position 0"),
        ("METRICS(a)", "for METRICS: '[TS]'"),
        ("1 + PERIOD(a + b)", "PERIOD at position 4 takes the id of a metric"),
        ("SLICE([a], 0.5)", "SLICE at position 0 takes whole numbers from 0 up"),
        ("FIRST(SORT([a], AVG, ASC, -1))", "SORT at position 6 takes whole numbers"),
        ("METRIC_COUNT(a)", "for METRIC_COUNT: '[TS]'"),
    ],
)
def test_what_a_function_does_not_take_is_refused_with_its_position(text, message):
    if text == "METRICS(a)":
        tree = parse(text)
        with pytest.raises(ExpressionError) as refused:
            check(tree, {"a": Type.SERIES})
    else:
        with pytest.raises(ExpressionError) as refused:
            computed(text)

    assert message in refused.value.message


def test_a_function_of_time_needs_to_know_the_times():
    with pytest.raises(ExpressionError, match="RATE at position 0 has no times to go by"):
        computed("RATE(a)", Given())


BAND = Band(expected=(10.0, 10.0, None, 20.0), deviation=(1.0, 2.0, 1.0, None))


@pytest.mark.parametrize(
    "text,expected",
    [
        ("FIRST(ANOMALY_DETECTION_BAND(a))", (8, 6, None, None)),
        ("LAST(ANOMALY_DETECTION_BAND(a, 3))", (13, 16, None, None)),
        ("b > LAST(ANOMALY_DETECTION_BAND(a))", (0, 1, None, 1)),
    ],
)
def test_an_anomaly_band_is_two_series_from_what_is_expected(text, expected):
    assert computed(text, Given(grid=GRID, bands={"a": BAND})) == expected


def test_a_band_without_a_model_has_no_datapoints():
    array = computed("ANOMALY_DETECTION_BAND(a)")

    assert [member.values for member in array.members] == [EMPTY, EMPTY]


def test_the_bands_that_an_expression_needs_are_named():
    tree = parse("IF(a > LAST(ANOMALY_DETECTION_BAND(a + b, 2)), 1, 0)")

    assert [(need.key, render(need.of)) for need in bands_of(tree)] == [("(a + b)", "(a + b)")]


@pytest.mark.parametrize(
    "text,message",
    [
        ("ANOMALY_DETECTION_BAND(a) - SUM(ANOMALY_DETECTION_BAND(b))", "takes one ANOMALY_DETECTION_BAND"),
        ("ANOMALY_DETECTION_BAND(SUM(SEARCH('x', 'Sum', 60)))", "takes no SEARCH"),
        ("ANOMALY_DETECTION_BAND(SUM(METRICS()))", "takes no METRICS"),
        ("ANOMALY_DETECTION_BAND([a])", "for ANOMALY_DETECTION_BAND: '[TS[]]'"),
    ],
)
def test_bands_that_aws_does_not_make_are_refused(text, message):
    with pytest.raises(ExpressionError, match=r".") as refused:
        computed(text)

    assert message in refused.value.message


def test_a_service_quota_is_what_was_given_for_the_usage_metric():
    given = Given(grid=GRID, quota={"a": 500.0}.get)

    assert computed("100 * b / SERVICE_QUOTA(a)", given) == (2, 4, 0, 8)
    assert computed("SERVICE_QUOTA(b)", given) == EMPTY


def test_a_search_gives_the_array_that_is_found_for_it():
    asked = []

    def search(wanted):
        asked.append((wanted.statistic, wanted.period, wanted.pattern.namespace))
        return Array((Member(A, "one"), Member(B, "two")))

    assert computed("SUM(SEARCH('{App} Errors', 'p99', 300))", Given(grid=GRID, search=search)) == (11, 20, 3, 36)
    assert asked == [("p99", 300, "App")]


@pytest.mark.parametrize(
    "text",
    [
        "SUM(SEARCH('{App,\"My Dim\"} MetricName=\"x\" NOT (y OR z)', 'Average', 60))",
        "SORT(METRICS('it''s'), AVG, DESC, 10)",
        "[m1, -m2, METRICS()] / 100",
        "FILL(SEARCH('x', 'tm90'), LINEAR)",
        'SUM(METRICS("errors"))',
    ],
)
def test_what_is_rendered_parses_to_the_same_text(text):
    once = render(parse(text))

    assert render(parse(once)) == once
    assert [found.pattern for found in searches(parse(once))] == [found.pattern for found in searches(parse(text))]


points = st.lists(st.none() | st.floats(-1e6, 1e6), min_size=4, max_size=4).map(tuple)


@given(points, points, points)
def test_sorting_slicing_and_summing_agree(a, b, c):
    whole = members("SORT([a, b, c], SUM, DESC)", a=a, b=b, c=c)
    first = members("SLICE(SORT([a, b, c], SUM, DESC), 0, 2)", a=a, b=b, c=c)
    rest = members("SLICE(SORT([a, b, c], SUM, DESC), 2)", a=a, b=b, c=c)

    assert first + rest == whole
    assert sorted(map(repr, whole)) == sorted(map(repr, (a, b, c)))


@given(points)
def test_a_running_sum_is_undone_by_differences(a):
    total = computed("RUNNING_SUM(a)", a=a)
    steps = computed("DIFF(RUNNING_SUM(a))", a=a)

    known = [number for number, point in enumerate(a) if point is not None]
    assert [number for number, point in enumerate(total) if point is not None] == known
    for number in known[1:]:
        assert steps[number] == pytest.approx(a[number], abs=1e-6)
