"""SQS: messages between the functions, and malformed records to their dead-letter queue.

AWS calls: SendMessage, SendMessageBatch.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import ceil
from typing import Any

from lambdas.adapters.clients import client

MAX_DELAY = timedelta(seconds=900)  # SendMessage, DelaySeconds
MAX_ENTRIES = 10  # SendMessageBatch
MAX_BATCH_BYTES = 900_000
"""Of the 1 MiB that SendMessageBatch takes in all; the rest is for what the wire adds."""
MAX_ATTRIBUTE = 1000


class NotQueued(Exception):
    """SQS took the call but not every message of it; the message says how many and why."""


def send(url: str, body: Mapping[str, str], *, delay: timedelta = timedelta(0)) -> None:
    """Queue `body` as JSON; it appears after `delay`, a quarter of an hour at most."""
    client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(dict(body)), DelaySeconds=_seconds(delay))


def send_all(url: str, bodies: Sequence[tuple[Mapping[str, Any], timedelta]]) -> None:
    """Queue bodies with their delays, ten a call; raises NotQueued when SQS refused some of them."""
    refused: list[str] = []
    for entries in _batches(bodies):
        answer = client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
        refused += [str(entry.get("Code")) for entry in answer.get("Failed") or ()]
    if refused:
        raise NotQueued(f"{len(refused)} of {len(bodies)} messages: {', '.join(sorted(set(refused)))}")


def _batches(bodies: Sequence[tuple[Mapping[str, Any], timedelta]]) -> list[list[dict[str, Any]]]:
    found: list[list[dict[str, Any]]] = []
    size = 0
    for number, (body, delay) in enumerate(bodies):
        text = json.dumps(dict(body))
        if not found or len(found[-1]) == MAX_ENTRIES or size + len(text) > MAX_BATCH_BYTES:
            found.append([])
            size = 0
        size += len(text)
        found[-1].append({"Id": str(number), "MessageBody": text, "DelaySeconds": _seconds(delay)})
    return found


def _seconds(delay: timedelta) -> int:
    return max(ceil(min(delay, MAX_DELAY).total_seconds()), 0)


def bury(url: str, body: str, *, reason: str, source: str) -> None:
    """Keep a record that nothing can be done with; `reason` says what is wrong, `source` which queue brought it."""
    attributes = {
        name: {"DataType": "String", "StringValue": value[:MAX_ATTRIBUTE] or "unknown"}
        for name, value in (("reason", reason), ("source", source))
    }
    client("sqs").send_message(QueueUrl=url, MessageBody=body or "(empty)", MessageAttributes=attributes)
