"""Hands SNS notifications to subscribers: recorded, posted to loopback, sent to queues and functions."""

import http.client
import ipaddress
import json
import logging
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from moto.sns.models import Subscription, sns_backends

from local import retries
from local.clock import Order
from local.errors import ServiceError
from local.faults import is_transient
from local.messages import Message
from local.notification import MAX_SMS_BYTES, NOT_SIGNED, Notification, milliseconds
from local.world import World

log = logging.getLogger(__name__)

RETRIES = 3  # an HTTP endpoint's, https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
RETRY_AFTER = timedelta(seconds=20)  # the same page: minDelayTarget and maxDelayTarget
POST_TIMEOUT_SECONDS = 5.0

RECORDED = {"email", "email-json", "sms", "application", "firehose"}


class Undelivered(Exception):
    """A subscriber did not take a notification. `again` says whether trying once more may help."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class Deliveries:
    """One notification to one subscription at a time, on the clock's thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens: dict[str, str] = {}

    def deliver(self, subscription: Subscription, published: Notification, attempt: int = 0) -> None:
        """Deliver, retry what fails for the moment, and in the end count the failure and use the DLQ."""
        try:
            self._hand_over(subscription, published)
        except Undelivered as reason:
            wait = RETRY_AFTER if reason.again and attempt < RETRIES else None
            failure = str(reason)
        except ServiceError as problem:
            wait = retries.notification_wait(attempt) if is_transient(problem) else None
            failure = str(problem)
        else:
            self._count(published, "NumberOfNotificationsDelivered")
            return
        if wait is None:
            self._give_up(subscription, published, failure)
            return
        at = self._world.clock.now() + wait
        self._world.clock.schedule(at, lambda: self.deliver(subscription, published, attempt + 1), Order.DELIVERIES)

    def text_message(self, number: str, message: str) -> str:
        """An SMS without a topic; returns the message id."""
        if len(message.encode()) > MAX_SMS_BYTES:
            raise ServiceError("InvalidParameter", "Invalid parameter: Message too long")
        world = self._world
        identifier = world.next_id("notification")
        record = lambda: self._record("", "sms", number, "", message)  # noqa: E731  # due work
        world.clock.schedule(world.clock.now(), record, Order.DELIVERIES)
        return identifier

    def ask_to_confirm(self, topic_arn: str, endpoint: str) -> None:
        """Send SubscriptionConfirmation to a new HTTP subscriber on loopback; others count as confirmed."""
        for subscription in self._backend().subscriptions.values():
            if subscription.topic.arn != topic_arn or subscription.endpoint != endpoint:
                continue
            known = subscription.arn in self._tokens.values()
            if subscription.protocol in {"http", "https"} and is_loopback(endpoint) and not known:
                token = self._world.next_id("confirmation")
                self._tokens[token] = subscription.arn
                subscription.attributes["PendingConfirmation"] = "true"
                self._schedule_confirmation(subscription, token)

    def confirm(self, topic_arn: str, token: str) -> str:
        """ConfirmSubscription; returns the subscription's ARN."""
        subscription = self._backend().subscriptions.get(self._tokens.get(token, ""))
        if subscription is None or subscription.topic.arn != topic_arn:
            raise ServiceError("InvalidParameter", "Invalid parameter: Token")
        subscription.attributes["PendingConfirmation"] = "false"
        return str(subscription.arn)

    def _hand_over(self, subscription: Subscription, published: Notification) -> None:
        protocol, endpoint, arn = subscription.protocol, subscription.endpoint, subscription.arn
        match protocol:
            case "sqs":
                self._to_queue(subscription, published)
            case "lambda":
                self._to_function(endpoint, published.topic_arn, published.lambda_event(arn, self._world.url))
            case "http" | "https" if is_loopback(endpoint):
                self._post(subscription, published)
                self._record_notification(subscription, published)
            case _:
                self._record_notification(subscription, published)

    def _record_notification(self, subscription: Subscription, published: Notification) -> None:
        protocol = subscription.protocol
        if protocol in {"email-json", "http", "https"} and not _is_raw(subscription):
            body = json.dumps(published.envelope(protocol, subscription.arn, self._world.url))
        else:
            body = published.text(protocol)
        subject = published.subject
        if not subject and protocol.startswith("email"):
            subject = "AWS Notification Message"
        self._record(published.topic_arn, protocol, subscription.endpoint, subject, body)

    def _record(self, topic_arn: str, protocol: str, endpoint: str, subject: str, body: str) -> None:
        world = self._world
        world.messages.add(Message(world.clock.now(), topic_arn, protocol, endpoint, subject, body))
        facts = {"protocol": protocol, "endpoint": endpoint, "subject": subject, "body": body, "topic_arn": topic_arn}
        world.journal.record("message", **facts)

    def _to_queue(self, subscription: Subscription, published: Notification) -> None:
        raw = _is_raw(subscription)
        envelope = published.envelope("sqs", subscription.arn, self._world.url)
        self._world.queues.send_by_service(
            principal="sns.amazonaws.com",
            source_arn=published.topic_arn,
            queue_arn=subscription.endpoint,
            body=published.text("sqs") if raw else json.dumps(envelope),
            attributes=_queue_attributes(published) if raw else None,
            group_id=published.group_id,
            deduplication_id=published.deduplication_id,
        )

    def _to_function(self, function_arn: str, topic_arn: str, event: dict[str, Any]) -> None:
        with self._world.lock:
            self._world.access.check_service(
                principal="sns.amazonaws.com",
                action="lambda:InvokeFunction",
                resource_arn=function_arn,
                source_arn=topic_arn,
            )
            self._world.faults.check("lambda", "Invoke", (function_arn,))
            self._world.functions.invoke_later(function_arn, event)

    def _post(self, subscription: Subscription, published: Notification) -> None:
        raw = _is_raw(subscription)
        envelope = published.envelope(subscription.protocol, subscription.arn, self._world.url)
        body = published.text(subscription.protocol) if raw else json.dumps(envelope)
        headers = _headers("Notification", published.id, published.topic_arn) | {
            "x-amz-sns-subscription-arn": subscription.arn
        }
        if raw:
            headers["x-amz-sns-rawdelivery"] = "true"
        post(subscription.endpoint, body, headers)

    def _schedule_confirmation(self, subscription: Subscription, token: str) -> None:
        world, topic_arn = self._world, subscription.topic.arn
        identifier = world.next_id("notification")
        url = f"{world.url}/?Action=ConfirmSubscription&TopicArn={topic_arn}&Token={token}"
        body = {
            "Type": "SubscriptionConfirmation",
            "MessageId": identifier,
            "Token": token,
            "TopicArn": topic_arn,
            "Message": f"You have chosen to subscribe to the topic {topic_arn}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message.",
            "SubscribeURL": url,
            "Timestamp": milliseconds(world.clock.now()),
            "SignatureVersion": "1",
            "Signature": NOT_SIGNED,
            "SigningCertURL": NOT_SIGNED,
        }

        def ask() -> None:
            try:
                headers = _headers("SubscriptionConfirmation", identifier, topic_arn)
                post(subscription.endpoint, json.dumps(body), headers)
            except Undelivered as reason:
                log.warning("subscriber did not take its confirmation", extra={"reason": str(reason)})

        world.clock.schedule(world.clock.now(), ask, Order.DELIVERIES)

    def _give_up(self, subscription: Subscription, published: Notification, reason: str) -> None:
        self._count(published, "NumberOfNotificationsFailed")
        self._world.journal.record(
            "refused", what=f"{published.topic_arn} to {subscription.protocol} {subscription.endpoint}", reason=reason
        )
        policy = subscription.attributes.get("RedrivePolicy")
        if policy:
            queue_arn = json.loads(policy)["deadLetterTargetArn"]
            body = json.dumps(published.envelope(subscription.protocol, subscription.arn, self._world.url))
            self._world.queues.try_send_by_service(
                principal="sns.amazonaws.com", source_arn=published.topic_arn, queue_arn=queue_arn, body=body
            )

    def _count(self, published: Notification, metric: str) -> None:
        topic = published.topic_arn.split(":")[-1]
        dimensions = [{"Name": "TopicName", "Value": topic}]
        datum = {"MetricName": metric, "Dimensions": dimensions, "Value": 1.0, "Unit": "Count"}
        with self._world.lock:
            self._world.cloudwatch.put("AWS/SNS", [datum])

    def _backend(self) -> Any:
        return sns_backends[self._world.account][self._world.region]


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine; nothing is ever sent elsewhere."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def post(url: str, body: str, headers: dict[str, str]) -> None:
    """POST to a loopback URL; raises Undelivered on anything but 2xx."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=POST_TIMEOUT_SECONDS)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", path, body.encode(), headers)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Undelivered(f"{url}: {type(error).__name__}: {error}", again=True) from error
    finally:
        connection.close()
    if not 200 <= response.status < 300:
        permanent = 400 <= response.status < 500 and response.status != 429
        raise Undelivered(f"{url} answered {response.status}", again=not permanent)


def _headers(kind: str, identifier: str, topic_arn: str) -> dict[str, str]:
    return {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": kind,
        "x-amz-sns-message-id": identifier,
        "x-amz-sns-topic-arn": topic_arn,
    }


def _is_raw(subscription: Subscription) -> bool:
    return str(subscription.attributes.get("RawMessageDelivery")).lower() == "true"


def _queue_attributes(published: Notification) -> dict[str, dict[str, str]]:
    return {
        name: {
            "DataType": value["Type"],
            "BinaryValue" if value["Type"].startswith("Binary") else "StringValue": value["Value"],
        }
        for name, value in published.attributes.items()
    }
