import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from tests.local.engine.conftest import START

GROUP = "/app"


@pytest.fixture
def logs(client):
    logs = client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    return logs


@pytest.fixture
def write(logs, running):
    def put(*messages):
        now = int(running.world.clock.now().timestamp() * 1000)
        events = [{"timestamp": now, "message": m if isinstance(m, str) else json.dumps(m)} for m in messages]
        logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=events)

    return put


@pytest.fixture
def points(client):
    def read(name, statistic="Sum", **dimensions):
        answer = client("cloudwatch").get_metric_statistics(
            Namespace="App",
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=START - timedelta(hours=1),
            EndTime=START + timedelta(hours=1),
            Period=60,
            Statistics=[statistic],
        )
        return [point[statistic] for point in sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])]

    return read


def put_filter(logs, pattern, value="1", name="f", **more):
    transformation = {"metricName": "m", "metricNamespace": "App", "metricValue": value} | more
    logs.put_metric_filter(
        logGroupName=GROUP, filterName=name, filterPattern=pattern, metricTransformations=[transformation]
    )


def test_embedded_metrics_in_a_put_log_line_are_published(write, points):
    directive = {"Namespace": "App", "Dimensions": [["Host"]], "Metrics": [{"Name": "Beats", "Unit": "Count"}]}
    stamp = int(START.timestamp() * 1000)

    write({"_aws": {"Timestamp": stamp, "CloudWatchMetrics": [directive]}, "Host": "a", "Beats": 3})

    assert points("Beats", Host="a") == [3.0]


def test_a_filter_counts_the_events_that_match(logs, write, points):
    put_filter(logs, "ERROR")

    write("ERROR one", "fine", "ERROR two")

    assert points("m") == [2.0]


def test_a_filter_takes_values_and_dimensions_from_the_event(logs, write, points):
    put_filter(logs, "{ $.ms > 0 }", "$.ms", unit="Milliseconds", dimensions={"Path": "$.path"})

    write({"ms": 12.5, "path": "/a"}, {"ms": 2, "path": "/b"}, {"ms": 7, "path": "/a"}, {"ms": 9})

    assert points("m", Path="/a") == [19.5]
    assert points("m", Path="/b") == [2.0]
    assert points("m") == []


def test_a_filter_takes_a_column_as_its_value(logs, write, points):
    put_filter(logs, "[..., status = 5*, size]", "$size")

    write('1.2.3.4 "GET /" 500 100', '1.2.3.4 "GET /" 200 900')

    assert points("m") == [100.0]


def test_the_default_value_stands_for_a_minute_with_events_none_of_which_matched(logs, write, points, advance):
    put_filter(logs, "ERROR", defaultValue=0)

    write("fine")
    advance(minutes=1)
    write("fine", "ERROR")
    advance(minutes=2)

    assert points("m") == [0.0, 1.0]


def test_a_filter_of_the_same_name_takes_the_place_of_the_first(logs, write, points):
    put_filter(logs, "ERROR")
    put_filter(logs, "WARN")

    write("ERROR", "WARN")

    assert points("m") == [1.0]
    assert len(logs.describe_metric_filters(logGroupName=GROUP)["metricFilters"]) == 1


def test_a_pattern_is_tried_out(logs):
    answer = logs.test_metric_filter(filterPattern="{ $.a = 1 }", logEventMessages=['{"a": 1}', '{"a": 2}'])

    assert answer["matches"] == [
        {"eventNumber": 1, "eventMessage": '{"a": 1}', "extractedValues": {"$.a": "1"}},
    ]


def test_a_filter_says_whether_it_is_for_transformed_logs_and_transformers_are_refused_by_name(logs):
    transformation = {"metricName": "m", "metricNamespace": "App", "metricValue": "1"}
    more = {"filterPattern": "x", "metricTransformations": [transformation]}
    for name in ("f", "f2"):
        logs.put_metric_filter(logGroupName=GROUP, filterName=name, applyOnTransformedLogs=name == "f", **more)

    found = logs.describe_metric_filters(logGroupName=GROUP)["metricFilters"]
    with pytest.raises(ClientError, match="log transformers are not served here"):
        logs.put_transformer(logGroupIdentifier=GROUP, transformerConfig=[{"parseJSON": {}}])
    with pytest.raises(ClientError, match="fieldSelectionCriteria is not served here"):
        logs.put_metric_filter(logGroupName=GROUP, filterName="g", fieldSelectionCriteria="a", **more)

    assert {each["filterName"]: each["applyOnTransformedLogs"] for each in found} == {"f": True, "f2": False}


@pytest.mark.parametrize(
    "pattern, more, reason",
    [
        ("{ $.a = }", {}, "Invalid metric filter pattern: at 9"),
        ("x", {"metricValue": "size"}, "neither a number nor a reference"),
        ("x", {"unit": "Parsec"}, "not a unit"),
        ("{ $.a = 1 }", {"defaultValue": 0, "dimensions": {"a": "$.a"}}, "mutually exclusive"),
        ("{ $.a = 1 }", {"dimensions": {f"d{n}": "$.a" for n in range(4)}}, "more than 3"),
    ],
)
def test_a_wrong_filter_is_refused(logs, pattern, more, reason):
    with pytest.raises(ClientError, match=reason) as refused:
        put_filter(logs, pattern, **more)

    assert refused.value.response["Error"]["Code"] in ("InvalidParameterException", "ValidationException")
