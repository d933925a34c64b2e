from datetime import timedelta
from typing import Any

import pytest

from local.cloudwatch import readings
from local.errors import ServiceError
from tests.cloudwatch.fakes import START, FakeWorld


def stat(id_="m1", statistic="Sum", period=60, name="Latency", dimensions=(), **more):
    metric = {
        "Namespace": "App",
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
    }
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic, **more}}


def get(world: FakeWorld, *queries, minutes=10, start=START, **more):
    end = start + timedelta(minutes=minutes)
    return world.call("GetMetricData", MetricDataQueries=list(queries), StartTime=start, EndTime=end, **more)


def statistics_params(**more):
    span = {"StartTime": START, "EndTime": START + timedelta(minutes=10), "Period": 300}
    return {"Namespace": "App", "MetricName": "Latency", **span, **more}


def statistics_of(world: FakeWorld, **more):
    return world.call("GetMetricStatistics", **statistics_params(**more))


def values(answer, id_="m1"):
    return [value for result in answer["MetricDataResults"] if result["Id"] == id_ for value in result["Values"]]


@pytest.fixture
def world():
    """Latency 1, 2, ... 6 in the first six minutes, without the fourth."""
    world = FakeWorld()
    for number in (1, 2, 3, 5, 6):
        world.put(number, "Latency", Timestamp=START + timedelta(minutes=number - 1))
    world.advance(minutes=10)
    return world


def test_datapoints_come_newest_first_unless_asked_otherwise(world):
    newest = get(world, stat())
    oldest = get(world, stat(), ScanBy="TimestampAscending")

    assert values(newest) == [6, 5, 3, 2, 1]
    assert values(oldest) == [1, 2, 3, 5, 6]
    result = oldest["MetricDataResults"][0]
    assert result["Timestamps"][:2] == [START.timestamp(), START.timestamp() + 60]
    assert (result["StatusCode"], result["Label"]) == ("Complete", "Latency")


def test_a_longer_period_aggregates(world):
    answer = get(world, stat(period=300), stat("m2", "Average", 300), ScanBy="TimestampAscending")

    assert values(answer) == [11, 6]
    assert values(answer, "m2") == [2.75, 6]


def test_percentiles_of_values_with_counts(world):
    world.call(
        "PutMetricData",
        Namespace="App",
        MetricData=[
            {
                "MetricName": "Model",
                "Values": [10.0, 900.0],
                "Counts": [98, 2],
                "Timestamp": START,
                "Unit": "Milliseconds",
            }
        ],
    )

    answer = get(world, stat(name="Model", statistic="p98"), stat("m2", "p99.5", name="Model"))

    assert (values(answer), values(answer, "m2")) == ([10], [900])


def test_a_statistic_set_answers_no_percentile_of_its_period(world):
    folded = {"SampleCount": 10, "Sum": 50, "Minimum": 1, "Maximum": 9}
    world.call("PutMetricData", Namespace="App", MetricData=[{"MetricName": "S", "StatisticValues": folded}])

    answer = get(world, stat(name="S", statistic="p90"), stat("m2", "Average", name="S"), start=world.clock.now())

    assert (values(answer), values(answer, "m2")) == ([], [5])


def test_expressions_run_over_queries_that_are_not_returned(world):
    answer = get(
        world,
        stat() | {"ReturnData": False},
        {"Id": "filled", "Expression": "FILL(m1, 0)", "ReturnData": False},
        {"Id": "e1", "Expression": "IF(filled > 2, 100 * filled / m1)", "Label": "share"},
        ScanBy="TimestampAscending",
    )

    assert values(answer, "e1") == [100, 100, 100]
    assert [(result["Id"], result["Label"]) for result in answer["MetricDataResults"]] == [("e1", "share")]


def test_an_expression_has_the_longest_period_of_its_metrics(world):
    answer = get(
        world, stat(period=300), stat("m2"), {"Id": "e1", "Expression": "m1 + 0 * m2"}, ScanBy="TimestampAscending"
    )

    assert values(answer, "e1") == [11, 6]


