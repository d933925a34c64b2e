"""The dispatch: one notification on one channel, against services on loopback and AWS under moto."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.catalogue.alarm import Severity
from core.channels import signing
from core.channels.outcome import Outcome, Verdict
from core.channels.signing import Key
from core.incidents.notification import Notification, Reason
from core.incidents.policy import Channel, ChannelKind
from lambdas import channels
from lambdas.adapters import clients, pagerduty, secrets, slack
from lambdas.channels import Desk
from tests.channels.conftest import Service
from tests.channels.table import NOW, REGION
from tests.messages import samples

LOOPBACK = (("private_networks", "127.0.0.1"),)
KEYS = json.dumps({"keys": [{"id": "2026b", "key": "k" * 32}]})


class Cloud:
    """Topics by severity with a queue each, and secrets."""

    def __init__(self) -> None:
        self.topics = {severity: self.topic(severity) for severity in ("critical", "warning", "info")}
        self.desk = Desk(samples.PLACE, self.topics)

    def topic(self, name: str) -> str:
        clients.client("sqs").create_queue(QueueName=name)
        sns = clients.client("sns")
        arn = str(sns.create_topic(Name=name)["TopicArn"])
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:{name}")
        return arn

    def secret(self, text: str) -> str:
        clients.client("ssm").put_parameter(Name="/mlwarden/channel", Value=text, Type="SecureString", Overwrite=True)
        return "ssm:/mlwarden/channel"

    def mails(self, name: str) -> list[dict[str, Any]]:
        sqs = clients.client("sqs")
        found = sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"], MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in found.get("Messages", [])]


@pytest.fixture
def cloud(table: Any) -> Cloud:
    secrets.forget()
    return Cloud()


FIRST = samples.reasons()["first"]


def sent_on(
    kind: ChannelKind,
    cloud: Cloud,
    told: Notification = FIRST,
    *,
    target: str = "",
    secret: str = "",
    reference: str = "",
) -> Outcome:
    return channels.send(Channel(kind, target, secret, LOOPBACK), told, cloud.desk, reference=reference)


def test_topics_get_subject_text_and_the_figures_as_an_attribute(cloud: Cloud) -> None:
    outcome = sent_on(ChannelKind.SNS, cloud)

    [mail] = cloud.mails(FIRST.severity.value)
    assert outcome.sent
    assert outcome.reference == mail["MessageId"]
    assert mail["MessageAttributes"]["notification_id"]["Value"] == FIRST.id
    assert json.loads(mail["MessageAttributes"]["incident_json"]["Value"])


def test_an_end_goes_to_all_who_were_told_of_the_incident(cloud: Cloud) -> None:
    ended = next(told for told in samples.reasons().values() if told.reason is Reason.ALL_RESOLVED)
    told = replace(ended, told=(Severity.WARNING, Severity.CRITICAL))

    sent_on(ChannelKind.SNS, cloud, told)

    assert [len(cloud.mails(name)) for name in ("critical", "warning", "info")] == [1, 1, 0]


def test_a_topic_of_the_channels_own_gets_it_alone(cloud: Cloud) -> None:
    own = cloud.topic("own")

    sent_on(ChannelKind.SNS, cloud, target=own)

    assert [len(cloud.mails(name)) for name in ("own", FIRST.severity.value)] == [1, 0]


def test_a_topic_that_is_gone_refuses_for_good(cloud: Cloud) -> None:
    outcome = sent_on(ChannelKind.SNS, cloud, target=f"arn:aws:sns:{REGION}:123456789012:gone")

    assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, "SNS answered NotFound")


def test_amazon_q_gets_its_custom_notification_and_nothing_around_it(cloud: Cloud) -> None:
    sent_on(ChannelKind.AMAZON_Q, cloud, target=cloud.topic("chat"))

    document = json.loads(cloud.mails("chat")[0]["Message"])
    assert (document["version"], document["source"]) == ("1.0", "custom")


def test_https_is_signed_with_the_channels_keys(cloud: Cloud, service: Service) -> None:
    service.answer(202)

    outcome = sent_on(ChannelKind.HTTPS, cloud, target=f"{service.url}/hook", secret=cloud.secret(KEYS))

    [request] = service.requests
    assert outcome.sent
    assert signing.verify(request.body, request.headers, [Key("2026b", b"k" * 32)], now=NOW)
    assert request.headers["X-Mlwarden-Notification-Id"] == FIRST.id


def test_without_a_listed_network_a_private_address_is_refused(cloud: Cloud, service: Service) -> None:
    channel = Channel(ChannelKind.HTTPS, f"{service.url}/hook", cloud.secret(KEYS))

    outcome = channels.send(channel, FIRST, cloud.desk)

    assert outcome.verdict is Verdict.REFUSED
    assert service.requests == []


@pytest.mark.parametrize("kind", [ChannelKind.SLACK, ChannelKind.TEAMS])
def test_a_webhooks_url_is_the_secret(cloud: Cloud, service: Service, kind: ChannelKind) -> None:
    service.answer(200, b"ok")

    outcome = sent_on(kind, cloud, secret=cloud.secret(f"{service.url}/services/T0/B0/key\n"))

    assert outcome.sent
    assert service.requests[0].path == "/services/T0/B0/key"
    assert service.requests[0].json


def test_the_bot_edits_the_incidents_message(cloud: Cloud, service: Service, monkeypatch: Any) -> None:
    monkeypatch.setattr(slack, "API", f"{service.url}/api/")
    service.answer(200, {"ok": True, "channel": "C1", "ts": "1.0"})
    secret = cloud.secret("xoxb-token")

    first = sent_on(ChannelKind.SLACK_BOT, cloud, target="C0000001", secret=secret)
    again = sent_on(ChannelKind.SLACK_BOT, cloud, target="C0000001", secret=secret, reference=first.reference)

    assert (first.reference, again.reference) == ("C1:1.0", "C1:1.0")
    assert [request.path for request in service.requests] == ["/api/chat.postMessage", "/api/chat.update"]


def test_pagerduty_triggers_and_resolves_one_incident_under_one_key(
    cloud: Cloud, service: Service, monkeypatch: Any
) -> None:
    monkeypatch.setattr(pagerduty, "URL", f"{service.url}/v2/enqueue")
    service.answer(202, {"status": "success"})
    ended = next(told for told in samples.reasons().values() if told.reason is Reason.ALL_RESOLVED)
    secret = cloud.secret("R0KEY")

    outcomes = [sent_on(ChannelKind.PAGERDUTY, cloud, told, secret=secret) for told in (FIRST, ended)]

    assert all(outcome.sent for outcome in outcomes)
    assert [request.json["event_action"] for request in service.requests] == ["trigger", "resolve"]
    assert {request.json["routing_key"] for request in service.requests} == {"R0KEY"}
    assert len({request.json["dedup_key"] for request in service.requests}) == 1


@pytest.mark.parametrize("kind", [ChannelKind.SLACK, ChannelKind.TEAMS, ChannelKind.PAGERDUTY, ChannelKind.HTTPS])
def test_a_secret_that_is_not_there_refuses_and_names_it(cloud: Cloud, kind: ChannelKind) -> None:
    outcome = sent_on(kind, cloud, target="https://hooks.example.com/", secret="ssm:/mlwarden/none")

    assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, "ssm:/mlwarden/none: ParameterNotFound")


def test_keys_that_cannot_sign_refuse_without_being_shown(cloud: Cloud) -> None:
    outcome = sent_on(ChannelKind.HTTPS, cloud, target="https://hooks.example.com/", secret=cloud.secret("hunter2"))

    assert outcome.verdict is Verdict.REFUSED
    assert "hunter2" not in outcome.reason


def test_after_a_refusal_the_secret_is_read_anew(cloud: Cloud, service: Service) -> None:
    service.answer(403)
    service.answer(200)
    secret = cloud.secret(f"{service.url}/old")
    sent_on(ChannelKind.TEAMS, cloud, secret=secret)
    cloud.secret(f"{service.url}/new")

    assert sent_on(ChannelKind.TEAMS, cloud, secret=secret).sent
    assert [request.path for request in service.requests] == ["/old", "/new"]


def test_a_service_that_asks_to_wait_is_heard(cloud: Cloud, service: Service) -> None:
    service.answer(429, Retry_After="9")

    outcome = sent_on(ChannelKind.TEAMS, cloud, secret=cloud.secret(service.url))

    assert (outcome.verdict, outcome.retry_after) == (Verdict.RETRY, timedelta(seconds=9))


def test_every_kind_of_channel_has_a_sender() -> None:
    assert set(channels._SENDERS) == set(ChannelKind)


@pytest.mark.parametrize("kind", [ChannelKind.SLACK, ChannelKind.TEAMS, ChannelKind.HTTPS])
def test_every_message_can_be_sent(cloud: Cloud, service: Service, kind: ChannelKind) -> None:
    service.answer(200, b"ok")
    secret = cloud.secret(KEYS if kind is ChannelKind.HTTPS else service.url)
    target = service.url if kind is ChannelKind.HTTPS else ""

    outcomes = [sent_on(kind, cloud, told, secret=secret, target=target) for told in samples.everything().values()]

    assert all(outcome.sent for outcome in outcomes)
    assert len(service.requests) == len(outcomes)
