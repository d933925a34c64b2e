"""Metric math, SEARCH and dynamic labels through GetMetricData and alarms."""

from datetime import timedelta

import pytest

from core.cloudwatch.expression import Band
from local.cloudwatch.store import Key
from local.errors import ServiceError
from tests.cloudwatch.fakes import START, FakeWorld
from tests.cloudwatch.test_metrics import get, stat, values


@pytest.fixture
def world():
    """Latency 1, 2, ... 6 in the first six minutes, without the fourth."""
    world = FakeWorld()
    for number in (1, 2, 3, 5, 6):
        world.put(number, "Latency", Timestamp=START + timedelta(minutes=number - 1))
    world.advance(minutes=10)
    return world


@pytest.fixture
def fleet():
    """Requests and errors of three hosts in each of three minutes, and an idle metric long gone."""
    world = FakeWorld()
    for minute in range(3):
        at = START + timedelta(minutes=minute)
        for number, host in enumerate(("a", "b", "c")):
            dimensions = [{"Name": "Host", "Value": host}]
            world.put(100, "Requests", Dimensions=dimensions, Timestamp=at)
            world.put(number * (minute + 1), "Errors", Dimensions=dimensions, Timestamp=at)
    world.advance(minutes=10)
    return world


def labelled(answer):
    return [(result["Label"], result["Values"]) for result in answer["MetricDataResults"]]


def test_a_search_returns_each_series_found_by_its_own_label(fleet):
    query = {"Id": "e1", "Expression": "SEARCH('{App,Host} MetricName=\"Errors\"', 'Sum', 60)"}

    plain = get(fleet, query, ScanBy="TimestampAscending")
    named = get(fleet, query | {"Label": "Errors of"}, ScanBy="TimestampAscending")
    dynamic = get(fleet, query | {"Label": "${LABEL} max ${MAX}"})

    assert labelled(plain) == [("a", [0, 0, 0]), ("b", [1, 2, 3]), ("c", [2, 4, 6])]
    assert [label for label, _ in labelled(named)] == ["Errors of a", "Errors of b", "Errors of c"]
    assert [label for label, _ in labelled(dynamic)] == ["a max 0", "b max 3", "c max 6"]
    assert {result["Id"] for result in plain["MetricDataResults"]} == {"e1"}


def test_expressions_go_on_with_what_a_search_found(fleet):
    search = {"Id": "e1", "Expression": "SEARCH('{App,Host} Errors', 'Sum', 60)", "ReturnData": False}
    top = {"Id": "top", "Expression": "SLICE(SORT(e1, MAX, DESC), 0, 2)"}
    total = {"Id": "total", "Expression": "SUM(e1)"}
    share = {"Id": "share", "Expression": "100 * SUM(e1) / SUM(SEARCH('{App,Host} Requests', 'Sum', 60))"}

    answer = get(fleet, search, top, total, share, ScanBy="TimestampAscending")

    assert labelled(answer) == [
        ("c", [2, 4, 6]),
        ("b", [1, 2, 3]),
        ("total", [3, 6, 9]),
        ("share", [1, 2, 3]),
    ]


def test_a_search_takes_its_period_from_the_query_and_aggregates(fleet):
    query = {"Id": "e1", "Expression": "SUM(SEARCH('{App,Host} Errors', 'Sum'))", "Period": 300}

    assert values(get(fleet, query), "e1") == [18]


def test_a_search_finds_only_what_had_data_in_the_last_two_weeks(fleet):
    query = {"Id": "e1", "Expression": "SEARCH('{App,Host} Errors', 'Sum', 60)"}
    fleet.advance(days=13, hours=23)
    still = get(fleet, query)
    fleet.advance(hours=2)

    assert len(labelled(still)) == 3
    assert labelled(get(fleet, query)) == []


def test_a_search_that_finds_too_much_says_so():
    world = FakeWorld()
    world.cloudwatch.put("App", [{"MetricName": f"m{number:04}", "Value": 1} for number in range(501)])

    answer = get(world, {"Id": "e1", "Expression": "SEARCH('{App}', 'Sum', 60)"})

    assert len(answer["MetricDataResults"]) == 500
    assert answer["Messages"] == [
        {"Code": "MaxMetricsExceeded", "Value": "The maximum number of allowed metrics, 500, has been exceeded"}
    ]


def test_metrics_are_all_statistics_of_the_call_but_no_expressions(world):
    answer = get(
        world,
        stat("errors_4xx", "Sum") | {"Label": "four"},
        stat("errors_5xx", "SampleCount"),
        stat("other", "Sum") | {"ReturnData": False},
        {"Id": "e1", "Expression": "METRICS() * 10", "Label": "ten"},
        {"Id": "e2", "Expression": "SUM([METRICS('4xx'), METRICS('5xx')])"},
        {"Id": "e3", "Expression": "other / PERIOD(other)"},
        minutes=2,
        ScanBy="TimestampAscending",
    )

    assert labelled(answer)[2:] == [
        ("ten four", [10, 20]),
        ("ten Latency", [10, 10]),
        ("ten Latency", [10, 20]),
        ("e2", [2, 3]),
        ("e3", [1 / 60, 2 / 60]),
    ]