@pytest.mark.parametrize(
    "queries,message",
    [
        (
            [{"Id": "e1", "Expression": "SEARCH('x', 'Sum')"}],
            "Error in expression 'e1': Period is a required field when using SEARCH within an expression",
        ),
        ([{"Id": "e1", "Expression": "SEARCH('x', 'Sum', 7)"}], "Period must be 1, 5, 10, 20, 30 or a multiple of 60"),
        (
            [{"Id": "e1", "Expression": "FIRST(m1)"}, stat()],
            "Unsupported operand type(s) for FIRST: '[TS]' at position 0",
        ),
        ([{"Id": "e1", "Expression": "PERIOD(e2)"}, {"Id": "e2", "Expression": "[]"}], "takes the id of a metric"),
        ([{"Id": "e1", "Expression": "[]", "Period": 7}], "Period must be 1, 5, 10, 20, 30 or a multiple of 60"),
        ([stat() | {"Label": "${NO}"}], "Unknown dynamic value ${NO}"),
        ([{"Id": "e1", "Expression": "m9 + 1"}, stat()], "unknown id m9 at position 0; known: m1"),
        ([{"Id": "e1", "Expression": "e2"}, {"Id": "e2", "Expression": "e1"}], "in a circle: e1 -> e2 -> e1"),
        ([{"Id": "e1", "Expression": "1 + 1"}], "its result is a scalar"),
        ([stat(), stat()], "not unique: m1"),
        ([stat("Bad")], "Id is not matching the expected pattern"),
        ([{"Id": "m1"}], "Exactly one of MetricStat and Expression"),
        ([stat(statistic="tm101")], "The value tm101 for parameter Stat is invalid"),
        ([stat(period=7)], "Period must be 1, 5, 10, 20, 30 or a multiple of 60"),
        ([], "MetricDataQueries must have 1 to 500 entries"),
    ],
)
def test_bad_queries_are_refused_with_the_reason(world, queries, message):
    with pytest.raises(ServiceError) as refused:
        get(world, *queries)

    assert message in refused.value.message


def test_a_start_after_the_end_is_refused(world):
    with pytest.raises(ServiceError, match="StartTime must be less than the parameter EndTime"):
        get(world, stat(), minutes=-1)


def test_pages_hold_as_many_datapoints_as_asked_and_join_to_the_whole(world):
    queries = [stat(), stat("m2", "Average"), stat("none", name="Nothing")]
    whole = get(world, *queries)
    pages: list[dict[str, Any]] = []
    token = None

    while not pages or token:
        page = get(world, *queries, MaxDatapoints=3, **({"NextToken": token} if token else {}))
        pages.append(page)
        token = page.get("NextToken")

    assert all(sum(len(result["Values"]) for result in page["MetricDataResults"]) <= 3 for page in pages)
    assert pages[0]["MetricDataResults"][0]["StatusCode"] == "PartialData"
    for id_ in ("m1", "m2", "none"):
        assert [value for page in pages for value in values(page, id_)] == values(whole, id_)


@pytest.mark.parametrize("token", ["nonsense", "WzEsMiwzXQ=="])
def test_a_token_that_no_call_gave_is_refused(world, token):
    with pytest.raises(ServiceError) as refused:
        get(world, stat(), NextToken=token)

    assert refused.value.code == "InvalidNextToken"


def test_only_the_exact_set_of_dimensions_answers(world):
    world.put(7, "Latency", Dimensions=[{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}])
    now = world.clock.now()

    exact = get(world, stat(dimensions=[("a", "1"), ("b", "2")]), start=now)
    partial = get(world, stat(dimensions=[("a", "1")]), start=now)

    assert (values(exact), values(partial)) == ([7], [])


def test_a_unit_asked_for_leaves_out_other_units(world):
    now = world.clock.now()
    world.put(7, "U", Unit="Seconds")
    world.put(9, "U", Unit="Milliseconds")

    one = get(world, stat(name="U", Unit="Seconds"), start=now)
    any_unit = get(world, stat(name="U"), start=now)
    other = get(world, stat(name="U", Unit="Bytes"), start=now)

    assert (values(one), values(any_unit), values(other)) == ([7], [16], [])


def test_high_resolution_data_answer_short_and_long_periods(world):
    now = world.clock.now()
    for second in range(60):
        world.put(1, "Fast", StorageResolution=1, Timestamp=now + timedelta(seconds=second))

    short = get(world, stat(name="Fast", period=10), start=now)
    long = get(world, stat(name="Fast"), start=now)

    assert (values(short), values(long)) == ([10] * 6, [60])


def test_data_of_a_second_are_kept_three_hours(world):
    world.put(1, "Fast", StorageResolution=1)
    at = world.clock.now()

    def seen(period):
        return values(get(world, stat(name="Fast", period=period), start=at))

    assert (seen(1), seen(60)) == ([1], [1])
    world.advance(hours=3, seconds=1)
    assert (seen(1), seen(60)) == ([], [1])


@pytest.mark.parametrize(
    "age,period,start,count",
    [
        (timedelta(days=15), 60, 0, 60),
        (timedelta(days=15, seconds=1), 60, 0, 0),
        (timedelta(days=16), 300, -180, 13),
        (timedelta(days=64), 300, 0, 0),
        (timedelta(days=64), 3600, -480, 2),
        (timedelta(days=456), 3600, 0, 0),
    ],
)
def test_the_start_is_rounded_by_its_age_and_data_so_old_answer_long_periods(age, period, start, count):
    at = START.timestamp() + 480

    over = readings.grid(at, at + 3600, period, now=at + age.total_seconds())

    assert over.count == count
    assert over.start - at == start or not count


