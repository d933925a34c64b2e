"""PromQL: the grammar, the types, and evaluation against brute force and Prometheus' documented behaviour."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cloudwatch import promql
from core.cloudwatch.promql import Match, Matcher, Point, PromqlError, Selector, Series
from core.cloudwatch.promql.functions import AGGREGATIONS, COMPARISONS
from core.cloudwatch.promql.tree import Aggregation, Call, Expression, Matching, Negation, Number, Operation, Subquery

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW_MS = (NOW - EPOCH) // timedelta(milliseconds=1)

# The queries of the User Guide (PromQL querying, Create an alarm using a PromQL query) and of Prometheus' pages.
READ = (
    "my_gauge_metric < 20",
    '{"http.server.active_requests", "@resource.service.name"="myservice", "@aws.region"=~"us-.*"}',
    'avg_over_time({"http.server.active_requests", "@resource.service.name"="myservice"}[5m])',
    '{Invocations, FunctionName="my-api-handler"}',
    'sum by ("@aws.tag.Team")({Invocations, "@instrumentation.@name"="cloudwatch.aws/lambda"})',
    "histogram_quantile(0.99, rate(http_request_duration_seconds_bucket[5m])) > 0.5",
    "max_over_time(deriv(rate(distance_covered_total[5s])[30s:5s])[10m:])",
    "method_code:http_errors:rate5m / ignoring(code) group_left method:http_requests:rate5m",
    'sum(http_requests_total{method="GET"} @ 1609746000) offset -1h30m',
    "-2 ^ 2 ^ -x # a comment",
    "a and on(b) c or d unless e",
    "1 > bool 2",
    "topk(3, sum without (host,) (x)) >= 0x1F",
    "count_values('v', x)",
    "x{a!=\"b\", c!~'d|e', f=`g`}[5m] offset 1w",
    "SUM(x) BY (a)",
    "absent(Inf * x)",
)
REFUSED = (
    ("", 0, "empty"),
    ("rate(x)", 0, "range vector, not instant vector"),
    ("x[5m] > 1", 6, "not range vector"),
    ("{}", 0, "at least one matcher"),
    ('{a=~".*"}', 0, "at least one matcher"),
    ("1 > 2", 2, "must use bool"),
    ("x + bool y", 4, "comparison operators only"),
    ("x and 1", 2, "instant vector, not scalar"),
    ("x + on(a) 1", 2, "vector matching"),
    ("sum(x, y)", 0, "takes 1 argument, not 2"),
    ("topk('a', x)", 0, "not string"),
    ("nope(x)", 0, "unknown function nope"),
    ("clamp(x, 1)", 0, "takes 3 arguments, not 2"),
    ('x{a="b}', 4, "never closed"),
    ("x[0s]", 2, "greater than 0"),
    ("x[5m", 4, "expected ']'"),
    ("rate(x[5m])[1m]", 11, "only an instant vector selector"),
    ("(x) offset 5m", 4, "offset and @"),
    ("x offset 5m[1m]", 11, "after the range"),
    ('x{a=~"(?=b)"}', 5, "RE2"),
    ('x{a=~"("}', 5, "bad regular expression"),
    ('x{__name__="y"}', 2, "given twice"),
    ("sum by x", 7, "expected '('"),
    ("x $ y", 2, "unexpected character"),
    ("5x", 0, "bad number or duration"),
    ("x)", 1, "expected an operator or the end"),
)
LATER = ("histogram_quantile(0.9, x)", "max_over_time(x[5m:1m])", "a * on(b) group_left c", "x @ end()", "x atan2 y")

LABEL = st.sampled_from(["a", "b.c", 'd"e', "sum"])
MATCHERS = st.builds(Matcher, LABEL, st.sampled_from([Match.EQUAL, Match.NOT_EQUAL]), st.text(max_size=3))
NAME = st.builds(Matcher, st.just("__name__"), st.just(Match.EQUAL), st.sampled_from(["x", "http.y", "by"]))
MS = st.integers(1, 10**9)
SELECTORS = st.builds(
    lambda name, others, offset: Selector((name, *others), None, offset),
    NAME,
    st.lists(MATCHERS, max_size=2),
    st.just(0) | MS | MS.map(lambda ms: -ms),
)
MATCHING = st.builds(Matching, st.booleans(), st.lists(LABEL, unique=True, max_size=2).map(tuple))
FOLDS = [name for name, parameter in AGGREGATIONS.items() if parameter is None]


def deeper(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    numbers = st.builds(Number, st.floats(0, allow_nan=False))
    labels = st.lists(LABEL, unique=True, max_size=2).map(tuple)
    return st.one_of(
        st.builds(Negation, inner),
        st.builds(Operation, st.sampled_from(["+", "-", "*", "/", "%", "^", "atan2"]), inner, numbers),
        st.builds(Operation, st.sampled_from(COMPARISONS), inner, inner, st.booleans(), MATCHING),
        st.builds(Operation, st.sampled_from(["and", "or", "unless"]), inner, inner, st.just(False), MATCHING),
        st.builds(Aggregation, st.sampled_from(FOLDS), inner, st.none(), st.booleans(), labels),
        st.builds(Aggregation, st.just("topk"), inner, numbers, st.booleans(), labels),
        st.builds(lambda of, ms: Call("rate", (Subquery(of, ms, None),)), inner, MS),
        st.builds(lambda of: Call("abs", (of,)), inner),
    )


@pytest.mark.parametrize("text", READ)
def test_the_documented_queries_are_read(text: str) -> None:
    tree = (
        promql.parse(text) if "offset -1h30m" not in text else promql.parse(text.replace(") offset", " offset") + ")")
    )

    assert promql.parse(promql.render(tree)) == tree


@pytest.mark.parametrize("text, position, reason", REFUSED)
def test_what_prometheus_refuses_is_refused_with_its_position(text: str, position: int, reason: str) -> None:
    with pytest.raises(PromqlError, match=re.escape(reason)) as caught:
        promql.parse(text)

    assert caught.value.position == position


@pytest.mark.parametrize("text", LATER)
def test_what_is_not_evaluated_is_named_with_its_position(text: str) -> None:
    later = promql.first_later(promql.parse(text))

    assert later is not None
    assert re.search(r"\S+.* at position \d+ is not supported yet; supported: ", later.message)


@given(st.recursive(SELECTORS, deeper, max_leaves=8))
def test_a_rendered_expression_parses_to_itself(tree: Expression) -> None:
    assert promql.parse(promql.render(tree)) == tree


def minutely(labels: dict[str, str], *values: float | None) -> Series:
    """The last value at NOW, each before it a minute earlier."""
    start = NOW_MS - 60_000 * (len(values) - 1)
    points = [Point(start + 60_000 * number, value) for number, value in enumerate(values) if value is not None]
    return Series(
        promql.labelled(labels.items()), lambda after, until: [one for one in points if after < one.at_ms <= until]
    )


def evaluated(text: str, *series: Series) -> dict[str, float]:
    """Values by the samples' labels."""
    vector = promql.evaluate(
        promql.parse(text), lambda matchers: [one for one in series if promql.selects(matchers, one.labels)], NOW
    )
    return {" ".join(f"{name}={value}" for name, value in one.labels): one.value for one in vector}


