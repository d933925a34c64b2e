"""SNS: messages to people.

AWS call: Publish.
"""

import json
from collections.abc import Mapping

from lambdas.adapters.clients import client


def publish(topic: str, *, subject: str, text: str, attributes: Mapping[str, str]) -> str:
    """Publish to the topic's subscribers and return SNS's message id; empty attributes are left out.

    Phones get the text's first line: SNS takes 1,600 characters for them, and sends those as a dozen messages.
    """
    answer = client("sns").publish(
        TopicArn=topic,
        Subject=subject,
        Message=json.dumps({"default": text, "sms": text.partition("\n")[0]}, ensure_ascii=False),
        MessageStructure="json",
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
        },
    )
    return str(answer["MessageId"])
