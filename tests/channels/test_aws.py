"""Secrets, topics and OpsItems under moto, on a clock that stands still."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
import time_machine
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from core.channels.outcome import Outcome, Verdict
from lambdas.adapters import clients, opscenter, secrets, topics
from lambdas.adapters.secrets import NoSecret

REGION = "us-east-1"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ITEM = {
    "Title": "ranker fails",
    "Description": "7.4 % of requests",
    "Source": "mlwarden",
    "Severity": "1",
    "OperationalData": {
        "/aws/dedup": {"Value": '{"dedupString":"INC-1"}', "Type": "SearchableString"},
        "alerts": {"Value": "3", "Type": "String"},
    },
}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    clients.client.cache_clear()
    secrets.forget()
    with mock_aws(), time_machine.travel(NOW, tick=False) as clock:
        yield clock
    clients.client.cache_clear()
    secrets.forget()


def aws(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def test_a_rotated_secret_is_seen_five_minutes_later(clock: Any) -> None:
    manager = aws("secretsmanager")
    arn = manager.create_secret(Name="slack", SecretString="first")["ARN"]
    seen = [secrets.read(arn)]
    manager.put_secret_value(SecretId=arn, SecretString="second")

    clock.shift(timedelta(minutes=4, seconds=59))
    seen.append(secrets.read(arn))
    clock.shift(timedelta(seconds=1))
    seen.append(secrets.read(arn))

    assert seen == ["first", "first", "second"]


def test_a_secret_that_a_service_refused_is_read_anew(clock: Any) -> None:
    manager = aws("secretsmanager")
    arn = manager.create_secret(Name="slack", SecretString="first")["ARN"]
    secrets.read(arn)
    manager.put_secret_value(SecretId=arn, SecretString="second")

    secrets.forget(arn)

    assert secrets.read(arn) == "second"


def test_a_secure_parameter_is_a_secret_and_a_plain_one_is_refused(clock: Any) -> None:
    aws("ssm").put_parameter(Name="/mlwarden/teams", Value="https://hook", Type="SecureString")
    aws("ssm").put_parameter(Name="/mlwarden/plain", Value="https://hook", Type="String")

    assert secrets.read("ssm:/mlwarden/teams") == "https://hook"
    with pytest.raises(NoSecret, match="ssm:/mlwarden/plain: the parameter is a String; SecureString is needed"):
        secrets.read("ssm:/mlwarden/plain")


def test_a_secret_that_is_not_there_is_refused_for_good_and_one_that_is_throttled_is_not(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoSecret) as missing:
        secrets.read("ssm:/mlwarden/missing")
    answers(monkeypatch, secrets, error("ThrottlingException", 400))
    with pytest.raises(NoSecret) as throttled:
        secrets.read("ssm:/mlwarden/missing")

    assert (missing.value.again, throttled.value.again) == (False, True)
    assert str(missing.value) == "ssm:/mlwarden/missing: ParameterNotFound"


def test_a_binary_secret_is_refused(clock: Any) -> None:
    arn = aws("secretsmanager").create_secret(Name="key", SecretBinary=b"\x00\x01")["ARN"]

    with pytest.raises(NoSecret, match="the secret is binary"):
        secrets.read(arn)


@pytest.fixture
def inbox(clock: Any) -> tuple[str, str]:
    """A topic, and the URL of the queue that reads it."""
    url = aws("sqs").create_queue(QueueName="inbox")["QueueUrl"]
    topic = aws("sns").create_topic(Name="critical")["TopicArn"]
    aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:inbox")
    return topic, url


def envelope(url: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(aws("sqs").receive_message(QueueUrl=url)["Messages"][0]["Body"])
    return found


def test_chat_gets_the_document_alone(inbox: tuple[str, str]) -> None:
    topic, url = inbox
    document = {"version": "1.0", "source": "custom", "content": {"description": "ranker · fails"}}

    topics.announce(topic, document, attributes={"severity": "critical", "empty": ""})

    got = envelope(url)
    assert json.loads(got["Message"]) == document
    assert set(got["MessageAttributes"]) == {"severity"}


def test_a_fifo_topic_orders_by_group_and_drops_what_was_said_before(clock: Any, monkeypatch: Any) -> None:
    published: list[dict[str, Any]] = []
    answers(monkeypatch, topics, published)

    for group in ("a", "a", "b"):
        topics.publish(
            "arn:aws:sns:us-east-1:123456789012:orders.fifo",
            subject="s",
            text="t\nmore",
            attributes={"notification_id": "n1"},
            sms="short",
            group=group,
        )

    assert {each["MessageDeduplicationId"] for each in published} == {"n1"}
    assert [len(each["MessageGroupId"]) for each in published] == [64, 64, 64]
    assert len({each["MessageGroupId"] for each in published}) == 2
    assert json.loads(published[0]["Message"]) == {"default": "t\nmore", "sms": "short"}


def test_a_standard_topic_gets_no_fifo_ids_and_phones_the_first_line(clock: Any, monkeypatch: Any) -> None:
    published: list[dict[str, Any]] = []
    answers(monkeypatch, topics, published)

    topics.publish("arn:aws:sns:us-east-1:123456789012:critical", subject="s", text="one\ntwo", attributes={})

    assert "MessageGroupId" not in published[0]
    assert json.loads(published[0]["Message"])["sms"] == "one"


def test_an_incident_has_one_ops_item_that_is_resolved_with_it(clock: Any, monkeypatch: Any) -> None:
    calls: list[dict[str, Any]] = []
    answers(monkeypatch, opscenter, calls)

    first = opscenter.write(ITEM)
    last = opscenter.close({**ITEM, "Status": "Resolved"}, first.reference)

    assert (first, last) == (Outcome(Verdict.SENT, reference="oi-0123456789ab"),) * 2
    assert calls[0] == ITEM
    assert calls[1] == {
        "OpsItemId": "oi-0123456789ab",
        "Title": "ranker fails",
        "Description": "7.4 % of requests",
        "Severity": "1",
        "OperationalData": {"alerts": {"Value": "3", "Type": "String"}},
        "Status": "Resolved",
    }


def test_an_ops_item_that_exists_already_is_brought_up_to_date(clock: Any, monkeypatch: Any) -> None:
    calls: list[dict[str, Any]] = []
    exists = error("OpsItemAlreadyExistsException", 400) | {"OpsItemId": "oi-aaaaaaaaaaaa"}
    answers(monkeypatch, opscenter, calls, create=exists)

    outcome = opscenter.write(ITEM)

    assert outcome.reference == "oi-aaaaaaaaaaaa"
    assert calls[-1]["OpsItemId"] == "oi-aaaaaaaaaaaa"
    assert "Status" not in calls[-1]


@pytest.mark.parametrize(
    "code,verdict",
    [
        ("OpsItemLimitExceededException", Verdict.RETRY),
        ("ThrottlingException", Verdict.RETRY),
        ("InternalServerError", Verdict.RETRY),
        ("AccessDeniedException", Verdict.REFUSED),
        ("OpsItemInvalidParameterException", Verdict.REFUSED),
    ],
)
def test_ops_centers_errors_say_whether_to_try_again(clock: Any, monkeypatch: Any, code: str, verdict: Verdict) -> None:
    answers(monkeypatch, opscenter, [], create=error(code, 400))

    assert opscenter.write(ITEM) == Outcome(verdict, f"OpsCenter answered {code}")


def test_an_ops_center_that_cannot_be_reached_is_tried_again(clock: Any, monkeypatch: Any) -> None:
    class Unplugged:
        def create_ops_item(self, **_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="https://ssm")

    monkeypatch.setattr(opscenter, "client", lambda _: Unplugged())

    assert opscenter.write(ITEM).verdict is Verdict.RETRY


def error(code: str, status: int) -> dict[str, Any]:
    return {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}


def answers(monkeypatch: Any, module: Any, kept: Any, *, create: dict[str, Any] | None = None) -> None:
    """A client in the place of AWS's: it keeps what it is asked in `kept`, or raises `kept` when that is an error."""

    class Fake:
        def publish(self, **params: Any) -> dict[str, str]:
            kept.append(params)
            return {"MessageId": "m1"}

        def create_ops_item(self, **params: Any) -> dict[str, str]:
            if create is not None:
                raise ClientError(create, "CreateOpsItem")
            kept.append(params)
            return {"OpsItemId": "oi-0123456789ab"}

        def update_ops_item(self, **params: Any) -> dict[str, str]:
            kept.append(params)
            return {}

        def get_parameter(self, **_: Any) -> None:
            raise ClientError(kept, "GetParameter")

    monkeypatch.setattr(module, "client", lambda _: Fake())