def test_datums_out_of_order_and_far_apart_are_found(world):
    for days in (0, -13, -1, -13):
        world.put(1, "Far", Timestamp=START + timedelta(days=days))

    answer = get(world, stat(name="Far"), start=START - timedelta(days=14), minutes=15 * 24 * 60)

    assert values(answer) == [1, 1, 2]


def test_get_metric_statistics_answers_each_period_and_unit(world):
    answer = world.call(
        "GetMetricStatistics",
        Namespace="App",
        MetricName="Latency",
        StartTime=START,
        EndTime=START + timedelta(minutes=10),
        Period=300,
        Statistics=["Sum", "SampleCount"],
    )

    assert answer["Label"] == "Latency"
    assert answer["Datapoints"] == [
        {"Timestamp": START.timestamp(), "Unit": "None", "Sum": 11, "SampleCount": 4},
        {"Timestamp": START.timestamp() + 300, "Unit": "None", "Sum": 6, "SampleCount": 1},
    ]


def test_get_metric_statistics_answers_extended_statistics(world):
    answer = statistics_of(world, ExtendedStatistics=["p50", "tm75", "PR(:2)", "IQM"])

    assert [point["ExtendedStatistics"] for point in answer["Datapoints"]] == [
        {"p50": 2, "tm75": 2, "PR(:2)": 50, "IQM": 2.5},
        {"p50": 6, "tm75": 6, "PR(:2)": 0, "IQM": 6},
    ]


@pytest.mark.parametrize(
    "asked,message",
    [
        ({"Statistics": ["Sum"], "ExtendedStatistics": ["p50"]}, "mutually exclusive"),
        ({"Statistics": ["p50"]}, "The value p50 for parameter Statistics is invalid"),
        ({"ExtendedStatistics": ["Sum"]}, "The value Sum for parameter ExtendedStatistics is invalid"),
        ({"ExtendedStatistics": ["Median"]}, "The value Median for parameter Stat is invalid"),
        ({"ExtendedStatistics": [f"p{number}" for number in range(11)]}, "must not have a size greater than 10"),
        ({}, "Statistics or ExtendedStatistics is required"),
    ],
)
def test_get_metric_statistics_refuses_what_aws_does(world, asked, message):
    with pytest.raises(ServiceError) as refused:
        world.cloudwatch.handle("GetMetricStatistics", statistics_params(**asked))

    assert message in refused.value.message


def test_get_metric_statistics_refuses_more_than_1440_datapoints(world):
    with pytest.raises(
        ServiceError, match=r"You have requested up to 2,880 datapoints, which exceeds the limit of 1,440"
    ):
        world.call(
            "GetMetricStatistics",
            Namespace="App",
            MetricName="Latency",
            StartTime=START - timedelta(days=2),
            EndTime=START,
            Period=60,
            Statistics=["Sum"],
        )


def test_list_metrics_filters_by_name_dimension_and_recent_activity(world):
    world.put(1, "Latency", Dimensions=[{"Name": "Endpoint", "Value": "ranker"}])
    world.put(1, "Old", Timestamp=START - timedelta(hours=5))

    def names(**filters):
        return [(one["MetricName"], len(one["Dimensions"])) for one in world.call("ListMetrics", **filters)["Metrics"]]

    assert names() == [("Latency", 0), ("Latency", 1), ("Old", 0)]
    assert names(Dimensions=[{"Name": "Endpoint"}]) == [("Latency", 1)]
    assert names(Dimensions=[{"Name": "Endpoint", "Value": "other"}]) == []
    assert names(RecentlyActive="PT3H", MetricName="Old") == []
    assert names(Namespace="Other") == []


def test_list_metrics_pages_by_five_hundred():
    world = FakeWorld()
    world.cloudwatch.put("App", [{"MetricName": f"m{number:04}", "Value": 1} for number in range(1100)])

    first = world.call("ListMetrics")
    second = world.call("ListMetrics", NextToken=first["NextToken"])
    third = world.call("ListMetrics", NextToken=second["NextToken"])

    assert [len(page["Metrics"]) for page in (first, second, third)] == [500, 500, 100]
    assert "NextToken" not in third


def test_an_operation_that_is_not_served_is_refused_by_name():
    with pytest.raises(ServiceError, match="PutMetricStream is not supported yet") as refused:
        FakeWorld().cloudwatch.handle("PutMetricStream", {})

    assert refused.value.code == "InvalidAction"
