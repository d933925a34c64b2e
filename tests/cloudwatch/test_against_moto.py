"""The same calls through boto3 to the embedded CloudWatch and to moto's, equal where moto does right.

Left out of the comparison, because there moto (5.2) does not do as AWS documents:

- GetMetricStatistics starts its periods at the oldest datum, not at the start of the range: the data here are aligned.
- It mixes all units of a period into one datapoint: one unit is asked for. ExtendedStatistics are not computed.
- It answers for every metric that has at least the asked dimensions, where AWS wants them all: no metric here has more.
- GetMetricData: as above for dimensions, and it takes in the period that starts at EndTime; metric math is refused or
  wrong, and every expression that starts with SELECT sums up all the account's metrics.
- ListMetrics gives a metric without dimensions, or with more than one, once for each datum: duplicates are dropped.
  A token can be used once only, and a metric is listed for ever.
- PutMetricData takes an unknown unit, more than 1,000 datums, 150 values or 30 dimensions, 1e300, and data from
  whenever.
- A new alarm is OK there, and never evaluated; by AWS it has INSUFFICIENT_DATA. An update puts the state back.
  Empty lists stand where AWS leaves a field out (Metrics), and null text for no StateReasonData.
- PutMetricAlarm takes alarms without statistic, period, threshold or comparison, and refuses tm99.
- DescribeAlarms gives composite alarms unasked, takes only the first of its filters, ignores MaxRecords, and looks for
  ActionPrefix in AlarmActions alone; its order is that of creation, AWS's that of names.
- DeleteAlarms passes over unknown names even when there is no other, and takes composites whatever rests on them.
- SetAlarmState of the present state is a change there. There is no history to compare.
- PutDashboard takes any JSON and Size counts characters, not bytes: the dashboards here are valid and ASCII.
  LastModified is wall time.
- Dashboards have no tags there, and UntagResource refuses an alarm that never had one.
"""

import json
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from tests.cloudwatch.fakes import START, FakeWorld, boto3_client

STATISTICS = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")
TOPIC = "arn:aws:sns:us-east-1:123456789012:critical"
FEW = settings(max_examples=8)


