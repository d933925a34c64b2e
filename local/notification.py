"""One SNS notification as values: what was published, and the forms in which each protocol receives it."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.errors import ServiceError

MAX_BYTES = 262_144  # Publish
MAX_SUBJECT = 100  # Publish
MAX_SMS_BYTES = 1_600  # Publish
MAX_BATCH = 10  # PublishBatch

NOT_SIGNED = "EXAMPLE"
"""Stands where SNS has a signature and its certificate: the embedded AWS signs nothing."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One message of one topic. `attributes` are name → {"Type", "Value"}, as subscribers see them."""

    id: str
    topic_arn: str
    time: datetime
    message: str
    subject: str
    attributes: dict[str, dict[str, str]]
    structured: bool
    """The message is a JSON object with one text a protocol, and `default`."""
    group_id: str = ""
    deduplication_id: str = ""

    def text(self, protocol: str) -> str:
        """What a subscriber of this protocol reads."""
        if not self.structured:
            return self.message
        texts = json.loads(self.message)
        return str(texts.get(protocol, texts["default"]))

    def envelope(self, protocol: str, subscription_arn: str, url: str) -> dict[str, Any]:
        """The JSON that SNS puts around a message for HTTP, SQS and email-json; `url` is where to unsubscribe."""
        envelope: dict[str, Any] = {
            "Type": "Notification",
            "MessageId": self.id,
            "TopicArn": self.topic_arn,
            "Subject": self.subject,
            "Message": self.text(protocol),
            "Timestamp": milliseconds(self.time),
            "SignatureVersion": "1",
            "Signature": NOT_SIGNED,
            "SigningCertURL": NOT_SIGNED,
            "UnsubscribeURL": f"{url}/?Action=Unsubscribe&SubscriptionArn={subscription_arn}",
        }
        if not self.subject:
            del envelope["Subject"]
        if self.attributes:
            envelope["MessageAttributes"] = self.attributes
        return envelope

    def lambda_event(self, subscription_arn: str, url: str) -> dict[str, Any]:
        """The event that a subscribed function gets; note the spelling `...Url`."""
        envelope = self.envelope("lambda", subscription_arn, url)
        envelope["SigningCertUrl"] = envelope.pop("SigningCertURL")
        envelope["UnsubscribeUrl"] = envelope.pop("UnsubscribeURL")
        envelope.setdefault("Subject", None)
        envelope.setdefault("MessageAttributes", {})
        return {
            "Records": [
                {
                    "EventSource": "aws:sns",
                    "EventVersion": "1.0",
                    "EventSubscriptionArn": subscription_arn,
                    "Sns": envelope,
                }
            ]
        }


def milliseconds(instant: datetime) -> str:
    """`2019-10-02T17:04:41.000Z`, SNS's own form."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check(message: object, subject: object, structure: object) -> None:
    """Refuse what Publish refuses, with its words; raises ServiceError InvalidParameter.

    Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    if not isinstance(message, str) or not message:
        raise _invalid("Empty message")
    if len(message.encode()) > MAX_BYTES:
        raise _invalid("Message too long")
    if subject is not None and not _is_subject(subject):
        raise _invalid("Subject")
    if structure not in (None, "", "json"):
        raise _invalid("MessageStructure")
    if structure == "json":
        try:
            texts = json.loads(message)
        except ValueError:
            raise _invalid("Message Structure - JSON message body failed to parse") from None
        if not isinstance(texts, dict) or not isinstance(texts.get("default"), str):
            raise _invalid("Message Structure - No default entry in JSON message body")


def attributes(given: dict[str, dict[str, Any]] | None) -> dict[str, dict[str, str]]:
    """Publish's MessageAttributes as subscribers see them; raises ServiceError InvalidParameterValue."""
    found: dict[str, dict[str, str]] = {}
    for name, value in (given or {}).items():
        kind = str(value.get("DataType", ""))
        if kind.split(".")[0] not in {"String", "Number", "Binary"}:
            raise ServiceError(
                "InvalidParameterValue",
                f"The message attribute '{name}' has an invalid message attribute type, the set of supported type "
                "prefixes is Binary, Number, and String.",
            )
        binary = value.get("BinaryValue")
        text = base64.b64encode(binary).decode() if isinstance(binary, bytes) else value.get("StringValue")
        if not text:
            raise ServiceError(
                "InvalidParameterValue",
                f"The message attribute '{name}' must contain non-empty message attribute value for message attribute "
                f"type '{kind}'.",
            )
        found[name] = {"Type": kind, "Value": str(text)}
    return found


def _is_subject(subject: object) -> bool:
    return (
        isinstance(subject, str)
        and 0 < len(subject) <= MAX_SUBJECT
        and subject.isascii()
        and subject.isprintable()
        and not subject.startswith(" ")
    )


def _invalid(what: str) -> ServiceError:
    return ServiceError("InvalidParameter", f"Invalid parameter: {what}")
