import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from local.errors import ServiceError
from local.functions.model import Mapping
from tests.local.engine.conftest import ACCOUNT, START

VISIBILITY = 60


@pytest.fixture
def fed(client, make_queue, functions, running):
    """Makes a queue that feeds a handler, and its dead-letter queue; gives both URLs."""

    def make(handler, **options):
        letters = make_queue("letters")
        redrive = {"deadLetterTargetArn": letters[1], "maxReceiveCount": 3}
        url, arn = make_queue("q", VisibilityTimeout=str(VISIBILITY), RedrivePolicy=json.dumps(redrive))
        functions.add("handler", handler)
        client("iam").create_role(RoleName="handler", AssumeRolePolicyDocument="{}")
        client("iam").put_role_policy(RoleName="handler", PolicyName="poll", PolicyDocument=may_poll(arn))
        functions.mappings.append(Mapping(uuid="m", function_name="handler", source_arn=arn, **options))
        running.world.queues.review()
        return url, letters[0]

    return make


def may_poll(queue_arn: str) -> str:
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": queue_arn}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def times(functions) -> list[float]:
    return [(at - START).total_seconds() for at, _, _ in functions.invoked]


def sent(functions) -> list[list[str]]:
    return [[record["body"] for record in event["Records"]] for _, _, event in functions.invoked]


def remaining(client, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(value) for value in attributes.values())


def test_a_message_is_handed_over_at_once_and_deleted(client, fed, functions, advance):
    url, _ = fed(lambda event: None)
    identifier = client("sqs").send_message(
        QueueUrl=url, MessageBody="hello", MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}}
    )["MessageId"]

    advance(seconds=0)
    advance(minutes=10)

    ((_, _, event),) = functions.invoked
    (record,) = event["Records"]
    assert ("hello", identifier, "aws:sqs") == (record["body"], record["messageId"], record["eventSource"])
    assert record["eventSourceARN"] == f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"]["SentTimestamp"] == str(int(START.timestamp() * 1000))
    assert record["messageAttributes"]["k"]["stringValue"] == "v"
    assert remaining(client, url) == 0


def test_a_failing_batch_comes_back_after_its_visibility_and_ends_in_the_dead_letters(
    client, fed, functions, advance, bodies
):
    def fail(event):
        raise RuntimeError("boom")

    url, letters = fed(fail)
    client("sqs").send_message(QueueUrl=url, MessageBody="poison")

    advance(minutes=10)

    assert [0, VISIBILITY, 2 * VISIBILITY] == times(functions)
    assert remaining(client, url) == 0
    assert ["poison"] == bodies(letters)


def test_only_the_reported_part_of_a_batch_comes_back(client, fed, functions, advance):
    def partly(event):
        bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in bad]}

    url, _ = fed(partly, report_batch_item_failures=True)
    for body in ("good", "bad"):
        client("sqs").send_message(QueueUrl=url, MessageBody=body)

    advance(seconds=VISIBILITY)

    assert [["good", "bad"], ["bad"]] == sent(functions)


@pytest.mark.parametrize(
    "answer, left",
    [
        (None, 0),
        ({}, 0),
        ({"batchItemFailures": []}, 0),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 1),
        ({"batchItemFailures": [{}]}, 1),
        ({"batchItemFailures": "all"}, 1),
        ("text", 1),
    ],
)
def test_an_answer_that_cannot_be_understood_fails_the_whole_batch(client, fed, advance, answer, left):
    url, _ = fed(lambda event: answer, report_batch_item_failures=True)
    client("sqs").send_message(QueueUrl=url, MessageBody="m")

    advance(seconds=1)

    assert left == remaining(client, url)


def test_without_partial_answers_a_result_never_brings_messages_back(client, fed, advance):
    url, _ = fed(lambda event: {"batchItemFailures": [{"itemIdentifier": "x"}]})
    client("sqs").send_message(QueueUrl=url, MessageBody="m")

    advance(seconds=1)

    assert remaining(client, url) == 0