@contextmanager
def pair():
    """A client of a fresh embedded CloudWatch, and one of moto's."""
    ours = boto3_client(FakeWorld())
    with mock_aws():
        moto = boto3.client("cloudwatch", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        try:
            yield ours, moto
        finally:
            ours.close()
            moto.close()


@pytest.fixture
def clients():
    with pair() as both:
        yield both


def equal(clients: Any, operation: str, shown: Any = lambda answer: answer, **params: Any) -> Any:
    """What both answer, the same; of an error, its code."""
    found = []
    for client in clients:
        try:
            answer = dict(getattr(client, operation)(**params))
            answer.pop("ResponseMetadata")
            found.append(shown(answer))
        except ClientError as error:
            found.append(error.response["Error"]["Code"])
    assert found[0] == found[1]
    return found[0]


def at(minute: int) -> Any:
    return START - timedelta(minutes=minute)


whole = st.integers(-1_000_000, 1_000_000).map(float)
counted = st.lists(st.tuples(whole, st.integers(1, 20).map(float)), min_size=1, max_size=5)


@st.composite
def folds(draw: Any) -> dict[str, Any]:
    low, high = sorted((draw(whole), draw(whole)))
    count = draw(st.integers(1, 50))
    return {"SampleCount": float(count), "Sum": (low + high) / 2 * count, "Minimum": low, "Maximum": high}


payloads = st.one_of(
    whole.map(lambda value: {"Value": value}),
    counted.map(lambda pairs: {"Values": [value for value, _ in pairs], "Counts": [count for _, count in pairs]}),
    st.lists(whole, min_size=1, max_size=5).map(lambda values: {"Values": values}),
    folds().map(lambda fold: {"StatisticValues": fold}),
)
data = st.lists(st.tuples(st.integers(1, 60), payloads), min_size=1, max_size=12)


@FEW
@given(data, st.sampled_from((60, 300, 900)), st.sampled_from(STATISTICS))
def test_statistics_of_values_counts_and_statistic_sets_are_the_same(data, period, statistic):
    with pair() as clients:
        datums = [
            {
                "MetricName": "E",
                "Dimensions": [{"Name": "Host", "Value": "a"}],
                "Timestamp": at(minute),
                "Unit": "Count",
            }
            | payload
            for minute, payload in [(60, {"Value": 1.0}), *data]
        ]
        equal(clients, "put_metric_data", Namespace="App", MetricData=datums)

        points = equal(
            clients,
            "get_metric_statistics",
            lambda answer: sorted(
                (point["Timestamp"].timestamp(), point["Unit"], point[statistic]) for point in answer["Datapoints"]
            ),
            Namespace="App",
            MetricName="E",
            Dimensions=[{"Name": "Host", "Value": "a"}],
            StartTime=at(60),
            EndTime=START,
            Period=period,
            Statistics=[statistic],
            Unit="Count",
        )

        assert points


@FEW
@given(data, st.sampled_from(("TimestampAscending", "TimestampDescending")), st.sampled_from(STATISTICS))
def test_metric_data_are_the_same_in_either_order(data, scan, statistic):
    with pair() as clients:
        datums = [{"MetricName": "E", "Timestamp": at(minute), "Unit": "Count"} | payload for minute, payload in data]
        equal(clients, "put_metric_data", Namespace="App", MetricData=datums)
        metric = {"Namespace": "App", "MetricName": "E"}
        query = {"Id": "m1", "Label": "seen", "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}}

        (result,) = equal(
            clients,
            "get_metric_data",
            lambda answer: [
                (one["Id"], one["Label"], [each.timestamp() for each in one["Timestamps"]], one["Values"])
                for one in answer["MetricDataResults"]
            ],
            MetricDataQueries=[query],
            StartTime=at(60),
            EndTime=START,
            ScanBy=scan,
        )

        assert result[3]


hosts = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(("E", "F")), st.sampled_from(("App", "Web"))))


@FEW
@given(
    hosts,
    st.fixed_dictionaries(
        {},
        optional={
            "Namespace": st.sampled_from(("App", "Web", "None")),
            "MetricName": st.sampled_from(("E", "G")),
            "Dimensions": st.sampled_from(([{"Name": "Host"}], [{"Name": "Host", "Value": "a"}], [{"Name": "Disk"}])),
        },
    ),
)
def test_metrics_are_listed_by_the_same_filters(hosts, filters):
    with pair() as clients:
        for host, name, namespace in hosts:
            datum = {
                "MetricName": name,
                "Dimensions": [{"Name": "Host", "Value": host}],
                "Value": 1.0,
                "Timestamp": at(1),
            }
            equal(clients, "put_metric_data", Namespace=namespace, MetricData=[datum])
        more = {
            "MetricName": "E",
            "Dimensions": [{"Name": name, "Value": "x"} for name in ("Host", "Disk")],
            "Value": 1.0,
        }
        equal(clients, "put_metric_data", Namespace="App", MetricData=[more, {"MetricName": "E", "Value": 1.0}])

        equal(clients, "list_metrics", _listed, **filters)


def _listed(answer: dict[str, Any]) -> set[tuple[Any, ...]]:
    return {
        (one["Namespace"], one["MetricName"], *sorted((each["Name"], each["Value"]) for each in one["Dimensions"]))
        for one in answer["Metrics"]
    }


def test_metrics_come_in_pages_of_the_same_size(clients):
    for start in range(0, 1_100, 550):
        datums = [
            {"MetricName": "E", "Dimensions": [{"Name": "Host", "Value": str(number)}], "Value": 1.0}
            for number in range(start, start + 550)
        ]
        equal(clients, "put_metric_data", Namespace="App", MetricData=datums)

    pages = [[len(page["Metrics"]) for page in client.get_paginator("list_metrics").paginate()] for client in clients]

    assert pages == [[500, 500, 100]] * 2


