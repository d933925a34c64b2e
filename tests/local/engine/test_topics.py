import json
import threading
import urllib.request
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError

from local.errors import ServiceError
from tests.local.engine.conftest import ACCOUNT, START, allow

SNS = "sns.amazonaws.com"


@pytest.fixture
def topic(client):
    return client("sns").create_topic(Name="alerts")["TopicArn"]


class Subscriber:
    """A real HTTP subscriber on loopback; it answers with the status it is told to."""

    def __init__(self) -> None:
        self.status = 200
        self.confirms = True
        self.requests: list[tuple[dict[str, str], str]] = []
        subscriber = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                subscriber.requests.append((dict(self.headers), body))
                if self.headers["x-amz-sns-message-type"] == "SubscriptionConfirmation" and subscriber.confirms:
                    with urllib.request.urlopen(json.loads(body)["SubscribeURL"], timeout=10) as answer:  # noqa: S310
                        answer.read()
                self.send_response(subscriber.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook?k=v"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def subscriber():
    made = Subscriber()
    yield made
    made.stop()


def test_people_receive_the_text_and_the_recorder_keeps_the_order(running, client, topic, advance):
    sns = client("sns")
    for protocol, endpoint in (("email", "a@example.com"), ("sms", "+15555550100"), ("email-json", "b@example.com")):
        sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)

    identifier = sns.publish(TopicArn=topic, Subject="hello", Message="world")["MessageId"]
    advance(seconds=0)

    messages = running.world.messages.all()
    assert [
        ("email", "a@example.com", "hello", "world"),
        ("sms", "+15555550100", "hello", "world"),
    ] == [(m.protocol, m.endpoint, m.subject, m.body) for m in messages[:2]]
    envelope = json.loads(messages[2].body)
    assert ("Notification", identifier, "hello", "world", "2026-11-20T10:00:00.000Z") == (
        envelope["Type"],
        envelope["MessageId"],
        envelope["Subject"],
        envelope["Message"],
        envelope["Timestamp"],
    )
    assert {START} == {message.time for message in messages}


def test_the_control_route_lists_messages(running, client, topic, advance):
    client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    client("sns").publish(TopicArn=topic, Message="world")
    advance(seconds=0)

    with urllib.request.urlopen(f"{running.url}/_mlwarden/messages", timeout=10) as answer:  # noqa: S310  # loopback
        listed = json.load(answer)

    assert [
        {
            "time": "2026-11-20T10:00:00Z",
            "topic_arn": topic,
            "protocol": "email",
            "endpoint": "a@example.com",
            "subject": "AWS Notification Message",
            "body": "world",
        }
    ] == listed


def test_each_protocol_gets_its_own_text_of_a_structured_message(running, client, topic, advance):
    sns = client("sns")
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint="+15555550100")

    sns.publish(TopicArn=topic, MessageStructure="json", Message=json.dumps({"default": "d", "sms": "short"}))
    advance(seconds=0)

    assert ["d", "short"] == [message.body for message in running.world.messages.all()]


@pytest.mark.parametrize(
    "given, reason",
    [
        ({"Message": ""}, "Empty message"),
        ({"Message": "m" * 262_145}, "Message too long"),
        ({"Message": "m", "Subject": "s" * 101}, "Subject"),
        ({"Message": "m", "Subject": "two\nlines"}, "Subject"),
        ({"Message": "m", "MessageStructure": "json"}, "failed to parse"),
        ({"Message": "{}", "MessageStructure": "json"}, "No default entry"),
        (
            {"Message": "m", "MessageAttributes": {"a": {"DataType": "Text", "StringValue": "v"}}},
            "invalid message attr",
        ),
        ({"Message": "m", "TopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:gone"}, "Topic does not exist"),
    ],
)
def test_what_sns_refuses_is_refused(client, topic, given, reason):
    with pytest.raises(ClientError, match=reason):
        client("sns").publish(**({"TopicArn": topic} | given))


def test_a_batch_fails_entry_by_entry(running, client, topic, advance):
    client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    entries = [{"Id": "1", "Message": "good"}, {"Id": "2", "Message": "bad", "Subject": "s" * 101}]

    answer = client("sns").publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    advance(seconds=0)

    assert (["1"], ["2"]) == ([e["Id"] for e in answer["Successful"]], [e["Id"] for e in answer["Failed"]])
    assert ["good"] == [message.body for message in running.world.messages.all()]
    with pytest.raises(ClientError, match="same Id"):
        client("sns").publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries[:1] * 2)


def test_filter_policies_decide_who_gets_a_message(running, client, topic, advance):
    sns = client("sns")
    policies = {
        "attributes@example.com": {"FilterPolicy": '{"severity": ["critical"]}'},
        "body@example.com": {"FilterPolicyScope": "MessageBody", "FilterPolicy": '{"stage": [{"prefix": "prod"}]}'},
        "other@example.com": {"FilterPolicy": '{"severity": ["info"]}'},
    }
    for endpoint, attributes in policies.items():
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=endpoint, Attributes=attributes)

    severity = {"severity": {"DataType": "String", "StringValue": "critical"}}
    sns.publish(TopicArn=topic, Message='{"stage": "production"}', MessageAttributes=severity)
    advance(seconds=0)

    assert ["attributes@example.com", "body@example.com"] == [m.endpoint for m in running.world.messages.all()]


