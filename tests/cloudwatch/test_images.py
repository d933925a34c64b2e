import json
import struct
from datetime import timedelta

import pytest

from core.cloudwatch import widgets
from local.errors import ServiceError
from tests.cloudwatch.fakes import START, FakeWorld

METRIC = ["App", "m", "Host", "a"]


def image(world, **widget):
    answer = world.call("GetMetricWidgetImage", MetricWidget=json.dumps(widget))
    return answer["MetricWidgetImage"]


def size(png):
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", png[16:24])


@pytest.fixture
def world():
    world = FakeWorld()
    dimensions = [{"Name": "Host", "Value": "a"}]
    world.cloudwatch.put(
        "App",
        [
            {
                "MetricName": "m",
                "Dimensions": dimensions,
                "Timestamp": (START - timedelta(minutes=n)).timestamp(),
                "Value": n,
            }
            for n in range(1, 30)
            if n % 7
        ],
    )
    return world


def test_a_widget_becomes_a_png_of_the_default_size_or_the_given_one(world):
    assert size(image(world, metrics=[METRIC])) == (600, 400)
    assert size(image(world, metrics=[METRIC], width=320, height=200)) == (320, 200)
    assert size(image(world, metrics=[METRIC], width=1, height=1)) == (1, 1)


def test_the_same_widget_at_the_same_time_gives_the_same_bytes(world):
    one = image(world, metrics=[METRIC], title="a $title_")

    assert one == image(world, metrics=[METRIC], title="a $title_")
    assert one != image(world, metrics=[METRIC], title="another")


@pytest.mark.parametrize(
    "more",
    [
        {"stacked": True},
        {"view": "singleValue"},
        {"view": "bar"},
        {"view": "pie"},
        {"theme": "dark"},
        {"legend": {"position": "right"}},
        {"annotations": {"horizontal": [{"value": 3, "label": "limit"}, [{"value": 1}, {"value": 2}]]}},
        {"annotations": {"vertical": [{"value": "-PT10M", "label": "deploy"}]}},
        {"yAxis": {"left": {"min": 0, "max": 1000, "label": "ms"}}},
        {"timezone": "+0530"},
        {"start": "-PT20M"},
    ],
)
def test_what_a_widget_says_shows(world, more):
    plain = {"metrics": [METRIC, [".", "m", ".", "b", {"yAxis": "right"}], [{"expression": "row0 * 2"}]], "period": 60}

    assert image(world, **plain) != image(world, **plain, **more)


def test_an_alarm_shows_its_metric_and_threshold(world):
    world.call(
        "PutMetricAlarm",
        AlarmName="High",
        Namespace="App",
        MetricName="m",
        Dimensions=[{"Name": "Host", "Value": "a"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
    )
    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:High"

    assert size(image(world, annotations={"alarms": [arn]})) == (600, 400)
    with pytest.raises(ServiceError, match="no metric alarm"):
        image(world, annotations={"alarms": [arn + "er"]})


@pytest.mark.parametrize(
    "widget, reason",
    [
        ({"metrics": [METRIC], "width": 2001}, "width: 2001 should be an integer from 1 to 2000"),
        ({"metrics": [METRIC], "height": 0}, "height: 0"),
        ({"metrics": [["App"]]}, r"metrics\[0\] should have a namespace"),
        ({"metrics": [METRIC] * 101}, "more than 100"),
        ({"metrics": [METRIC], "tilte": "x"}, "tilte is not a field"),
        ({"metrics": [METRIC], "view": "donut"}, "view: 'donut'"),
        ({"metrics": [METRIC], "start": "yesterday"}, "start: 'yesterday' should be ISO 8601"),
        ({"metrics": [METRIC], "start": "-PT1H", "end": "-PT2H"}, "start should be before end"),
        ({"metrics": [METRIC], "annotations": {"horizontal": [{"value": "x"}]}}, "number as its value"),
        ({"metrics": [METRIC], "timezone": "CET"}, "timezone: 'CET'"),
        ({}, "should have metrics"),
    ],
)
def test_a_wrong_widget_is_refused(world, widget, reason):
    with pytest.raises(ServiceError, match=reason) as refused:
        image(world, **widget)

    assert refused.value.code == "ValidationError"


def test_rows_take_from_the_row_above_what_they_leave_out():
    found = widgets.rows({"metrics": [METRIC, [".", "n", ".", "."], ["...", "b"]]})

    assert [row.query["MetricStat"]["Metric"]["MetricName"] for row in found] == ["m", "n", "n"]
    assert found[2].query["MetricStat"]["Metric"]["Dimensions"] == [{"Name": "Host", "Value": "b"}]
