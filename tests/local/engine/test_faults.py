"""Faults that are asked for: which calls and deliveries they hit, how long, and what tries again."""

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.errors import ServiceError
from local.faults import Fault, WrongFault, is_transient, read
from local.functions.model import Mapping
from tests.local.engine.conftest import ACCOUNT, START, allow
from tests.local.engine.test_server import ask

THROTTLED = "ThrottlingException"


@pytest.fixture
def route(running):
    """Asks the control route for faults."""
    return lambda body=None, method=None: ask(f"{running.url}/_mlwarden/faults", body, method=method)


def test_a_call_fails_as_often_as_the_fault_says_and_has_no_effect(client, route):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    status, _, _ = route({"service": "sqs", "operation": "SendMessage", "error": THROTTLED, "times": 2})

    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            sqs.send_message(QueueUrl=url, MessageBody="lost")
        assert caught.value.response["Error"]["Code"] == THROTTLED
    sqs.send_message(QueueUrl=url, MessageBody="kept")

    assert status == 200
    assert [each["Body"] for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]] == ["kept"]


def test_a_fault_lasts_until_its_instant_on_the_virtual_clock(client, route, advance):
    route({"service": "sns", "operation": "*", "error": "InternalErrorException", "until": "2026-11-20T10:05:00Z"})

    with pytest.raises(ClientError) as caught:
        client("sns").list_topics()
    advance(minutes=5)

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert client("sns").list_topics()["Topics"] == []


def test_a_fault_of_one_resource_leaves_the_others_alone(client, running):
    dynamodb = client("dynamodb")
    for name in ("one", "two"):
        dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
    fault = Fault("dynamodb", "TransactWriteItems", "InternalServerError", message="down", resource="one")
    running.world.faults.add(fault)

    def write(table: str) -> None:
        put = {"Put": {"TableName": table, "Item": {"pk": {"S": "k"}}}}
        dynamodb.transact_write_items(TransactItems=[put])

    write("two")
    with pytest.raises(ClientError, match="down"):
        write("one")
    assert running.world.faults.listed()[0]["hits"] == 1
    assert running.world.faults.clear() == 1
    write("one")


def test_faults_are_listed_with_their_hits_and_cleared(client, route):
    wanted = {"service": "sns", "operation": "Publish", "error": "Throttled", "resource": "t", "times": 3}
    added = json.loads(route(wanted)[1])
    topic = client("sns").create_topic(Name="t")["TopicArn"]
    with pytest.raises(ClientError):
        client("sns").publish(TopicArn=topic, Message="m")

    listed = json.loads(route()[1])
    cleared = json.loads(route(method="DELETE")[1])

    assert added == wanted
    assert listed == [wanted | {"hits": 1}]
    assert cleared == {"cleared": 1}
    assert json.loads(route()[1]) == []
    client("sns").publish(TopicArn=topic, Message="m")


def test_a_reset_forgets_faults(running, client):
    running.world.faults.add(Fault("sqs", "*", THROTTLED))

    running.reset()

    assert client("sqs").list_queues().get("QueueUrls") is None


@pytest.mark.parametrize(
    "given,reason",
    [
        ([], "a fault is a JSON object"),
        ({"service": "sqs", "operation": "SendMessage"}, "error: missing"),
        ({"service": "sqz", "operation": "SendMessage", "error": "E"}, "service: there is no service 'sqz'"),
        ({"service": "sqs", "operation": "Send", "error": "E"}, "operation: sqs has no operation 'Send'"),
        ({"service": "sqs", "operation": "*", "error": "not a code"}, "error: 'not a code' is not an error code"),
        ({"service": "sqs", "operation": "*", "error": "E", "times": 0}, "times: 0 is not a number of calls"),
        ({"service": "sqs", "operation": "*", "error": "E", "times": True}, "times: True is not a whole number"),
        ({"service": "sqs", "operation": "*", "error": "E", "until": "soon"}, "until: 'soon' is not an ISO 8601"),
        ({"service": "sqs", "operation": "*", "error": "E", "until": "2026-01-01T00:00:00"}, "has no time zone"),
        ({"service": "sqs", "operation": "*", "error": "E", "status": 200}, "status: 200 is not the HTTP status"),
        ({"service": "sqs", "operation": "*", "error": "E", "resource": 7}, "resource: 7 is not a text"),
        ({"service": "sqs", "operation": "*", "error": "E", "often": 7}, "often: unknown key"),
        (
            {"service": "sqs", "operation": "*", "error": "E", "times": 1, "until": "2026-01-01T00:00:00Z"},
            "times, until: give one of them",
        ),
    ],
)
def test_a_fault_that_could_never_happen_is_refused_with_what_is_wrong(route, given, reason):
    status, text, _ = route(given)

    assert status == 400
    assert reason in json.loads(text)["error"]


