"""The AWS that the command line speaks to: an account, or an embedded AWS."""

import contextlib
import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cli.errors import CommandError
from lambdas.adapters import clients

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_CLOCK = "/_mlwarden/clock"
"""Where an embedded AWS says what time it is there."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a deployed stack."""

    logical: str
    kind: str
    physical: str


def get_metric_data(*, endpoint: str = "", region: str = "") -> Callable[..., dict[str, Any]]:
    """GetMetricData with the credentials of the environment; `endpoint` is a URL in place of the region's own.

    An endpoint on this machine is asked with credentials that open nothing else. Raises CommandError, here and from
    what is returned, with AWS's reason.
    """
    local = _local(endpoint)
    keys = {"aws_access_key_id": "embedded", "aws_secret_access_key": "embedded"} if local else {}
    try:
        session = boto3.Session(region_name=region or ("us-east-1" if local else None), **keys)
        proxies: dict[str, Any] = {"proxies": {}} if local else {}
        retries = {"mode": "standard", "total_max_attempts": 2 if local else 8}
        client = session.client("cloudwatch", endpoint_url=endpoint or None, config=Config(retries=retries, **proxies))
    except (BotoCoreError, ValueError) as error:
        raise CommandError(f"cannot ask CloudWatch: {error}") from error

    def call(**params: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = client.get_metric_data(**params)
        except (BotoCoreError, ClientError) as error:
            raise CommandError(f"GetMetricData failed: {error}") from error
        return answer

    return call


@contextlib.contextmanager
def account(*, endpoint: str = "", region: str = "") -> Iterator[None]:
    """Within, the functions' adapters speak to this AWS, with the environment's credentials.

    `endpoint` (or AWS_ENDPOINT_URL) on this machine is asked with credentials that open nothing else. What AWS refuses
    becomes a CommandError with its reason.
    """
    endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL", "")
    changed = {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
    if region:
        changed |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    if _local(endpoint):
        given = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        changed |= {"AWS_ACCESS_KEY_ID": "embedded", "AWS_SECRET_ACCESS_KEY": "embedded", "AWS_DEFAULT_REGION": given}
        changed |= {"AWS_REGION": given, "NO_PROXY": ",".join(sorted(_LOOPBACK))}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    clients.client.cache_clear()
    try:
        yield
    except ClientError as error:
        raise CommandError(f"AWS refused: {error}") from error
    except (BotoCoreError, ValueError) as error:
        raise CommandError(f"cannot ask AWS: {error}") from error
    finally:
        clients.client.cache_clear()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def now(endpoint: str = "") -> datetime:
    """What time it is at `endpoint` (or AWS_ENDPOINT_URL): an embedded AWS may keep a time of its own."""
    endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL", "")
    if _local(endpoint):
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        # What serves no clock is a machine's own service, or nothing, which the calls that follow will tell.
        with (
            contextlib.suppress(OSError, ValueError, KeyError, TypeError),
            direct.open(endpoint.rstrip("/") + _CLOCK, timeout=5) as answer,
        ):
            return datetime.fromisoformat(json.load(answer)["now"]).astimezone(UTC)
    return datetime.now(UTC)


def resources(stack: str) -> tuple[Resource, ...]:
    """What a stack consists of; within `account`. Raises CommandError when there is no such stack."""
    try:
        pages = clients.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        found = [entry for page in pages for entry in page["StackResourceSummaries"]]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ValidationError":
            raise CommandError(f"there is no stack {stack}: is it deployed, and in this region?") from error
        raise
    return tuple(
        Resource(entry["LogicalResourceId"], entry["ResourceType"], entry.get("PhysicalResourceId", ""))
        for entry in found
    )


def waiting(queue: str) -> tuple[str, int]:
    """A queue's ARN and about how many messages are in it; within `account`."""
    answer = clients.client("sqs").get_queue_attributes(
        QueueUrl=queue, AttributeNames=["QueueArn", "ApproximateNumberOfMessages"]
    )["Attributes"]
    return str(answer["QueueArn"]), int(answer["ApproximateNumberOfMessages"])


def redrive(arn: str) -> None:
    """Move what is in a dead-letter queue back to the queue that it came from; within `account`."""
    clients.client("sqs").start_message_move_task(SourceArn=arn)


def _local(endpoint: str) -> bool:
    return bool(endpoint) and urlsplit(endpoint).hostname in _LOOPBACK