def test_batches_keep_to_their_size(client, fed, functions, advance):
    url, _ = fed(lambda event: None, batch_size=2)
    for number in range(5):
        client("sqs").send_message(QueueUrl=url, MessageBody=str(number))

    advance(seconds=0)

    assert [["0", "1"], ["2", "3"], ["4"]] == sent(functions)


def test_a_window_gathers_until_it_ends_or_the_batch_is_full(client, fed, functions, advance):
    url, _ = fed(lambda event: None, batch_size=3, window=timedelta(seconds=20))
    client("sqs").send_message(QueueUrl=url, MessageBody="a")
    advance(seconds=10)
    client("sqs").send_message(QueueUrl=url, MessageBody="b")
    advance(seconds=15)
    for body in "cde":
        client("sqs").send_message(QueueUrl=url, MessageBody=body)
    advance(seconds=0)

    assert [["a", "b"], ["c", "d", "e"]] == sent(functions)
    assert [20, 25] == times(functions)


def test_a_delayed_message_waits(client, fed, functions, advance):
    url, _ = fed(lambda event: None)
    client("sqs").send_message(QueueUrl=url, MessageBody="later", DelaySeconds=45)

    advance(minutes=2)

    assert [45] == times(functions)


def test_a_message_that_somebody_else_received_is_handed_over_when_it_returns(client, fed, functions, running, advance):
    url, _ = fed(lambda event: None, enabled=False)
    client("sqs").send_message(QueueUrl=url, MessageBody="m")
    (message,) = client("sqs").receive_message(QueueUrl=url)["Messages"]
    functions.mappings[0] = Mapping(uuid="m", function_name="handler", source_arn=f"arn:aws:sqs:us-east-1:{ACCOUNT}:q")
    running.world.queues.review()

    advance(seconds=10)
    before = list(functions.invoked)
    client("sqs").change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    advance(seconds=0)

    assert [] == before
    assert [10] == times(functions)


def test_a_mapping_that_is_disabled_or_gone_is_not_fed(client, fed, functions, advance):
    url, _ = fed(lambda event: None)
    functions.mappings.clear()
    client("sqs").send_message(QueueUrl=url, MessageBody="m")

    advance(minutes=5)

    assert [] == functions.invoked


def test_a_function_whose_role_may_not_poll_is_fed_again_once_it_may(client, fed, functions, running, advance):
    url, _ = fed(lambda event: None)
    client("iam").delete_role_policy(RoleName="handler", PolicyName="poll")
    client("sqs").send_message(QueueUrl=url, MessageBody="m")
    advance(seconds=30)
    before = list(functions.invoked)
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
    client("iam").put_role_policy(RoleName="handler", PolicyName="poll", PolicyDocument=may_poll(arn))

    advance(minutes=1)

    assert [] == before
    assert [60] == times(functions)
    refused = [str(entry.facts["reason"]) for entry in running.world.journal.since(0) if entry.kind == "refused"]
    assert any("not authorized to perform: sqs:ReceiveMessage" in reason for reason in refused)


def test_a_filter_drops_what_does_not_match(client, fed, functions, advance):
    url, _ = fed(lambda event: None, filters=('{"body": {"kind": ["wanted"]}}',))
    for kind in ("wanted", "other"):
        client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps({"kind": kind}))

    advance(seconds=0)

    assert [['{"kind": "wanted"}']] == sent(functions)
    assert remaining(client, url) == 0


def test_receiving_does_not_wait_for_a_clock_that_stands_still(client, make_queue):
    url, _ = make_queue("q", ReceiveMessageWaitTimeSeconds="20")

    assert "Messages" not in client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)


