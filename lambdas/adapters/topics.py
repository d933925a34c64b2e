"""SNS: messages to people, to queues, and to the chat application that reads Amazon Q's custom notifications.

AWS call: Publish.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from lambdas.adapters.clients import client

FIFO = ".fifo"
"""A FIFO topic's name ends so; only SQS queues can subscribe to it."""


def publish(
    topic: str, *, subject: str, text: str, attributes: Mapping[str, str], sms: str = "", group: str = ""
) -> str:
    """Publish to the topic's subscribers and return SNS's message id; empty attributes are left out.

    Phones get `sms`, else the text's first line: SNS takes 1,600 characters for them, and sends those as a dozen
    messages. On a FIFO topic the messages of a `group` stay in order, and the attribute `notification_id` makes a
    repetition within five minutes vanish.
    """
    message: dict[str, Any] = {
        "Subject": subject,
        "Message": json.dumps({"default": text, "sms": sms or text.partition("\n")[0]}, ensure_ascii=False),
        "MessageStructure": "json",
    }
    return _publish(topic, message, attributes, group)


def announce(topic: str, document: Mapping[str, Any], *, attributes: Mapping[str, str]) -> str:
    """Publish one JSON document as it stands, for Amazon Q Developer in chat applications; SNS's message id.

    That service drops what is not its custom notification, so the message is neither text nor split by protocol.
    https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
    """
    return _publish(topic, {"Message": json.dumps(document, ensure_ascii=False)}, attributes, "")


def _publish(topic: str, message: dict[str, Any], attributes: Mapping[str, str], group: str) -> str:
    if topic.endswith(FIFO):
        message["MessageGroupId"] = hashlib.sha256(group.encode()).hexdigest()
        message["MessageDeduplicationId"] = (
            attributes.get("notification_id") or hashlib.sha256(message["Message"].encode()).hexdigest()
        )
    answer = client("sns").publish(
        TopicArn=topic,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
        },
        **message,
    )
    return str(answer["MessageId"])
