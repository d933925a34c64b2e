"""The functions' surroundings, in memory: table, queues, topics and bucket under moto, on a clock that stands still."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from core.incidents import policyfile
from core.incidents.policy import Policy, Route
from core.messages import templates
from core.settings import Notifier, Recommender, Responder, Router, Sweeper
from lambdas import router
from lambdas.adapters import clients, facts
from tests.lambdas.builders import FACTS, GROUP_WAIT, REGION, START

STAGE = "production"
TABLE = "incidents"
POLICY = Policy(Route("root", "topics", group_wait=GROUP_WAIT), stage=STAGE)
INDEXES = (
    ("due", "due_shard", "due_at"),
    ("firing", "firing_shard", "firing_since"),
    ("open", "open_shard", "opened_at"),
)
QUEUES = ("Events", "EventsDeadLetters", "Notifications", "NotificationsDeadLetters", "Investigations", "Inbox")


@dataclass
class Cloud:
    """What the functions run in; `travel` moves its clock."""

    clock: Any
    urls: dict[str, str] = field(default_factory=dict)
    topics: dict[str, str] = field(default_factory=dict)

    @property
    def sqs(self) -> Any:
        return clients.client("sqs")

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


@pytest.fixture(scope="package", autouse=True)
def own_clients() -> Iterator[None]:
    """The functions' clients serve all these tests, since making one takes longer than most tests; and only these."""
    clients.client.cache_clear()
    yield
    clients.client.cache_clear()


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
    with mock_aws(), time_machine.travel(START, tick=False) as clock:
        cloud = Cloud(clock)
        _build(cloud, monkeypatch)
        _deploy_facts(tmp_path, monkeypatch)
        yield cloud


def _build(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in QUEUES:
        cloud.urls[name] = cloud.sqs.create_queue(QueueName=name)["QueueUrl"]
    sns = clients.client("sns")
    for severity in ("critical", "warning", "info"):
        arn = sns.create_topic(Name=severity)["TopicArn"]
        cloud.topics[severity] = arn
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:Inbox")
    clients.client("s3").create_bucket(Bucket="reports-bucket")
    cloud.topics["canary"] = sns.create_topic(Name="canary")["TopicArn"]
    make_table()
    topics = {severity: cloud.topics[severity] for severity in ("critical", "warning", "info")}
    settings = (
        Router(
            stage=STAGE,
            table=TABLE,
            notifications_queue=cloud.urls["Notifications"],
            investigations_queue=cloud.urls["Investigations"],
            dead_letters_queue=cloud.urls["EventsDeadLetters"],
            topics=topics,
            runbooks="https://runbooks.example.com",
            audit_days=90,
        ),
        Notifier(
            stage=STAGE,
            table=TABLE,
            topics=topics,
            canary_topic=cloud.topics["canary"],
            notifications_queue=cloud.urls["Notifications"],
            dead_letters_queue=cloud.urls["NotificationsDeadLetters"],
            runbooks="https://runbooks.example.com",
            actions_url="",
            audit_days=90,
        ),
        Sweeper(
            stage=STAGE,
            table=TABLE,
            prefix="mlwarden-production-",
            events_queue=cloud.urls["Events"],
            notifications_queue=cloud.urls["Notifications"],
        ),
        Responder(stage=STAGE, table=TABLE, dead_letters_queue=cloud.urls["NotificationsDeadLetters"], audit_days=90),
        Recommender(stage=STAGE, bucket="reports-bucket", topic=cloud.topics["info"]),
    )
    # The functions share a process here; the two settings that differ between them are the router's.
    for each in reversed(settings):
        for name, value in each.to_environment().items():
            monkeypatch.setenv(name, value)


def make_table() -> None:
    """The incident table, as the stack has it."""
    attributes = {"pk", "sk", *(name for index in INDEXES for name in index[1:])}
    clients.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in sorted(attributes)],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": name,
                "KeySchema": [
                    {"AttributeName": partition, "KeyType": "HASH"},
                    {"AttributeName": sort, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for name, partition, sort in INDEXES
        ],
    )


def deploy_policy(policy: Policy, tmp_path: Any) -> None:
    """Put another policy into the layer, as a redeploy does."""
    (tmp_path / facts.PACKAGE / "policy.json").write_text(policyfile.encode(policy))
    facts.policy.cache_clear()


def _deploy_facts(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / facts.PACKAGE
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "alarms.json").write_text(_encoded())
    (package / "policy.json").write_text(policyfile.encode(POLICY))
    (package / "templates.json").write_text(templates.encode(templates.NONE))
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop(facts.PACKAGE, None)
    for cached in (facts.load, facts.policy, facts.templates, router._sources):
        cached.cache_clear()
    router._guard.told.clear()


def _encoded() -> str:
    from dataclasses import asdict

    return json.dumps([asdict(entry) for entry in FACTS.values()])