def test_only_failures_of_the_moment_are_transient():
    def problem(code: str, status: int = 400) -> bool:
        return is_transient(ServiceError(code, "", status))

    assert problem(THROTTLED)
    assert problem("ProvisionedThroughputExceededException")
    assert problem("TooManyRequestsException", 429)
    assert problem("AnythingAtAll", 503)
    assert not problem("AccessDeniedException", 403)
    assert not problem("NotFound", 404)
    assert Fault("dynamodb", "PutItem", "InternalServerError").problem().status == 500
    assert Fault("sqs", "SendMessage", "ServiceUnavailable").problem().status == 503
    assert Fault("sns", "Publish", "NotFound").problem().status == 404


def test_what_is_read_is_what_was_meant():
    found = read({"service": "sqs", "operation": "*", "error": "E", "until": "2026-11-20T12:00:00+01:00"})

    assert found.until is not None
    assert found.until - START == timedelta(hours=1)
    with pytest.raises(WrongFault):
        read("sqs")


# ------------------------------------------------------------- what tries again


@pytest.fixture
def topic(client):
    """A topic that delivers to a queue; its ARN and the queue's URL and ARN."""
    sns, sqs = client("sns"), client("sqs")
    arn = sns.create_topic(Name="t")["TopicArn"]
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
    policy = allow("sns.amazonaws.com", "sqs:SendMessage", queue)
    url = sqs.create_queue(QueueName="q", Attributes={"Policy": policy})["QueueUrl"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)
    return arn, url, queue


def test_sns_tries_a_queue_again_at_once_then_each_second_then_more_slowly(running, client, topic, bodies, advance):
    arn, url, queue = topic
    running.world.faults.add(Fault("sqs", "SendMessage", "ServiceUnavailable", resource=queue, times=6))
    client("sns").publish(TopicArn=arn, Message="m")

    advance(seconds=1)
    early = bodies(url)
    advance(seconds=1)

    # Once, three times at once, after one and after two seconds; the seventh attempt a second later.
    assert early == []
    assert bodies(url) == []
    advance(seconds=1)
    assert len(bodies(url)) == 1


def test_sns_does_not_try_again_what_is_refused(running, client, topic, bodies, advance):
    arn, url, queue = topic
    running.world.faults.add(Fault("sqs", "SendMessage", "AccessDenied", resource=queue, times=1))
    client("sns").publish(TopicArn=arn, Message="m")

    advance(minutes=5)

    assert bodies(url) == []


def test_a_poller_waits_while_sqs_fails_and_nothing_is_lost(running, client, functions, make_queue, advance):
    done: list[Any] = []
    functions.add("worker", done.append)
    url, arn = make_queue("work")
    functions.mappings.append(Mapping(uuid="m", function_name="worker", source_arn=arn))
    running.world.access.check_role = lambda *_, **__: None
    running.world.faults.add(Fault("sqs", "ReceiveMessage", "ServiceUnavailable", resource="work", times=2))
    client("sqs").send_message(QueueUrl=url, MessageBody="m")

    advance(seconds=30)
    waiting = len(done)
    advance(minutes=3)

    assert waiting == 0
    assert [record["body"] for event in done for record in event["Records"]] == ["m"]


def test_a_message_that_cannot_be_deleted_is_processed_again(running, client, functions, make_queue, advance):
    done: list[Any] = []
    functions.add("worker", done.append)
    url, arn = make_queue("work", VisibilityTimeout="60")
    functions.mappings.append(Mapping(uuid="m", function_name="worker", source_arn=arn))
    running.world.access.check_role = lambda *_, **__: None
    running.world.faults.add(Fault("sqs", "DeleteMessage", "ServiceUnavailable", resource="work", times=1))
    client("sqs").send_message(QueueUrl=url, MessageBody="m")

    advance(minutes=5)

    assert [record["body"] for event in done for record in event["Records"]] == ["m", "m"]


def test_an_alarm_whose_topic_fails_says_so_in_its_history(running, client, topic, advance):
    running.world.faults.add(Fault("sns", "Publish", "InternalError"))
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="a",
        Namespace="n",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic[0]],
    )
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="r")

    advance(seconds=0)

    lines = cloudwatch.describe_alarm_history(AlarmName="a", HistoryItemType="Action")["AlarmHistoryItems"]
    assert ["Failed" in line["HistorySummary"] for line in lines] == [True]
