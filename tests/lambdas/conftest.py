"""The functions' surroundings, in memory: table, queues, topics and bucket under moto, on a clock that stands still."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import boto3
import pytest
import time_machine
from moto import mock_aws

from core.settings import Notifier, Recommender, Responder, Router
from lambdas.adapters import clients, facts
from tests.core.incident_builders import FACTS, GROUP_WAIT, REGION, START

STAGE = "production"
QUEUES = ("Events", "EventsDeadLetters", "Notifications", "NotificationsDeadLetters", "Investigations", "Inbox")


@dataclass
class Cloud:
    """What the functions run in; `travel` moves its clock."""

    clock: Any
    urls: dict[str, str] = field(default_factory=dict)
    topics: dict[str, str] = field(default_factory=dict)

    @property
    def sqs(self) -> Any:
        return boto3.client("sqs", region_name=REGION)

    def wait(self, seconds: float) -> None:
        self.clock.shift(timedelta(seconds=seconds))

    def receive(self, queue: str) -> list[dict[str, Any]]:
        """Take all visible messages off a queue."""
        taken: list[dict[str, Any]] = []
        while True:
            answer = self.sqs.receive_message(
                QueueUrl=self.urls[queue], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            if "Messages" not in answer:
                return taken
            for message in answer["Messages"]:
                self.sqs.delete_message(QueueUrl=self.urls[queue], ReceiptHandle=message["ReceiptHandle"])
                taken.append(message)

    def mails(self) -> list[dict[str, Any]]:
        """What the subscriber of every topic got: SNS's envelopes."""
        return [json.loads(message["Body"]) for message in self.receive("Inbox")]

    def batch(self, queue: str) -> dict[str, Any]:
        """Lambda's event for all visible messages of a queue."""
        return batch(*(message["Body"] for message in self.receive(queue)), source=queue)


def batch(*bodies: str | dict[str, Any], source: str = "Events") -> dict[str, Any]:
    """Lambda's event for these message bodies, with record ids m0, m1, ..."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:{source}",
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for number, body in enumerate(bodies)
        ]
    }


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Cloud]:
    for name, value in (
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    clients.client.cache_clear()
    with mock_aws(), time_machine.travel(START, tick=False) as clock:
        cloud = Cloud(clock)
        _build(cloud, monkeypatch)
        _deploy_facts(tmp_path, monkeypatch)
        yield cloud
    clients.client.cache_clear()


def _build(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in QUEUES:
        cloud.urls[name] = cloud.sqs.create_queue(QueueName=name)["QueueUrl"]
    sns = boto3.client("sns", region_name=REGION)
    for severity in ("critical", "warning", "info"):
        arn = sns.create_topic(Name=severity)["TopicArn"]
        cloud.topics[severity] = arn
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:Inbox")
    boto3.client("s3", region_name=REGION).create_bucket(Bucket="reports-bucket")
    boto3.client("dynamodb", region_name=REGION).create_table(
        TableName="incidents",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk", "due_shard", "due_at")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due",
                "KeySchema": [
                    {"AttributeName": "due_shard", "KeyType": "HASH"},
                    {"AttributeName": "due_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    settings = (
        Router(
            stage=STAGE,
            table="incidents",
            notifications_queue=cloud.urls["Notifications"],
            investigations_queue=cloud.urls["Investigations"],
            dead_letters_queue=cloud.urls["EventsDeadLetters"],
            group_wait_seconds=int(GROUP_WAIT.total_seconds()),
        ),
        Notifier(
            stage=STAGE,
            table="incidents",
            topics=cloud.topics,
            dead_letters_queue=cloud.urls["NotificationsDeadLetters"],
            runbooks="https://runbooks.example.com",
        ),
        Responder(stage=STAGE, table="incidents", dead_letters_queue=cloud.urls["NotificationsDeadLetters"]),
        Recommender(stage=STAGE, bucket="reports-bucket", topic=cloud.topics["info"]),
    )
    # The functions share a process here; the two settings that differ between them are the router's.
    for each in reversed(settings):
        for name, value in each.to_environment().items():
            monkeypatch.setenv(name, value)


def _deploy_facts(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / facts.PACKAGE
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "alarms.json").write_text(_encoded())
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop(facts.PACKAGE, None)
    facts.load.cache_clear()


def _encoded() -> str:
    from dataclasses import asdict

    return json.dumps([asdict(entry) for entry in FACTS.values()])
