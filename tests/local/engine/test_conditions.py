"""What a world can be started with beyond the best that AWS can be, and going back to the start."""

import json
from datetime import timedelta

import boto3
import pytest
from botocore.config import Config

from local import server
from local.clock import Clock
from local.duplicates import Delays
from local.functions.model import Code, Function, Invocation
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


def subscribed(running, name, **attributes):
    """A topic that delivers to the queue of that name."""
    sns, sqs = client_of(running, "sns"), client_of(running, "sqs")
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    policy = allow("sns.amazonaws.com", "sqs:SendMessage", arn)
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": policy, **attributes})["QueueUrl"]
    fifo = {"FifoTopic": "true", "ContentBasedDeduplication": "true"} if name.endswith(".fifo") else {}
    topic = sns.create_topic(Name="t.fifo" if fifo else "t", Attributes=fifo)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    if not fifo:
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    return topic, url


def test_a_notification_reaches_a_queue_twice_and_a_person_once(twice):
    topic, url = subscribed(twice, "q")
    delivered = []
    send = twice.world.queues.send_by_service

    def tapped(**call):
        delivered.append(call["body"])
        return send(**call)

    twice.world.queues.send_by_service = tapped

    for body in "ab":
        client_of(twice, "sns").publish(TopicArn=topic, Message=body)
    twice.world.clock.advance(timedelta(minutes=1))

    assert sorted(delivered) == ["a", "a", "b", "b"]
    assert [message.body for message in twice.world.messages.all()] == ["a", "b"]
    assert set(read_all(twice, url)) == {"a", "b"}


def test_a_fifo_topic_delivers_once_and_in_order(twice):
    topic, url = subscribed(twice, "q.fifo", FifoQueue="true", ContentBasedDeduplication="true")

    for body in "abc":
        client_of(twice, "sns").publish(TopicArn=topic, Message=body, MessageGroupId="g")
    twice.world.clock.advance(timedelta(seconds=0))

    assert read_all(twice, url) == ["a", "b", "c"]


def test_a_schedule_fires_twice_with_the_same_event(twice):
    events = client_of(twice, "events")
    events.put_rule(Name="tick", ScheduleExpression="rate(5 minutes)")
    fired = []
    twice.world.events._targets.deliver = lambda rule, event: fired.append((twice.world.clock.now(), event["id"]))

    twice.world.clock.advance(timedelta(minutes=9))

    (first, one), (second, other) = fired
    assert one == other
    assert START + timedelta(minutes=5) <= first < second < START + timedelta(minutes=6)


def test_an_asynchronous_invocation_runs_twice(twice, tmp_path):
    ran = []
    functions = twice.world.functions
    path = tmp_path / "package.zip"
    path.write_bytes(b"")
    role = f"arn:aws:iam::{ACCOUNT}:role/f"
    functions.create(Function(name="f", handler="h.h", role_arn=role, code=Code(path, "00" * 32), runtime="python3.14"))

    def invoke(name, payload):
        ran.append((name, payload))
        return Invocation(None)

    functions.invoke = invoke

    client_of(twice, "lambda").invoke(FunctionName="f", InvocationType="Event", Payload=b'{"n": 1}')
    twice.world.clock.advance(timedelta(minutes=1))

    assert ran == [("f", {"n": 1})] * 2


def test_a_world_that_is_held_on_to_refuses_a_reset_by_name_and_stays():
    with server.start(clock=Clock(START), no_reset="a story is being told here") as running:
        client_of(running, "sqs").create_queue(QueueName="q")

        status, text, _ = ask(f"{running.url}/_mlwarden/reset", {})

        assert (status, json.loads(text)) == (409, {"error": "a story is being told here"})
        assert len(client_of(running, "sqs").list_queues()["QueueUrls"]) == 1
