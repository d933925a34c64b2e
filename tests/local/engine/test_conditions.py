"""What a world can be started with beyond the best that AWS can be, and going back to the start."""

import json
from datetime import timedelta

import boto3
import pytest
from botocore.config import Config

from local import server
from local.clock import Clock
from local.duplicates import Delays
from local.world import Conditions
from tests.local.engine.conftest import ACCOUNT, START, allow
from tests.local.engine.test_server import ask

ALARM = {
    "AlarmName": "High",
    "Namespace": "App",
    "MetricName": "m",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 0,
    "ComparisonOperator": "GreaterThanThreshold",
}


def client_of(running, service):
    return boto3.client(
        service,
        endpoint_url=running.url,
        region_name="us-east-1",
        aws_access_key_id="admin",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_reset_returns_to_the_state_just_after_the_start():
    prepared = []
    with server.start(clock=Clock(START), prepare=lambda world: prepared.append(world.clock.now())) as running:
        client_of(running, "sqs").create_queue(QueueName="q")
        cloudwatch = client_of(running, "cloudwatch")
        cloudwatch.put_metric_alarm(**ALARM)
        cloudwatch.put_metric_data(Namespace="App", MetricData=[{"MetricName": "m", "Value": 1}])
        ask(f"{running.url}/_mlwarden/clock", {"advance_seconds": 3600})

        status, text, _ = ask(f"{running.url}/_mlwarden/reset", {})

        assert (200, {"now": "2026-11-20T10:00:00Z"}) == (status, json.loads(text))
        assert prepared == [START, START]
        assert client_of(running, "sqs").list_queues().get("QueueUrls") is None
        assert cloudwatch.describe_alarms()["MetricAlarms"] == []
        assert cloudwatch.list_metrics()["Metrics"] == []
        cloudwatch.put_metric_alarm(**ALARM)
        cloudwatch.put_metric_data(Namespace="App", MetricData=[{"MetricName": "m", "Value": 1}])
        ask(f"{running.url}/_mlwarden/clock", {"advance_seconds": 60})
        assert cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"] == "ALARM"


def test_the_same_requests_after_a_reset_give_the_same_identifiers(running):
    def send():
        sqs = client_of(running, "sqs")
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        return sqs.send_message(QueueUrl=url, MessageBody="m")["MessageId"]

    first = send()
    running.reset()

    assert first == send()


def test_alarms_see_a_period_once_the_ingestion_delay_has_passed():
    conditions = Conditions(ingestion_delay=timedelta(minutes=2))
    with server.start(clock=Clock(START), conditions=conditions) as running:
        cloudwatch = client_of(running, "cloudwatch")
        cloudwatch.put_metric_alarm(**ALARM)
        cloudwatch.put_metric_data(Namespace="App", MetricData=[{"MetricName": "m", "Value": 1}])

        states = []
        for _ in range(3):
            running.world.clock.advance(timedelta(minutes=1))
            states.append(cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"])

        assert states == ["INSUFFICIENT_DATA", "INSUFFICIENT_DATA", "ALARM"]


@pytest.fixture
def twice():
    with server.start(clock=Clock(START), conditions=Conditions(duplicate_events=True)) as running:
        yield running


def read_all(running, url):
    sqs = client_of(running, "sqs")
    found = []
    for _ in range(3):
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        running.world.clock.advance(timedelta(minutes=1))
    return found


def test_a_queue_delivers_twice_and_out_of_order(twice):
    url = client_of(twice, "sqs").create_queue(QueueName="q")["QueueUrl"]
    for body in "abcd":
        client_of(twice, "sqs").send_message(QueueUrl=url, MessageBody=body)

    found = read_all(twice, url)

    assert sorted(found) == sorted("abcd" * 2)
    assert found[:4] != list("abcd")
    assert found[4:] != found[:4]


def test_a_fifo_queue_delivers_once_and_in_order(twice):
    sqs = client_of(twice, "sqs")
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName="q.fifo", Attributes=attributes)["QueueUrl"]
    for body in "abc":
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")

    assert read_all(twice, url) == ["a", "b", "c"]


def test_an_event_reaches_its_target_twice(twice):
    events, sqs = client_of(twice, "events"), client_of(twice, "sqs")
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q.fifo"
    policy = allow("events.amazonaws.com", "sqs:SendMessage", arn)
    url = sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true", "Policy": policy})["QueueUrl"]
    events.put_rule(Name="r", EventPattern='{"source": ["s"]}')
    events.put_targets(
        Rule="r", Targets=[{"Id": "q", "Arn": arn, "Input": "{}", "SqsParameters": {"MessageGroupId": "g"}}]
    )
    twice.world.delays = Delays(twice=True)
    copies = []
    twice.world.events._targets.deliver = lambda rule, event: copies.append(event["id"])

    events.put_events(Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}"}] * 2)
    twice.world.clock.advance(timedelta(minutes=1))

    first, second = copies[0], copies[1]
    assert first != second
    assert sorted(copies) == sorted([first, first, second, second])
    assert url