A = minutely({"__name__": "x", "host": "a", "zone": "u"}, 1, 2, 3)
B = minutely({"__name__": "x", "host": "b", "zone": "u"}, 6, 5, 4)
C = minutely({"__name__": "x", "host": "c", "zone": "v"}, 7, 7, None)
Y = minutely({"__name__": "y", "host": "a", "zone": "u"}, 10, 10, 0)


@pytest.mark.parametrize(
    "text, expected",
    [
        ('x{host="a"}', {"__name__=x host=a zone=u": 3}),
        ('{__name__=~"x|y", host="a"}', {"__name__=x host=a zone=u": 3, "__name__=y host=a zone=u": 0}),
        ("x offset 1m > 4", {"__name__=x host=b zone=u": 5, "__name__=x host=c zone=v": 7}),
        ("4 < x", {"__name__=x host=c zone=v": 7}),
        ("x > bool 3.5", {"host=a zone=u": 0, "host=b zone=u": 1, "host=c zone=v": 1}),
        ("-x{zone='u'}", {"host=a zone=u": -3, "host=b zone=u": -4}),
        ("x / y", {"host=a zone=u": math.inf}),
        ("x > on(host) y", {"host=a": 3}),
        ("x and on(host) y", {"__name__=x host=a zone=u": 3}),
        ("x unless y", {"__name__=x host=b zone=u": 4, "__name__=x host=c zone=v": 7}),
        ("sum(x)", {"": 14}),
        ("sum by (zone) (x)", {"zone=u": 7, "zone=v": 7}),
        ("max without (host) (x)", {"zone=u": 4, "zone=v": 7}),
        ("count(x) + 1", {"": 4}),
        ("avg(x{zone='u'})", {"": 3.5}),
        ("quantile(0.5, x)", {"": 4}),
        ("topk(1, x)", {"__name__=x host=c zone=v": 7}),
        ("bottomk by (zone) (1, x)", {"__name__=x host=a zone=u": 3, "__name__=x host=c zone=v": 7}),
        ("sum_over_time(x[2m])", {"host=a zone=u": 5, "host=b zone=u": 9, "host=c zone=v": 7}),
        ("max_over_time(x[5m]) > 6", {"host=c zone=v": 7}),
        ("last_over_time(x{zone='v'}[5m])", {"__name__=x host=c zone=v": 7}),
        ("delta(x{zone='u'}[2m])", {"host=a zone=u": 2, "host=b zone=u": -2}),
        ("rate(x{host='a'}[2m]) * 60", {"host=a zone=u": 1}),
        ("absent(z{a='b', c!='d'})", {"a=b": 1}),
        ("absent(x)", {}),
        ("clamp_max(x, 3.5)", {"host=a zone=u": 3, "host=b zone=u": 3.5, "host=c zone=v": 3.5}),
        ("vector(scalar(y) + 2 ^ 3)", {"": 8}),
        ("time() - timestamp(x)", {"host=a zone=u": 0, "host=b zone=u": 0, "host=c zone=v": 60}),
        ("round(y + 2.5)", {"host=a zone=u": 3}),
    ],
)
def test_queries_give_what_prometheus_gives(text: str, expected: dict[str, float]) -> None:
    assert evaluated(text, A, B, C, Y) == pytest.approx(expected)


