"""SQS: messages between the functions, and malformed records to their dead-letter queue.

AWS call: SendMessage.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from math import ceil

from lambdas.adapters.clients import client

MAX_DELAY_SECONDS = 900  # SendMessage
MAX_ATTRIBUTE = 1000


def send(url: str, body: Mapping[str, str], *, delay: timedelta = timedelta(0)) -> None:
    """Queue `body` as JSON; it appears after `delay`, a quarter of an hour at most."""
    seconds = min(max(ceil(delay.total_seconds()), 0), MAX_DELAY_SECONDS)
    client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(dict(body)), DelaySeconds=seconds)


def bury(url: str, body: str, *, reason: str, source: str) -> None:
    """Keep a record that nothing can be done with; `reason` says what is wrong, `source` which queue brought it."""
    attributes = {
        name: {"DataType": "String", "StringValue": value[:MAX_ATTRIBUTE] or "unknown"}
        for name, value in (("reason", reason), ("source", source))
    }
    client("sqs").send_message(QueueUrl=url, MessageBody=body or "(empty)", MessageAttributes=attributes)
