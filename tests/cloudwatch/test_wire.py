"""The answers, through botocore's own JSON 1.0 parser."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cloudwatch.fakes import START, FakeWorld, boto3_client


@pytest.fixture
def client():
    client = boto3_client(FakeWorld())
    yield client
    client.close()


def test_data_put_through_boto3_come_back_with_aware_timestamps(client):
    client.put_metric_data(Namespace="App", MetricData=[{"MetricName": "E", "Value": 3, "Timestamp": START}])

    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[
            {
                "Id": "m1",
                "MetricStat": {"Metric": {"Namespace": "App", "MetricName": "E"}, "Period": 60, "Stat": "p99"},
            },
            {"Id": "e1", "Expression": "m1 * 2"},
        ],
        StartTime=START,
        EndTime=START + timedelta(minutes=5),
    )
    answer = pages.build_full_result()

    assert [result["Values"] for result in answer["MetricDataResults"]] == [[3.0], [6.0]]
    assert answer["MetricDataResults"][0]["Timestamps"][0].astimezone(UTC) == START


def test_alarms_are_described_and_waited_for_through_boto3(client):
    client.put_metric_alarm(
        AlarmName="High",
        Namespace="App",
        MetricName="E",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    client.put_composite_alarm(AlarmName="Top", AlarmRule="ALARM(High)")

    client.get_waiter("alarm_exists").wait(AlarmNames=["High"])
    client.get_waiter("composite_alarm_exists").wait(AlarmNames=["Top"], AlarmTypes=["CompositeAlarm"])

    (alarm,) = client.describe_alarms(AlarmNames=["High"])["MetricAlarms"]
    assert isinstance(alarm["StateUpdatedTimestamp"], datetime)
    history = client.describe_alarm_history(AlarmName="High")["AlarmHistoryItems"]
    assert [item["HistoryItemType"] for item in history] == ["ConfigurationUpdate"]


def test_dashboards_round_trip_through_boto3(client):
    body = json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "é"}}]})

    client.put_dashboard(DashboardName="d", DashboardBody=body)

    assert client.get_dashboard(DashboardName="d")["DashboardBody"] == body
    assert client.list_dashboards()["DashboardEntries"][0]["Size"] == len(body.encode())
