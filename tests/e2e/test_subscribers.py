"""The same page as every kind of subscriber gets it."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.config import Config
from local.messages import Message
from tests.e2e.deployed import ONCALL, START, Deployed, deployed_at, direct
from tests.e2e.subscriber import Subscriber

NUMBER = "+14155550100"


@dataclass(frozen=True)
class Heard:
    """What each subscriber of `critical` got of one page."""

    messages: list[Message]
    posted: list[dict[str, Any]]
    posted_to_unconfirmed: list[dict[str, Any]]
    queued: list[dict[str, Any]]
    queued_raw: list[dict[str, Any]]

    def recorded(self, protocol: str) -> list[Message]:
        """The recorded messages of a protocol."""
        return [message for message in self.messages if message.protocol == protocol]


def subscribe_queue(deployed: Deployed, name: str, **attributes: str) -> str:
    """A queue under `critical` that lets the topic send; its URL."""
    sqs, topic = deployed.aws.get("sqs"), deployed.physical("Critical")
    url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
    arn = deployed.arn_of_queue(url)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    deployed.aws.get("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    return url


def subscribe(deployed: Deployed, protocol: str, endpoint: str) -> None:
    topic = deployed.physical("Critical")
    deployed.aws.get("sns").subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)


@pytest.fixture(scope="module")
def heard(assembly: Path, default_config: Config) -> Heard:
    with ExitStack() as resources:
        deployed = resources.enter_context(deployed_at(START, assembly, default_config))
        hook = resources.enter_context(Subscriber())
        deaf = resources.enter_context(Subscriber(confirms=False))
        subscribe(deployed, "http", hook.url)
        subscribe(deployed, "http", deaf.url)
        subscribe(deployed, "sms", NUMBER)
        queue = subscribe_queue(deployed, "inbox")
        raw = subscribe_queue(deployed, "raw-inbox", RawMessageDelivery="true")
        deployed.advance(minutes=2)
        deployed.set_alarm("embedder", "Unhealthy")
        deployed.advance(minutes=2)
        return Heard(deployed.messages(), hook.received, deaf.received, deployed.receive(queue), deployed.receive(raw))


def test_an_email_is_the_text_under_its_subject(heard: Heard) -> None:
    (mail,) = heard.recorded("email")

    assert mail.endpoint == ONCALL
    assert mail.subject.startswith("[CRITICAL] embedder: ")
    assert mail.body.startswith("CRITICAL embedder: ")


def test_a_web_hook_confirms_once_and_then_gets_the_page_in_snss_envelope(heard: Heard) -> None:
    (mail,) = heard.recorded("email")

    confirmation, page = heard.posted

    assert (confirmation["Type"], page["Type"]) == ("SubscriptionConfirmation", "Notification")
    assert (page["Subject"], page["Message"]) == (mail.subject, mail.body)
    assert page["TopicArn"] == confirmation["TopicArn"] == mail.topic_arn
    assert [message.endpoint.split(":")[0] for message in heard.recorded("http")] == ["http"]


def test_a_web_hook_that_did_not_confirm_gets_nothing_more(heard: Heard) -> None:
    assert [body["Type"] for body in heard.posted_to_unconfirmed] == ["SubscriptionConfirmation"]


def test_a_queue_gets_the_page_in_snss_envelope_with_the_figures_as_json(heard: Heard) -> None:
    (mail,) = heard.recorded("email")

    (message,) = heard.queued

    envelope = json.loads(message["Body"])
    figures = json.loads(envelope["MessageAttributes"]["incident_json"]["Value"])
    assert (envelope["Type"], envelope["Subject"], envelope["Message"]) == ("Notification", mail.subject, mail.body)
    assert envelope["MessageAttributes"]["severity"]["Value"] == "critical"
    assert figures["subject"]["name"] == "embedder"


def test_a_queue_that_asked_for_raw_messages_gets_the_text_and_the_attributes_as_its_own(heard: Heard) -> None:
    (mail,) = heard.recorded("email")

    (message,) = heard.queued_raw

    assert message["Body"] == mail.body
    assert message["MessageAttributes"]["severity"]["StringValue"] == "critical"


def test_a_phone_gets_the_text_whose_first_line_says_all(heard: Heard) -> None:
    (text,) = heard.recorded("sms")

    assert text.endpoint == NUMBER
    assert text.body.splitlines()[0].startswith("CRITICAL embedder: the endpoint fails its callers, since 09:02Z")


def test_a_subscriber_that_keeps_failing_pages_the_others_on_another_topic(deployed: Deployed) -> None:
    with Subscriber(status=500) as failing:
        subscribe(deployed, "http", failing.url)
        deployed.advance(minutes=2)

        deployed.set_alarm("embedder", "Unhealthy")
        deployed.advance(minutes=5)

    posted = failing.of_type("Notification")
    directly = [message for message in deployed.messages() if direct([message])]
    assert len(posted) == 4
    assert len({body["MessageId"] for body in posted}) == 1
    assert direct(directly) == [deployed.alarm("critical", "NotificationsFailed")]
    assert directly[0].topic_arn == deployed.physical("Warning")
    assert directly[0].time - START < timedelta(minutes=6)
