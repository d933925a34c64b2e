"""mlwarden deployed from its real templates into a world on virtual time, and what a test asks of it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from core.catalogue.alarm import name_prefix
from core.config import Config
from local import server
from local.clients import Clients
from local.clock import Clock
from local.deployer import Deployment, deploy
from local.journal import Entry
from local.messages import Message
from local.world import PLAIN, Conditions, World

START = datetime(2026, 11, 1, 9, tzinfo=UTC)
ONCALL = "oncall@example.com"
"""Who reads `critical` and `warning` in config/default.toml."""


@dataclass(frozen=True)
class Deployed:
    """A world with every stack of config/default.toml in it; `aws` are an administrator's clients."""

    world: World
    config: Config
    deployment: Deployment
    aws: Clients

    def advance(self, **duration: float) -> datetime:
        """Let virtual time pass; the new present."""
        return self.world.clock.advance(timedelta(**duration))

    def physical(self, name: str) -> str:
        """The physical id of the resource called `name` in the stacks' code, such as `EventsDeadLetters`."""
        found = [
            physical
            for stack in self.deployment.stacks.values()
            for logical, physical in stack.resources.items()
            if plain(logical) == name
        ]
        assert len(found) == 1, f"{name}: {len(found)} resources are called so"
        return found[0]

    def alarm(self, subject: str, condition: str) -> str:
        """An alarm's name."""
        return f"{name_prefix(self.config.deployment.stage)}{subject}-{condition}"

    def set_alarm(self, subject: str, condition: str, state: str = "ALARM") -> None:
        """Put an alarm into a state by hand. A metric alarm's next evaluation takes it back; a composite stays."""
        self.aws.get("cloudwatch").set_alarm_state(
            AlarmName=self.alarm(subject, condition), StateValue=state, StateReason="set by a test"
        )

    def depth(self, queue: str) -> int:
        """How many messages a queue holds, in flight and delayed ones included."""
        names = ["", "NotVisible", "Delayed"]
        counts = self.aws.get("sqs").get_queue_attributes(QueueUrl=self.physical(queue), AttributeNames=["All"])
        return sum(int(counts["Attributes"][f"ApproximateNumberOfMessages{name}"]) for name in names)

    def receive(self, queue_url: str) -> list[dict[str, Any]]:
        """Every message that a queue gives now, with its attributes."""
        found: list[dict[str, Any]] = []
        while messages := (
            self.aws.get("sqs")
            .receive_message(
                QueueUrl=queue_url,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            .get("Messages")
        ):
            found += messages
        return found

    def arn_of_queue(self, queue_url: str) -> str:
        """A queue's ARN."""
        answer = self.aws.get("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    def messages(self) -> list[Message]:
        """What subscribers received so far."""
        return self.world.messages.all()

    def entries(self, kind: str) -> list[Entry]:
        """The journal's entries of a kind."""
        return [entry for entry in self.world.journal.since(0) if entry.kind == kind]

    def runs(self, function: str) -> list[Entry]:
        """The runs of a function, by its logical name: `Router`."""
        name = self.physical(f"{function}Function")
        return [entry for entry in self.entries("function") if entry.facts["name"] == name]

    def metric(self, namespace: str, name: str, **dimensions: str) -> float:
        """The sum of a metric's values over the last twelve hours."""
        now = self.world.clock.now()
        answer = self.aws.get("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - timedelta(hours=12),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=["Sum"],
        )
        return float(sum(point["Sum"] for point in answer["Datapoints"]))


@contextmanager
def deployed_at(start: datetime, assembly: Path, config: Config, conditions: Conditions = PLAIN) -> Iterator[Deployed]:
    """Serve a fresh world whose clock stands at `start`, and deploy the assembly into it."""
    with server.start(clock=Clock(start), conditions=conditions) as running:
        aws = Clients(url=running.url, region=running.world.region)
        try:
            yield Deployed(running.world, config, deploy(running.world, assembly), aws)
        finally:
            aws.close()


def plain(logical_id: str) -> str:
    """A logical id without the hash that the CDK puts behind it: the name in the stacks' code."""
    return re.sub(r"[0-9A-F]{8}$", "", logical_id)


def direct(messages: list[Message]) -> list[str]:
    """The alarms that published these messages themselves: CloudWatch's own JSON, which no function wrote."""
    return [json.loads(message.body)["AlarmName"] for message in messages if message.body.startswith("{")]


def subjects(messages: list[Message]) -> list[str]:
    """What a mailbox shows of the messages that the notifier wrote."""
    return [message.subject for message in messages if not message.body.startswith("{")]