def test_a_queue_receives_the_envelope_or_the_raw_message(client, topic, make_queue, advance):
    sns, sqs = client("sns"), client("sqs")
    wrapped, raw = make_queue("wrapped", SNS), make_queue("raw", SNS)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=wrapped[1], Attributes={"RawMessageDelivery": "false"})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=raw[1], Attributes={"RawMessageDelivery": "true"})

    attributes = {"severity": {"DataType": "String", "StringValue": "critical"}}
    sns.publish(TopicArn=topic, Message="m", MessageAttributes=attributes)
    advance(seconds=0)

    (in_envelope,) = sqs.receive_message(QueueUrl=wrapped[0])["Messages"]
    (bare,) = sqs.receive_message(QueueUrl=raw[0], MessageAttributeNames=["All"])["Messages"]
    assert json.loads(in_envelope["Body"])["MessageAttributes"] == {"severity": {"Type": "String", "Value": "critical"}}
    assert ("m", "critical") == (bare["Body"], bare["MessageAttributes"]["severity"]["StringValue"])


def test_a_function_receives_the_record_of_the_sample(client, topic, functions, advance):
    function = functions.add("handler", lambda event: None, principal=SNS)
    client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)

    client("sns").publish(TopicArn=topic, Message="m", Subject="s")
    advance(seconds=0)

    ((_, _, event),) = functions.invoked
    (record,) = event["Records"]
    assert {"EventSource", "EventVersion", "EventSubscriptionArn", "Sns"} == set(record)
    assert {
        "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature",
        "SigningCertUrl", "UnsubscribeUrl", "MessageAttributes",
    } == set(record["Sns"])  # fmt: skip


def test_a_delivery_that_is_refused_counts_as_failed_and_uses_the_redrive_queue(
    client, topic, make_queue, functions, bodies, advance
):
    letters = make_queue("letters", SNS)
    closed = make_queue("closed")
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": letters[1]})}
    function = functions.add("closed", lambda event: None)
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=closed[1], Attributes=redrive)
    client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function, Attributes=redrive)

    client("sns").publish(TopicArn=topic, Message="m")
    advance(minutes=1)

    assert ["m", "m"] == [json.loads(body)["Message"] for body in bodies(letters[0])]
    assert [] == functions.invoked
    statistics = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SNS",
        MetricName="NumberOfNotificationsFailed",
        Dimensions=[{"Name": "TopicName", "Value": "alerts"}],
        StartTime=START,
        EndTime=START + timedelta(minutes=5),
        Period=60,
        Statistics=["Sum"],
    )
    assert [2.0] == [point["Sum"] for point in statistics["Datapoints"]]


def test_a_service_publishes_only_where_the_topics_policy_lets_it(running, client, topic, advance):
    client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    policy = allow("cloudwatch.amazonaws.com", "sns:Publish", topic, StringEquals={"aws:SourceAccount": ACCOUNT})
    alarm = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:a"

    def publish() -> None:
        running.world.topics.publish_by_service(
            principal="cloudwatch.amazonaws.com", source_arn=alarm, topic_arn=topic, subject="s", message="m"
        )

    elsewhere = allow("events.amazonaws.com", "sns:Publish", topic)
    client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=elsewhere)
    with pytest.raises(ServiceError, match="not authorized to perform: sns:Publish"):
        publish()
    client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    publish()
    advance(seconds=0)

    assert ["m"] == [message.body for message in running.world.messages.all()]


def test_a_loopback_subscriber_confirms_and_then_receives_what_sns_posts(running, client, topic, subscriber, advance):
    arn = client("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)["SubscriptionArn"]
    advance(seconds=0)
    client("sns").publish(TopicArn=topic, Message="m", Subject="s")
    advance(seconds=0)

    (asked, _), (headers, body) = subscriber.requests
    assert asked["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    assert headers["x-amz-sns-message-type"] == "Notification"
    assert (topic, arn) == (headers["x-amz-sns-topic-arn"], headers["x-amz-sns-subscription-arn"])
    assert headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert ("m", "s") == (json.loads(body)["Message"], json.loads(body)["Subject"])
    assert [("http", subscriber.url)] == [(m.protocol, m.endpoint) for m in running.world.messages.all()]


def test_a_subscriber_that_does_not_confirm_receives_nothing(running, client, topic, subscriber, advance):
    subscriber.confirms = False
    arn = client("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)["SubscriptionArn"]
    advance(seconds=0)
    client("sns").publish(TopicArn=topic, Message="m")
    advance(seconds=0)

    attributes = client("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert attributes["PendingConfirmation"] == "true"
    assert len(subscriber.requests) == 1
    with pytest.raises(ClientError, match="Token"):
        client("sns").confirm_subscription(TopicArn=topic, Token="guessed")


def test_a_subscriber_that_fails_is_tried_again_and_then_counted(client, topic, subscriber, advance):
    client("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url)
    advance(seconds=0)
    subscriber.status = 503
    client("sns").publish(TopicArn=topic, Message="m")

    advance(seconds=0)
    once = len(subscriber.requests) - 1
    advance(minutes=5)

    assert (1, 4) == (once, len(subscriber.requests) - 1)
    metrics = client("cloudwatch").list_metrics(Namespace="AWS/SNS", MetricName="NumberOfNotificationsFailed")
    assert len(metrics["Metrics"]) == 1


def test_hosts_elsewhere_are_recorded_and_never_contacted(running, client, topic, advance):
    client("sns").subscribe(TopicArn=topic, Protocol="https", Endpoint="https://hooks.example.com/x")

    client("sns").publish(TopicArn=topic, Message="m")
    advance(seconds=0)

    assert ["https://hooks.example.com/x"] == [message.endpoint for message in running.world.messages.all()]


def test_a_text_message_needs_no_topic(running, client, advance):
    client("sns").publish(PhoneNumber="+15555550100", Message="m")
    advance(seconds=0)

    assert [("", "sms", "m")] == [(m.topic_arn, m.protocol, m.body) for m in running.world.messages.all()]