def test_labels_show_values_in_the_zone_asked_for(world):
    query = stat() | {"Label": "${PROP('MetricName')} last ${LAST} at ${LAST_TIME}"}

    answer = get(world, query, LabelOptions={"Timezone": "+0100"})

    assert labelled(answer)[0][0] == "Latency last 6 at 2026-11-20 11:05:00"


def test_time_functions_go_by_the_periods_of_the_call(world):
    query = {"Id": "e1", "Expression": "IF(MINUTE(m1) >= 4, m1)"}

    assert values(get(world, stat() | {"ReturnData": False}, query, minutes=6), "e1") == [6, 5]


def test_a_service_quota_is_the_one_given_for_the_usage_metric(world):
    world.cloudwatch.store.quotas[Key("App", "Latency", ())] = 20.0
    query = {"Id": "e1", "Expression": "100 * m1 / SERVICE_QUOTA(m1)"}

    assert values(get(world, stat() | {"ReturnData": False}, query, minutes=2), "e1") == [10, 5]


def test_an_anomaly_band_returns_two_series_from_the_source_of_bands(world):
    def bands(query, queries, grid):
        assert (query.id, [one.id for one in queries]) == ("m1", ["m1", "band"])
        return Band(expected=(10.0,) * grid.count, deviation=(1.0,) * grid.count)

    world.cloudwatch.metrics.bands = bands

    answer = get(world, stat(), {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m1, 3)"}, minutes=1)

    assert labelled(answer)[1:] == [("Latency (expected low)", [7]), ("Latency (expected high)", [13])]


@pytest.mark.parametrize(
    "expressions,message",
    [
        (["SUM(SEARCH('{App}', 'Sum', 60))"], "SEARCH is not supported on Metric Alarms."),
        (["METRICS()"], "Metrics expression that return multi time series are only allowed for MetricsInsights"),
        (["AVG(m1)"], "its result is a scalar"),
        (["TIME_SERIES(1)"], "must rest on at least one metric"),
        (["m1 + FIRST(m1)"], "Unsupported operand type(s) for FIRST: '[TS]' at position 5"),
        (["m1", "m1 * 2"], "Exactly one element of the Metrics list should return data"),
    ],
)
def test_alarms_refuse_the_expressions_that_they_cannot_watch(expressions, message):
    queries = [{"Id": f"e{number}", "Expression": text} for number, text in enumerate(expressions)]

    with pytest.raises(ServiceError) as refused:
        math_alarm(FakeWorld(), stat() | {"ReturnData": False}, *queries)

    assert message in refused.value.message


def test_an_alarm_takes_ten_metrics_and_not_eleven():
    world = FakeWorld()
    total = {"Id": "e1", "Expression": "SUM(METRICS())"}
    stats = [stat(f"m{number}", name=f"n{number}") | {"ReturnData": False} for number in range(11)]

    math_alarm(world, *stats[:10], total)
    with pytest.raises(ServiceError, match="at most 10 metrics, not 11"):
        math_alarm(world, *stats, total)


@pytest.mark.parametrize(
    "expression,state",
    [
        ("IF(DAY(m1) == 5, m1)", "ALARM"),
        ("IF(DAY(m1) == 6, m1)", "INSUFFICIENT_DATA"),
        ("MAX([m1, TIME_SERIES(0)])", "ALARM"),
        ("RATE(m1) * 60", "OK"),
        ("m1 - 100 + SERVICE_QUOTA(m1)", "ALARM"),
    ],
)
def test_alarms_watch_the_whole_language(expression, state):
    world = FakeWorld()
    world.cloudwatch.store.quotas[Key("App", "Latency", ())] = 100.0
    math_alarm(world, stat() | {"ReturnData": False}, {"Id": "e1", "Expression": expression})

    world.put_every_minute([9, 9, 9], "Latency")

    assert world.state("High") == state


@pytest.mark.parametrize("statistic", ["tm90", "PR(5:)", "IQM", "wm99", "TC(1:10)", "p99.9"])
def test_alarms_watch_extended_statistics(statistic):
    world = FakeWorld()
    world.alarm(Statistic=None, ExtendedStatistic=statistic, MetricName="Latency", Threshold=0.5)

    world.put_every_minute([9], "Latency")

    assert world.state("High") == "ALARM"


def test_a_basic_statistic_is_no_extended_one():
    with pytest.raises(ServiceError, match="Sum is given as Statistic, not as ExtendedStatistic"):
        FakeWorld().alarm(Statistic=None, ExtendedStatistic="Sum")


def math_alarm(world: FakeWorld, *queries):
    condition = {"EvaluationPeriods": 1, "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold"}
    world.call("PutMetricAlarm", AlarmName="High", Metrics=list(queries), **condition)
