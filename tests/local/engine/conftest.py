"""A served world at a fixed instant, clients of it, and functions that are plain Python."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local import server
from local.clock import Clock
from local.errors import ServiceError
from local.functions.model import Code, Function, Invocation, Mapping

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
ACCOUNT = "123456789012"


class PlainFunctions:
    """Stands in for the function registry: a handler is a Python callable, nothing leaves the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._handlers: dict[str, Callable[[Any], Any]] = {}
        self.policies: dict[str, dict[str, Any]] = {}
        self.mappings: list[Mapping] = []
        self.invoked: list[tuple[datetime, str, Any]] = []

    def add(self, name: str, handler: Callable[[Any], Any], principal: str = "") -> str:
        self._handlers[name] = handler
        if principal:
            statement = {
                "Effect": "Allow",
                "Principal": {"Service": principal},
                "Action": "lambda:InvokeFunction",
                "Resource": self.arn(name),
            }
            self.policies[name] = {"Version": "2012-10-17", "Statement": [statement]}
        return self.arn(name)

    def arn(self, name: str) -> str:
        return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"

    def get(self, name_or_arn: str) -> Function:
        name = name_or_arn.split(":")[-1]
        if name not in self._handlers:
            raise ServiceError("ResourceNotFoundException", f"Function not found: {self.arn(name)}", 404)
        return Function(
            name=name,
            handler="handler.handle",
            role_arn=f"arn:aws:iam::{ACCOUNT}:role/{name}",
            code=Code(Path("/package.zip"), "00" * 32),
            runtime="python3.14",
        )

    def all(self) -> tuple[Function, ...]:
        return tuple(self.get(name) for name in self._handlers)

    def policy(self, name_or_arn: str) -> dict[str, Any]:
        return self.policies.get(name_or_arn.split(":")[-1], {})

    def invoke(self, name_or_arn: str, payload: object) -> Invocation:
        name = self.get(name_or_arn).name
        self.invoked.append((self._clock.now(), name, payload))
        try:
            return Invocation(self._handlers[name](payload), logs=(f"ran {name}",))
        except RuntimeError as error:
            return Invocation({"errorMessage": str(error), "errorType": "RuntimeError"}, "Unhandled")

    def invoke_later(self, name_or_arn: str, payload: object) -> None:
        self._clock.schedule(self._clock.now(), lambda: self.invoke(name_or_arn, payload))

    def close(self) -> None:
        """Nothing to end."""


@pytest.fixture
def running() -> Iterator[server.Running]:
    with server.start(clock=Clock(START)) as started:
        yield started


@pytest.fixture
def functions(running: server.Running) -> PlainFunctions:
    plain = PlainFunctions(running.world.clock)
    running.world.functions = plain  # type: ignore[assignment]
    return plain


@pytest.fixture
def client(running: server.Running) -> Callable[..., Any]:
    return lambda service, key="admin": boto3.client(
        service,
        endpoint_url=running.url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def advance(running: server.Running) -> Callable[..., datetime]:
    return lambda **duration: running.world.clock.advance(timedelta(**duration))


def allow(principal: str, action: str, resource: str, **conditions: Any) -> str:
    """A resource policy with one statement, as JSON."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": principal},
        "Action": action,
        "Resource": resource,
    }
    if conditions:
        statement["Condition"] = conditions
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def make_queue(client) -> Callable[..., tuple[str, str]]:
    """Creates a queue that `principal` may send to; gives its URL and ARN."""

    def make(name: str, principal: str = "", **attributes: str) -> tuple[str, str]:
        arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
        if principal:
            attributes["Policy"] = allow(principal, "sqs:SendMessage", arn)
        url = client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, arn

    return make


@pytest.fixture
def bodies(client) -> Callable[[str], list[str]]:
    """Receives and deletes all that a queue gives now; the bodies."""

    def read(url: str) -> list[str]:
        found: list[str] = []
        sqs = client("sqs")
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return read