def test_every_queue_tells_its_depth_each_minute(client, make_queue, advance):
    url, _ = make_queue("deep")
    make_queue("empty")
    for body in "ab":
        client("sqs").send_message(QueueUrl=url, MessageBody=body)
    advance(minutes=2)

    def depth(name: str) -> list[float]:
        points = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Dimensions=[{"Name": "QueueName", "Value": name}],
            StartTime=START,
            EndTime=START + timedelta(minutes=2),
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
        return [point["Maximum"] for point in points]

    assert [2.0, 2.0] == depth("deep")
    assert [0.0, 0.0] == depth("empty")


def test_messages_past_their_retention_are_dropped(client, make_queue, bodies, advance):
    url, _ = make_queue("short", MessageRetentionPeriod="60")
    client("sqs").send_message(QueueUrl=url, MessageBody="old")

    advance(minutes=2)

    assert [] == bodies(url)


def test_a_service_may_send_what_the_queues_policy_allows_and_nothing_else(running, make_queue, bodies):
    url, arn = make_queue("q", "sns.amazonaws.com")
    send = running.world.queues.send_by_service

    send(principal="sns.amazonaws.com", source_arn="arn:aws:sns:us-east-1:1:t", queue_arn=arn, body="m")
    with pytest.raises(ServiceError, match="not authorized to perform: sqs:SendMessage"):
        send(principal="events.amazonaws.com", source_arn="arn:aws:events:us-east-1:1:rule/r", queue_arn=arn, body="n")

    assert ["m"] == bodies(url)


def test_dead_letters_are_moved_back_to_the_queue_that_they_came_from(client, make_queue, bodies, advance):
    dead, dead_arn = make_queue("dead")
    url, arn = make_queue("work", RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1}))
    sqs = client("sqs")
    for number in range(3):
        sqs.send_message(QueueUrl=dead, MessageBody=f"m{number}")

    task = sqs.start_message_move_task(SourceArn=dead_arn, MaxNumberOfMessagesPerSecond=2)["TaskHandle"]
    advance(seconds=0)
    (running,) = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"]
    advance(seconds=1)
    (done,) = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"]

    assert (running["Status"], running["TaskHandle"], running["ApproximateNumberOfMessagesMoved"]) == (
        "RUNNING",
        task,
        2,
    )
    assert (done["Status"], done["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 3)
    assert bodies(url) == ["m0", "m1", "m2"]
    assert bodies(dead) == []
    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        sqs.start_message_move_task(SourceArn=arn)


def test_a_move_that_is_cancelled_leaves_the_rest(client, make_queue, bodies, advance):
    dead, dead_arn = make_queue("dead")
    make_queue("work", RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1}))
    other, other_arn = make_queue("other")
    sqs = client("sqs")
    for number in range(2):
        sqs.send_message(QueueUrl=dead, MessageBody=f"m{number}")

    task = sqs.start_message_move_task(SourceArn=dead_arn, DestinationArn=other_arn, MaxNumberOfMessagesPerSecond=1)[
        "TaskHandle"
    ]
    advance(seconds=0)
    sqs.cancel_message_move_task(TaskHandle=task)
    advance(minutes=1)

    assert (bodies(other), bodies(dead)) == (["m0"], ["m1"])


def test_items_of_a_table_are_gone_when_their_time_to_live_has_passed(client, advance):
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.update_time_to_live(
        TableName="t", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
    )
    for key, seconds in (("soon", 30), ("later", 300)):
        instant = {"N": str(int(START.timestamp()) + seconds)}
        dynamodb.put_item(TableName="t", Item={"pk": {"S": key}, "expires_at": instant})
    dynamodb.put_item(TableName="t", Item={"pk": {"S": "text"}, "expires_at": {"S": "0"}})

    def keys() -> list[str]:
        return sorted(item["pk"]["S"] for item in dynamodb.scan(TableName="t")["Items"])

    advance(minutes=1)
    assert keys() == ["later", "text"]
    advance(minutes=4)
    assert keys() == ["text"]
