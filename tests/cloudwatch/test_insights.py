"""Metrics Insights: the language, and what it selects against a plain reading of the documentation."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cloudwatch import insights
from core.cloudwatch.insights import Candidate, Filter, Function, InsightsError, Kind, Label, Order, Select
from core.cloudwatch.limits import MAX_MATCHED_METRICS, MAX_SERIES
from core.cloudwatch.statistics import Bucket

# The examples of the User Guide, Query components and syntax.
DOCUMENTED = (
    'SELECT AVG(CPUUtilization) FROM "AWS/EC2"',
    'SELECT AVG(CPUUtilization) FROM SCHEMA("AWS/EC2")',
    'SELECT AVG(CPUUtilization) FROM SCHEMA("AWS/EC2", InstanceId)',
    "SELECT MAX(CPUUtilization) FROM \"AWS/EC2\" WHERE AutoScalingGroupName = 'my-production-fleet'",
    'SELECT MAX("My.Metric") FROM "AWS/EC2"',
    'SELECT AVG("Bytes\\"Input\\"") FROM app',
    'SELECT AVG("LIMIT") FROM app',
    (
        'SELECT SUM(RequestCount) FROM SCHEMA("AWS/ApplicationELB", LoadBalancer, AvailabilityZone) WHERE '
        "LoadBalancer = 'app/load-balancer-1' AND tag.Environment = 'prod' GROUP BY AvailabilityZone "
        "ORDER BY MAX() DESC LIMIT 5"
    ),
    "SELECT AVG(CpuUtilization) FROM \"AWS/EC2\" WHERE AWS.AccountId ='123456789012'",
    'SELECT AVG(CpuUtilization) FROM "AWS/EC2" WHERE AWS.AccountId=444455556666',
    'SELECT AVG(CpuUtilization) FROM "AWS/EC2" WHERE AWS.AccountId = CURRENT_ACCOUNT_ID()',
    'SELECT AVG(CpuUtilization) FROM "AWS/EC2" GROUP BY AWS.AccountId, InstanceType',
    'select avg(x) from "AWS/EC2" group by tag.team, InstanceType order by sum();',
)
REFUSED = (
    ("SELECT p99(x) FROM app", 7, "SELECT takes one of AVG, COUNT, MAX, MIN, SUM"),
    ("SELECT AVG(LIMIT) FROM app", 11, "reserved keyword"),
    ("SELECT AVG(x) FROM AWS/RDS", 22, "double quotation marks"),
    ("SELECT AVG(x)", 13, "expected FROM"),
    ('SELECT AVG(x) FROM app WHERE a = "b"', 33, "single quotation marks"),
    ("SELECT AVG(x) FROM app WHERE 'a' = 'b'", 29, "double quotation marks, not single"),
    ("SELECT AVG(x) FROM app WHERE (a = 'b')", 29, "no brackets"),
    ("SELECT AVG(x) FROM app WHERE a = 'b' OR c = 'd'", 37, "=, != and AND only"),
    ("SELECT AVG(x) FROM app WHERE a LIKE 'b'", 31, "= and != only"),
    ("SELECT AVG(x) FROM app WHERE a.b = 'c'", 29, "AWS.AccountId and tag.KEY"),
    ("SELECT AVG(x) FROM app GROUP BY a, a", 35, "a second time"),
    ("SELECT AVG(x) FROM SCHEMA(app, a, a)", 34, "a second time"),
    ("SELECT AVG(x) FROM app ORDER BY AVG(x)", 36, "without a metric name"),
    ("SELECT AVG(x) FROM app LIMIT 501", 29, "1 to 500"),
    ("SELECT AVG(x) FROM app LIMIT 5 GROUP BY a", 31, "in this order"),
    ("SELECT AVG(x) FROM app WHERE a = 'b", 33, "never closed"),
)

NAMES = st.text(st.sampled_from("abZ_09.\"'\\ /limitLIMIT"), min_size=1, max_size=6).filter(lambda text: text.strip())
DIMENSION = st.builds(Label, st.just(Kind.DIMENSION), NAMES)
LABELS = DIMENSION | st.builds(Label, st.just(Kind.TAG), NAMES) | st.just(Label(Kind.ACCOUNT, "AWS.AccountId"))
FILTERS = st.builds(Filter, LABELS, st.booleans(), st.text(max_size=5))
QUERIES = st.builds(
    Select,
    st.sampled_from(Function),
    NAMES,
    NAMES,
    st.none() | st.lists(NAMES, unique=True, max_size=3).map(tuple),
    st.lists(FILTERS, max_size=3).map(tuple),
    st.lists(LABELS, unique=True, max_size=3).map(tuple),
    st.none() | st.builds(Order, st.sampled_from(Function), st.booleans()),
    st.none() | st.integers(1, MAX_SERIES),
)


@pytest.mark.parametrize("text", DOCUMENTED)
def test_the_documented_examples_are_read(text: str) -> None:
    assert insights.parse(insights.render(insights.parse(text))) == insights.parse(text)


@pytest.mark.parametrize("text, position, reason", REFUSED)
def test_what_is_not_documented_is_refused_with_its_position(text: str, position: int, reason: str) -> None:
    with pytest.raises(InsightsError, match="position") as caught:
        insights.parse(text)

    assert (caught.value.position, reason in caught.value.message) == (position, True)


@given(QUERIES)
def test_a_rendered_query_parses_to_itself(query: Select) -> None:
    assert insights.parse(insights.render(query)) == query


def bucket(*values: float) -> Bucket | None:
    if not values:
        return None
    found = Bucket()
    for value in values:
        found.add(value)
    return found


def select(function: str, clauses: str) -> str:
    return " ".join(("SELECT", f"{function}(cpu)", "FROM app", clauses))


def run(text: str, metrics: list[tuple[dict[str, str], list[list[float]]]]) -> list[tuple[str, list[float | None]]]:
    query = insights.parse(text)
    candidates = [
        Candidate(tuple(sorted(of.items())), [bucket(*values) for values in periods], "123456789012")
        for of, periods in metrics
        if insights.matching(query, tuple(sorted(of.items())), account="123456789012", tags={})
    ]
    return [(group.label, list(group.values)) for group in insights.choose(query, candidates).groups]


METRICS: list[tuple[dict[str, str], list[list[float]]]] = [
    ({"host": "a", "area": "x"}, [[1.0, 3.0], [4.0]]),
    ({"host": "b", "area": "x"}, [[5.0], []]),
    ({"host": "c", "area": "y"}, [[2.0], [9.0]]),
    ({"host": "d"}, [[7.0], [7.0]]),
    ({"host": "e", "area": "z"}, [[], []]),
]


@pytest.mark.parametrize(
    "clauses, expected",
    [
        ("", [("", [18 / 5, 20 / 3])]),
        ("WHERE area = 'x'", [("", [3.0, 4.0])]),
        ("WHERE area != 'x' AND host != 'd'", [("", [2.0, 9.0])]),
        ("WHERE area != 'x'", [("", [4.5, 8.0])]),
        ("WHERE AWS.AccountId = CURRENT_ACCOUNT_ID() AND area = 'y'", [("", [2.0, 9.0])]),
        ("WHERE AWS.AccountId != '123456789012'", [("", [])]),
        ("GROUP BY area", [("Other", [7.0, 7.0]), ("x", [3.0, 4.0]), ("y", [2.0, 9.0])]),
        ("GROUP BY area ORDER BY MAX() DESC", [("y", [2.0, 9.0]), ("Other", [7.0, 7.0]), ("x", [3.0, 4.0])]),
        ("GROUP BY area ORDER BY MIN()", [("y", [2.0, 9.0]), ("x", [3.0, 4.0]), ("Other", [7.0, 7.0])]),
        ("GROUP BY area ORDER BY MIN() LIMIT 1", [("y", [2.0, 9.0])]),
        ("WHERE area = 'x' GROUP BY area, host", [("x a", [2.0, 4.0]), ("x b", [5.0, None])]),
        ("GROUP BY AWS.AccountId", [("123456789012", [18 / 5, 20 / 3])]),
        ("WHERE area = 'nowhere' GROUP BY host", []),
    ],
)
def test_a_query_filters_groups_orders_and_limits(clauses: str, expected: list[tuple[str, list[float | None]]]) -> None:
    assert run(select("AVG", clauses), METRICS) == expected


@pytest.mark.parametrize("function, expected", [("AVG", 3.0), ("COUNT", 3.0), ("MAX", 5.0), ("MIN", 1.0), ("SUM", 9.0)])
def test_a_function_folds_the_observations_of_all_matching_metrics(function: str, expected: float) -> None:
    assert run(select(function, "WHERE area = 'x'"), METRICS)[0][1][0] == expected


def test_schema_selects_metrics_of_exactly_its_dimensions() -> None:
    assert run("SELECT SUM(cpu) FROM SCHEMA(app, host) GROUP BY host", METRICS) == [("d", [7.0, 7.0])]
    assert run("SELECT SUM(cpu) FROM SCHEMA(app)", METRICS) == [("", [])]


def test_at_most_five_hundred_series_come_back_and_the_result_says_that_it_is_partial() -> None:
    query = insights.parse("SELECT SUM(cpu) FROM app GROUP BY host ORDER BY SUM() DESC")
    candidates = [Candidate((("host", str(number)),), [bucket(float(number))]) for number in range(MAX_SERIES + 1)]

    result = insights.choose(query, candidates)

    assert (len(result.groups), result.partial, result.groups[0].label) == (MAX_SERIES, True, str(MAX_SERIES))
    assert not insights.choose(query, candidates[:MAX_SERIES]).partial


def test_at_most_ten_thousand_metrics_are_read() -> None:
    query = insights.parse("SELECT COUNT(cpu) FROM app")
    candidates = [Candidate((), [bucket(1.0)])] * (MAX_MATCHED_METRICS + 1)

    result = insights.choose(query, candidates)

    assert (result.groups[0].values, result.partial) == ((float(MAX_MATCHED_METRICS),), True)


@given(
    st.lists(
        st.tuples(
            st.fixed_dictionaries({}, optional={"h": st.sampled_from("ab"), "z": st.sampled_from("xy")}),
            st.lists(st.lists(st.integers(-9, 9).map(float), max_size=2), min_size=2, max_size=2),
        ),
        max_size=8,
    ),
    st.sampled_from(["AVG", "COUNT", "MAX", "MIN", "SUM"]),
)
def test_grouping_agrees_with_brute_force(
    metrics: list[tuple[dict[str, str], list[list[float]]]], function: str
) -> None:
    folds: dict[str, Callable[[list[float]], float]] = {
        "AVG": lambda all_: math.fsum(all_) / len(all_),
        "COUNT": len,
        "MAX": max,
        "MIN": min,
        "SUM": math.fsum,
    }
    keys = sorted({of.get("z", "Other") for of, periods in metrics if any(periods)})
    expected = []
    for key in keys:
        columns = [
            [value for of, periods in metrics if of.get("z", "Other") == key for value in periods[number]]
            for number in range(2)
        ]
        expected.append((key, [float(folds[function](column)) if column else None for column in columns]))

    found = run(select(function, "GROUP BY z"), metrics)

    assert [
        (label, [None if value is None else pytest.approx(value) for value in values]) for label, values in found
    ] == (expected)
