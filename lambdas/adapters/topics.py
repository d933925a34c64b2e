"""SNS: messages to people.

AWS call: Publish.
"""

from collections.abc import Mapping

from lambdas.adapters.clients import client


def publish(topic: str, *, subject: str, text: str, attributes: Mapping[str, str]) -> str:
    """Publish to the topic's subscribers and return SNS's message id; empty attributes are left out."""
    answer = client("sns").publish(
        TopicArn=topic,
        Subject=subject,
        Message=text,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
        },
    )
    return str(answer["MessageId"])
