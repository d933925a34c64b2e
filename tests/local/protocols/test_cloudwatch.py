"""CloudWatch by JSON 1.0, query and RPC v2 CBOR: the same questions get the same answers."""

import json
import math
import re
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from tests.local.protocols.conftest import PROTOCOLS, START

ALARM = {
    "AlarmName": "High <&> é",
    "Namespace": "App",
    "MetricName": "Errors",
    "Dimensions": [{"Name": "Host", "Value": "a&b"}],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "Threshold": 0.1,
    "ComparisonOperator": "GreaterThanThreshold",
    "ActionsEnabled": False,
    "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:t"],
    "Tags": [{"Key": "k", "Value": "v"}],
}
SETS = {"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2}
QUERIES = [
    {
        "Id": "m",
        "MetricStat": {
            "Metric": {"Namespace": "App", "MetricName": "Errors", "Dimensions": [{"Name": "Host", "Value": "a&b"}]},
            "Period": 60,
            "Stat": "Sum",
        },
    },
    {"Id": "e", "Expression": "m * 2", "ReturnData": True},
]


def put_alarm(client, **changes):
    client.put_metric_alarm(**(ALARM | changes))


def story(client):
    """Everything that CloudWatch answers about one little story."""
    dimensions = [{"Name": "Host", "Value": "a&b"}]
    client.put_metric_data(
        Namespace="App",
        MetricData=[
            {"MetricName": "Errors", "Dimensions": dimensions, "Timestamp": START, "Value": 1.5, "Unit": "Count"},
            {"MetricName": "Errors", "Dimensions": dimensions, "Timestamp": START, "StatisticValues": SETS},
            {"MetricName": "Arrays", "Values": [1.0, 2.5], "Counts": [3, 4], "StorageResolution": 1},
            {"MetricName": "Negative", "Value": -1e-9},
        ],
    )
    put_alarm(client)
    put_alarm(client, AlarmName="Low")
    client.put_composite_alarm(AlarmName="Top", AlarmRule='ALARM("Low") OR TRUE')
    body = json.dumps({"widgets": [{"type": "text", "extra": 1, "properties": {"markdown": "é"}}]})
    span = {"StartTime": START - timedelta(hours=1), "EndTime": START + timedelta(hours=1)}
    answers = [
        client.put_dashboard(DashboardName="d", DashboardBody=body),
        client.get_dashboard(DashboardName="d"),
        client.list_dashboards(),
        client.list_metrics(Namespace="App"),
        client.get_metric_data(MetricDataQueries=QUERIES, **span),
        client.get_metric_statistics(
            Namespace="App", MetricName="Arrays", Period=60, Statistics=["Average", "SampleCount"], **span
        ),
        client.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"]),
        client.describe_alarm_history(AlarmName="Low"),
        client.list_tags_for_resource(ResourceARN="arn:aws:cloudwatch:us-east-1:123456789012:alarm:Low"),
        client.set_alarm_state(AlarmName="Low", StateValue="ALARM", StateReason="why"),
        client.describe_alarms_for_metric(Namespace="App", MetricName="Errors", Dimensions=dimensions),
        client.delete_alarms(AlarmNames=["Top"]),
    ]
    return [{key: value for key, value in answer.items() if key != "ResponseMetadata"} for answer in answers]


def test_every_protocol_gives_the_same_answers(running, speaking):
    told = {}
    for protocol in PROTOCOLS:
        told[protocol] = story(speaking(protocol))
        running.reset()

    as_json = told["json"]
    assert as_json[4]["MetricDataResults"][1]["Values"] == [9.0]
    assert normal(told["smithy-rpc-v2-cbor"]) == normal(as_json)
    assert [normal(answer) for answer in told["query"]] == [normal(answer) for answer in as_json]


def normal(value):
    """XML cannot tell an empty list from none, and history repeats a call's parameters in the order they came in."""
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    if isinstance(value, dict):
        return {key: normal(each) for key, each in value.items() if each not in ([], "", None)}
    return [normal(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "datum, code, message",
    [
        ({"Value": math.nan}, "InvalidParameterValue", "MetricData.member.1.Value is invalid"),
        ({"Value": 1e300}, "InvalidParameterValue", "MetricData.member.1.Value is invalid"),
        ({"Value": 1.0, "Unit": "Parsec"}, "InvalidParameterValue", "Unit must be a value in the set"),
        ({"Values": [1.0] * 151}, "InvalidParameterValue", "must not have a size greater than 150"),
        (
            {"Value": 1.0, "Dimensions": [{"Name": f"d{n}", "Value": "v"} for n in range(31)]},
            "InvalidParameterValue",
            "must not have a size greater than 30",
        ),
        ({"Value": 1.0, "Timestamp": START - timedelta(days=15)}, "InvalidParameterValue", "past two weeks"),
        ({"Value": 1.0, "Timestamp": START + timedelta(hours=3)}, "InvalidParameterValue", "two hours in the future"),
        ({"Value": 1.0, "StatisticValues": SETS}, "InvalidParameterCombination", "mutually exclusive"),
        ({}, "MissingParameter", "At least one of the parameters must be specified"),
    ],
)
def test_what_aws_refuses_is_refused_by_every_protocol(client, datum, code, message):
    with pytest.raises(ClientError) as refused:
        client.put_metric_data(Namespace="App", MetricData=[{"MetricName": "m"} | datum])

    assert refused.value.response["Error"]["Code"] == code
    assert message in refused.value.response["Error"]["Message"]
    assert refused.value.response["Error"].get("Type", "Sender") == "Sender"
    assert client.list_metrics()["Metrics"] == []


def test_a_thousand_and_one_datums_are_refused_and_a_thousand_taken(client):
    datums = [{"MetricName": "m", "Dimensions": [{"Name": "n", "Value": str(n)}], "Value": n} for n in range(1001)]

    client.put_metric_data(Namespace="App", MetricData=datums[:1000])
    with pytest.raises(ClientError, match="MetricData must not have a size greater than 1000"):
        client.put_metric_data(Namespace="App", MetricData=datums)

    listed = client.get_paginator("list_metrics").paginate(Namespace="App").build_full_result()
    assert len(listed["Metrics"]) == 1000


def test_a_reserved_namespace_is_refused(client):
    with pytest.raises(ClientError, match="The value AWS/EC2 for parameter Namespace is invalid"):
        client.put_metric_data(Namespace="AWS/EC2", MetricData=[{"MetricName": "m", "Value": 1}])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_large_requests_come_gzip(running, speaking, protocol):
    packed = []
    client = speaking(protocol, request_min_compression_size_bytes=100)
    client.meta.events.register(
        "before-send.cloudwatch.PutMetricData", lambda request, **_: packed.append(request.headers["Content-Encoding"])
    )

    client.put_metric_data(Namespace="App", MetricData=[{"MetricName": "m" * 200, "Value": 1}])

    assert [each if isinstance(each, str) else each.decode() for each in packed] == ["gzip"]
    assert len(client.list_metrics()["Metrics"]) == 1


def test_an_error_has_the_name_that_the_clients_exceptions_have(client):
    with pytest.raises(client.exceptions.DashboardInvalidInputError) as refused:
        client.put_dashboard(DashboardName="d", DashboardBody="{")
    with pytest.raises(ClientError, match="Dashboard none does not exist") as missing:
        client.get_dashboard(DashboardName="none")

    assert refused.value.response["Error"]["Code"] == "InvalidParameterInput"
    assert missing.value.response["Error"]["Code"] == "ResourceNotFound"
    assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"ComparisonOperator": "Above"},
            "1 validation error detected: Value 'Above' at 'comparisonOperator' failed to satisfy constraint: ",
        ),
        ({"AlarmName": "n" * 256}, "at 'alarmName' failed to satisfy constraint: Member must have length less than"),
        ({"EvaluationPeriods": 0}, "at 'evaluationPeriods' failed to satisfy constraint: Member must have value gr"),
        ({"AlarmActions": ["a"] * 6}, "at 'alarmActions' failed to satisfy constraint: Member must have length less"),
        (
            {"Namespace": ":App"},
            "Value ':App' at 'namespace' failed to satisfy constraint: Member must satisfy regular expression pattern",
        ),
        ({"AlarmName": None}, "Value null at 'alarmName' failed to satisfy constraint: Member must not be null"),
    ],
)
def test_a_broken_constraint_of_the_model_is_told_as_aws_tells_it(client, changes, message):
    alarm = {key: value for key, value in (ALARM | changes).items() if value is not None}

    with pytest.raises(ClientError) as refused:
        client.put_metric_alarm(**alarm)

    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert message in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize("protocol, compressed", [(PROTOCOLS[0], False), *((each, True) for each in PROTOCOLS)])
def test_a_request_of_more_than_a_mebibyte_is_too_large_however_small_it_is_compressed(speaking, protocol, compressed):
    client = speaking(protocol, disable_request_compression=not compressed)
    dimensions = [{"Name": "Host", "Value": "h" * 1_000}]
    datums = [{"MetricName": "m" * 100, "Dimensions": dimensions, "Value": 1.0}] * 900
    client.put_metric_data(Namespace="App", MetricData=datums[:800])

    with pytest.raises(ClientError) as refused:
        client.put_metric_data(Namespace="App", MetricData=[*datums, *datums[:100]])

    assert refused.value.response["Error"]["Code"] == "RequestEntityTooLarge"
    assert re.fullmatch(r"Request size \d+ exceeded 1048576 bytes", refused.value.response["Error"]["Message"])
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_an_operation_that_is_not_there_is_an_error_of_the_protocol(client):
    with pytest.raises(ClientError, match=r"not supported yet|not valid"):
        client.put_insight_rule(RuleName="r", RuleDefinition="{}")