@pytest.mark.parametrize(
    "datum",
    [
        {"Value": float("nan")},
        {"Values": [1.0, float("nan")]},
        {"Values": [1.0, 2.0], "Counts": [1.0]},
        {"Value": 1.0, "StatisticValues": {"SampleCount": 1.0, "Sum": 1.0, "Minimum": 1.0, "Maximum": 1.0}},
    ],
    ids=["NaN", "NaN among values", "a count too few", "two forms"],
)
def test_bad_datums_are_refused_with_the_same_code(clients, datum):
    code = equal(clients, "put_metric_data", Namespace="App", MetricData=[{"MetricName": "E"} | datum])

    assert code.startswith("Invalid")


ALARM = {
    "AlarmName": "High",
    "Namespace": "App",
    "MetricName": "Errors",
    "EvaluationPeriods": 3,
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 5.0,
    "Period": 60,
    "Statistic": "Sum",
}
STATIC = st.fixed_dictionaries(
    {
        "Period": st.sampled_from((10, 60, 3_600)),
        "EvaluationPeriods": st.integers(1, 20),
        "Threshold": whole,
        "Statistic": st.sampled_from(STATISTICS),
        "ComparisonOperator": st.sampled_from(("GreaterThanThreshold", "LessThanOrEqualToThreshold")),
        "ActionsEnabled": st.booleans(),
    },
    optional={
        "AlarmDescription": st.text("abc é", min_size=1),
        "TreatMissingData": st.sampled_from(("missing", "breaching", "notBreaching", "ignore")),
        "DatapointsToAlarm": st.just(1),
        "Unit": st.sampled_from(("Count", "Percent")),
        "AlarmActions": st.just([TOPIC]),
        "OKActions": st.just([TOPIC]),
        "Dimensions": st.just([{"Name": "Host", "Value": "a"}, {"Name": "Disk", "Value": "b"}]),
    },
)
OWN = (
    *("StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp"),
    "AlarmConfigurationUpdatedTimestamp",
)
"""What of an alarm depends on when it was made and on its evaluation."""