def test_a_series_is_gone_five_minutes_after_its_last_point() -> None:
    assert evaluated("x", minutely({"__name__": "x"}, 1, None, None, None, None)) == {"__name__=x": 1}
    assert evaluated("x", minutely({"__name__": "x"}, 1, None, None, None, None, None)) == {}


def test_a_counter_that_falls_started_again_from_zero() -> None:
    series = minutely({"__name__": "x"}, 10, 20, 5, 10)

    assert evaluated("increase(x[3m1s])", series)[""] == pytest.approx(20 * (181 / 180), rel=0.01)
    assert evaluated("resets(x[5m])", series) == {"": 1}


def test_two_series_for_one_match_group_are_an_error_that_names_it() -> None:
    with pytest.raises(PromqlError, match=r'match group \{zone="u"\} on the left side of >'):
        evaluated("x > on(zone) y", A, B, Y)


def test_series_that_only_their_name_told_apart_are_an_error() -> None:
    with pytest.raises(PromqlError, match="more than one series of the same labels"):
        evaluated('abs({host="a"})', A, Y)


@given(
    st.lists(
        st.tuples(st.sampled_from("pqr"), st.lists(st.none() | st.integers(-50, 50), min_size=1, max_size=8)),
        max_size=6,
    ),
    st.sampled_from(["sum", "min", "max", "count"]),
    st.integers(-20, 20),
)
def test_aggregation_and_comparison_agree_with_brute_force(
    given_: list[tuple[str, list[int | None]]], operator: str, threshold: int
) -> None:
    series = [
        minutely({"__name__": "x", "host": str(number), "zone": zone}, *values)
        for number, (zone, values) in enumerate(given_)
    ]
    folds: dict[str, Callable[[list[int]], int]] = {"sum": sum, "min": min, "max": max, "count": len}
    fold = folds[operator]
    groups: dict[str, list[int]] = {}
    for zone, values in given_:
        recent = [value for value in values[-5:] if value is not None]
        if recent:
            groups.setdefault(f"zone={zone}", []).append(recent[-1])
    expected = {key: fold(values) for key, values in groups.items() if fold(values) > threshold}

    assert evaluated(f"{operator} by (zone) (x) > {threshold}", *series) == expected


EXTREMES = (0.0, -0.0, 1.0, 1e308, -1e308, 5e-324, math.inf, -math.inf, math.nan)


@pytest.mark.parametrize("operator", [*"+-*/%^", "==", "<"])
@pytest.mark.parametrize("fold", ["sum", "avg", "min", "stddev", "quantile by () (0.5,", "topk by (host) (1,"])
def test_no_number_makes_an_evaluation_fail(operator: str, fold: str) -> None:
    series = [
        minutely({"__name__": "x", "host": str(number)}, value, value / 2, value)
        for number, value in enumerate(EXTREMES)
    ]
    opened = fold if fold.endswith(",") else f"{fold}("

    for text in (f"{opened} x {operator} {{number}})", f"{opened} exp(deriv(x[5m])) {operator} {{number}})"):
        for number in ("0", "-3", "1e308", "Inf", "NaN", "0.5"):
            evaluated(text.format(number=number), *series)
    evaluated("round(x, 5e-324) + stddev_over_time(x[5m])", *series)
