import math
from datetime import timedelta

import pytest

from local.errors import ServiceError
from tests.cloudwatch.fakes import START, FakeWorld

GOOD = {"MetricName": "Errors", "Value": 1.0}


def put(world: FakeWorld, *items, namespace="App"):
    return world.cloudwatch.handle("PutMetricData", {"Namespace": namespace, "MetricData": list(items)})


@pytest.mark.parametrize(
    "item,code,message",
    [
        (
            GOOD | {"Value": math.nan},
            "InvalidParameterValue",
            "The value nan for parameter MetricData.member.1.Value is invalid.",
        ),
        (GOOD | {"Value": "NaN"}, "InvalidParameterValue", "MetricData.member.1.Value is invalid"),
        (GOOD | {"Value": math.inf}, "InvalidParameterValue", "MetricData.member.1.Value is invalid"),
        (GOOD | {"Value": 1e300}, "InvalidParameterValue", "MetricData.member.1.Value is invalid"),
        (GOOD | {"Value": -(2.0**361)}, "InvalidParameterValue", "MetricData.member.1.Value is invalid"),
        (GOOD | {"Unit": "Parsec"}, "InvalidParameterValue", "MetricData.member.1.Unit must be a value in the set"),
        (GOOD | {"StorageResolution": 5}, "InvalidParameterValue", "StorageResolution must be 1 or 60, not 5"),
        (
            GOOD | {"Timestamp": START - timedelta(days=14, seconds=1)},
            "InvalidParameterValue",
            "within the past two weeks",
        ),
        (
            GOOD | {"Timestamp": (START + timedelta(hours=2, seconds=1)).timestamp()},
            "InvalidParameterValue",
            "no more than two hours in the future",
        ),
        (
            GOOD | {"StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1}},
            "InvalidParameterCombination",
            "mutually exclusive",
        ),
        ({"MetricName": "Errors"}, "MissingParameter", "At least one of the parameters must be specified"),
        ({"Value": 1}, "MissingParameter", "MetricData.member.1.MetricName is required"),
        (
            {"MetricName": "E", "Values": list(range(151))},
            "InvalidParameterValue",
            "MetricData.member.1.Values must not have a size greater than 150",
        ),
        ({"MetricName": "E", "Values": [1, 2], "Counts": [1]}, "InvalidParameterValue", "must be of the same size"),
        ({"MetricName": "E", "Values": [1], "Counts": [-1]}, "InvalidParameterValue", "Counts.member.1 is invalid"),
        (
            {"MetricName": "E", "StatisticValues": {"SampleCount": 0, "Sum": 1, "Minimum": 1, "Maximum": 1}},
            "InvalidParameterValue",
            "SampleCount is invalid",
        ),
        (
            {"MetricName": "E", "StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 2, "Maximum": 1}},
            "InvalidParameterValue",
            "Maximum must be greater",
        ),
        (
            {"MetricName": "E", "StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 2}},
            "MissingParameter",
            "StatisticValues.Maximum is required",
        ),
        (
            GOOD | {"Dimensions": [{"Name": f"d{number}", "Value": "v"} for number in range(31)]},
            "InvalidParameterValue",
            "Dimensions must not have a size greater than 30",
        ),
        (
            GOOD | {"Dimensions": [{"Name": "d", "Value": ""}]},
            "MissingParameter",
            "Dimensions.member.1.Value is required",
        ),
        (
            GOOD | {"Dimensions": [{"Name": ":d", "Value": "v"}]},
            "InvalidParameterValue",
            "Dimensions.member.1.Name is invalid",
        ),
    ],
)
def test_a_bad_datum_is_refused_with_its_code_and_place(item, code, message):
    world = FakeWorld()

    with pytest.raises(ServiceError) as refused:
        put(world, item)

    assert code == refused.value.code
    assert message in refused.value.message
    assert refused.value.status == 400


def test_one_bad_datum_refuses_the_whole_request():
    world = FakeWorld()

    with pytest.raises(ServiceError, match=r"MetricData\.member\.2\.Value"):
        put(world, GOOD, GOOD | {"Value": math.nan})

    assert world.call("ListMetrics")["Metrics"] == []


@pytest.mark.parametrize("namespace", ["AWS/SageMaker", "aws/Lambda", ":x", "n" * 256])
def test_reserved_and_malformed_namespaces_are_refused_for_customers(namespace):
    with pytest.raises(ServiceError, match="for parameter Namespace is invalid") as refused:
        put(FakeWorld(), GOOD, namespace=namespace)

    assert refused.value.code == "InvalidParameterValue"


def test_services_of_the_embedded_aws_may_write_to_aws_namespaces():
    world = FakeWorld()

    world.cloudwatch.put("AWS/Lambda", [GOOD])

    assert world.call("ListMetrics", Namespace="AWS/Lambda")["Metrics"] == [
        {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": []}
    ]


def test_a_thousand_datums_are_taken_and_one_more_is_refused():
    world = FakeWorld()
    many = [GOOD | {"Dimensions": [{"Name": "n", "Value": str(number)}]} for number in range(1001)]

    put(world, *many[:1000])
    with pytest.raises(ServiceError, match="MetricData must not have a size greater than 1000"):
        put(world, *many)


@pytest.mark.parametrize("edge", [-timedelta(weeks=2), timedelta(hours=2)])
def test_timestamps_at_the_edge_are_taken(edge):
    put(FakeWorld(), GOOD | {"Timestamp": START + edge})