def _defined(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(
        (
            {key: value for key, value in one.items() if key not in OWN and value != []}
            for one in answer["MetricAlarms"]
        ),
        key=lambda one: one["AlarmName"],
    )


@FEW
@given(st.lists(STATIC, min_size=1, max_size=3))
def test_alarms_are_described_as_they_were_put(alarms):
    with pair() as clients:
        for number, more in enumerate(alarms):
            equal(clients, "put_metric_alarm", **ALARM | {"AlarmName": f"alarm-{number}"} | more)

        described = equal(clients, "describe_alarms", _defined)

        assert [one["Threshold"] for one in described] == [one["Threshold"] for one in alarms]


def test_alarms_on_percentiles_and_on_metric_math_are_described_as_they_were_put(clients):
    plain = {key: value for key, value in ALARM.items() if key != "Statistic"}
    percentile = {"ExtendedStatistic": "p99.9", "EvaluateLowSampleCountPercentile": "ignore"}
    metric = {"Namespace": "App", "MetricName": "Errors", "Dimensions": [{"Name": "Host", "Value": "a"}]}
    queries = [
        {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False},
        {"Id": "e1", "Expression": "m1 * 2", "Label": "twice", "ReturnData": True},
    ]
    of_math = {key: plain[key] for key in ("EvaluationPeriods", "ComparisonOperator", "Threshold")}

    equal(clients, "put_metric_alarm", **plain | percentile)
    equal(clients, "put_metric_alarm", AlarmName="Math", Metrics=queries, **of_math)

    assert len(equal(clients, "describe_alarms", _defined)) == 2


@pytest.mark.parametrize(
    "filters",
    [
        {"AlarmNamePrefix": "a"},
        {"AlarmNames": ["b-1", "absent"]},
        {"StateValue": "ALARM"},
        {"ActionPrefix": "arn:aws:sns"},
        {"AlarmNamePrefix": "nothing"},
    ],
    ids=["prefix", "names", "state", "action", "no such prefix"],
)
def test_alarms_are_found_by_the_same_filter(clients, filters):
    for name, actions in (("a-1", [TOPIC]), ("a-2", []), ("b-1", [TOPIC])):
        equal(clients, "put_metric_alarm", **ALARM | {"AlarmName": name, "AlarmActions": actions})
    equal(clients, "set_alarm_state", AlarmName="a-2", StateValue="ALARM", StateReason="said so")

    equal(clients, "describe_alarms", _defined, **filters)


@pytest.mark.parametrize("state", ["OK", "ALARM"])
def test_a_set_state_is_described_with_its_reason(clients, state):
    equal(clients, "put_metric_alarm", **ALARM)
    data = json.dumps({"by": "hand"})

    equal(clients, "set_alarm_state", AlarmName="High", StateValue=state, StateReason="tried", StateReasonData=data)

    fields = ("StateValue", "StateReason", "StateReasonData")
    (found,) = equal(
        clients, "describe_alarms", lambda answer: [tuple(one[key] for key in fields) for one in answer["MetricAlarms"]]
    )
    assert found == (state, "tried", data)


@pytest.mark.parametrize(
    "params",
    [
        {"AlarmName": "Absent", "StateValue": "OK", "StateReason": "tried"},
        {"AlarmName": "High", "StateValue": "FINE", "StateReason": "tried"},
        {"AlarmName": "High", "StateValue": "OK", "StateReason": "tried", "StateReasonData": "{"},
    ],
    ids=["absent", "no state", "no JSON"],
)
def test_a_state_that_cannot_be_set_has_the_same_code(clients, params):
    equal(clients, "put_metric_alarm", **ALARM)

    assert isinstance(equal(clients, "set_alarm_state", **params), str)


def test_actions_are_switched_and_alarms_deleted_alike(clients):
    for name in ("a", "b", "c"):
        equal(clients, "put_metric_alarm", **ALARM | {"AlarmName": name})

    equal(clients, "disable_alarm_actions", AlarmNames=["a", "b"])
    equal(clients, "enable_alarm_actions", AlarmNames=["b"])
    equal(clients, "delete_alarms", AlarmNames=["c", "absent"])

    described = equal(clients, "describe_alarms", _defined)
    assert [(one["AlarmName"], one["ActionsEnabled"]) for one in described] == [("a", False), ("b", True)]


def test_alarms_have_the_same_tags(clients):
    equal(clients, "put_metric_alarm", **ALARM, Tags=[{"Key": "team", "Value": "ml"}, {"Key": "stage", "Value": "dev"}])
    (alarm,) = equal(clients, "describe_alarms", _defined)
    arn = alarm["AlarmArn"]

    equal(clients, "tag_resource", ResourceARN=arn, Tags=[{"Key": "team", "Value": "ops"}, {"Key": "new", "Value": ""}])
    equal(clients, "untag_resource", ResourceARN=arn, TagKeys=["stage", "absent"])

    tags = equal(clients, "list_tags_for_resource", ResourceARN=arn)["Tags"]
    assert tags == [{"Key": "team", "Value": "ops"}, {"Key": "new", "Value": ""}]
    assert equal(clients, "tag_resource", ResourceARN=arn + "x", Tags=tags) == "ResourceNotFoundException"


names = st.sampled_from(("one", "two", "web-1", "web_2"))
steps = st.lists(st.tuples(st.sampled_from(("put", "delete")), names, st.integers(0, 9)), min_size=1, max_size=12)


@FEW
@given(steps, st.sampled_from(("", "web", "none")))
def test_dashboards_come_and_go_alike(steps, prefix):
    with pair() as clients:
        for step, name, number in steps:
            if step == "put":
                body = json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "*" * (number + 1)}}]})
                equal(clients, "put_dashboard", DashboardName=name, DashboardBody=body)
            else:
                equal(clients, "delete_dashboards", DashboardNames=[name])

        listed = equal(clients, "list_dashboards", _entries, DashboardNamePrefix=prefix)
        for name in ("one", *(name for name, _, _ in listed)):
            equal(clients, "get_dashboard", DashboardName=name)


def _entries(answer: dict[str, Any]) -> list[tuple[str, str, int]]:
    return sorted((one["DashboardName"], one["DashboardArn"], one["Size"]) for one in answer["DashboardEntries"])
