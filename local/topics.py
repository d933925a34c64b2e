"""SNS: publishing, and who gets what. Topics, policies and subscriptions themselves are moto's."""

import json
from collections.abc import Iterable
from typing import Any

from moto.sns.models import Subscription, Topic, sns_backends

from local import notification
from local.clock import Order
from local.deliveries import Deliveries
from local.duplicates import NOW
from local.errors import ServiceError
from local.notification import Notification
from local.wire import Call
from local.world import World


class Topics:
    """Publishing to moto's topics. Deliveries run on the clock, one piece of due work a subscription.

    An e-mail or SMS subscription counts as confirmed at once: nobody is there to follow the link. A subscription of an
    HTTP endpoint on loopback is sent SNS's SubscriptionConfirmation and gets nothing until it has confirmed.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._deliveries = Deliveries(world)

    def handle(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Publish, PublishBatch, ConfirmSubscription; raises ServiceError."""
        match operation:
            case "Publish":
                return self._publish(params)
            case "PublishBatch":
                return self._publish_batch(params)
            case "ConfirmSubscription":
                return {"SubscriptionArn": self._deliveries.confirm(params["TopicArn"], params.get("Token", ""))}
            case _:
                raise ServiceError("InvalidAction", f"SNS {operation} is not served here")

    def after(self, call: Call) -> None:
        """Follow up on what moto did: a new HTTP subscription is asked to confirm."""
        if call.operation == "Subscribe":
            self._deliveries.ask_to_confirm(str(call.params.get("TopicArn")), str(call.params.get("Endpoint")))

    def publish(
        self,
        topic_arn: str,
        message: str,
        subject: str | None = None,
        attributes: dict[str, dict[str, Any]] | None = None,
        structure: str | None = None,
        *,
        group_id: str = "",
        deduplication_id: str = "",
    ) -> str:
        """Publish without asking who may; `attributes` are as in the API. Returns the message id."""
        with self._world.lock:
            notification.check(message, subject, structure)
            topic = self._topic(topic_arn)
            if topic.fifo_topic and not group_id:
                raise ServiceError(
                    "InvalidParameter",
                    "Invalid parameter: The MessageGroupId parameter is required for FIFO topics",
                )
            published = Notification(
                id=self._world.next_id("notification"),
                topic_arn=topic_arn,
                time=self._world.clock.now(),
                message=message,
                subject=subject or "",
                attributes=notification.attributes(attributes),
                structured=structure == "json",
                group_id=group_id,
                deduplication_id=deduplication_id,
            )
            for subscription in self._subscriptions(topic):
                if _wants(subscription, published):
                    self._schedule(subscription, published)
            self._world.cloudwatch.put(
                "AWS/SNS",
                [_count(topic.name, "NumberOfMessagesPublished"), _size(topic.name, len(message.encode()))],
            )
            return published.id

    def publish_by_service(
        self,
        *,
        principal: str,
        source_arn: str,
        topic_arn: str,
        message: str,
        subject: str | None = None,
        attributes: dict[str, dict[str, Any]] | None = None,
    ) -> str:
        """Publish as an AWS service does, such as an alarm's action; returns the message id.

        Raises ServiceError when the topic is missing, or when its policy, or that of the key that encrypts it, does
        not let `principal` act for `source_arn`.
        """
        with self._world.lock:
            self._topic(topic_arn)
            self._world.access.check_service(
                principal=principal, action="sns:Publish", resource_arn=topic_arn, source_arn=source_arn
            )
            self._world.faults.check("sns", "Publish", (topic_arn,))
            return self.publish(topic_arn, message, subject, attributes)

    def _publish(self, params: dict[str, Any]) -> dict[str, Any]:
        if number := params.get("PhoneNumber"):
            return {"MessageId": self._deliveries.text_message(str(number), str(params.get("Message", "")))}
        arn = params.get("TopicArn") or params.get("TargetArn")
        if not arn:
            raise ServiceError(
                "InvalidParameter", "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"
            )
        return {
            "MessageId": self.publish(
                str(arn),
                params.get("Message", ""),
                params.get("Subject"),
                params.get("MessageAttributes"),
                params.get("MessageStructure"),
                group_id=params.get("MessageGroupId", ""),
                deduplication_id=params.get("MessageDeduplicationId", ""),
            )
        }

    def _publish_batch(self, params: dict[str, Any]) -> dict[str, Any]:
        topic_arn = str(params.get("TopicArn"))
        self._topic(topic_arn)
        entries = params.get("PublishBatchRequestEntries") or []
        identifiers = [entry.get("Id") for entry in entries]
        if not entries:
            raise ServiceError("EmptyBatchRequest", "The batch request doesn't contain any entries.")
        if len(entries) > notification.MAX_BATCH:
            raise ServiceError(
                "TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible."
            )
        if len(set(identifiers)) != len(identifiers):
            raise ServiceError("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
        sent, failed = [], []
        for entry in entries:
            try:
                answer = self._publish(entry | {"TopicArn": topic_arn})
                sent.append({"Id": entry["Id"], "MessageId": answer["MessageId"]})
            except ServiceError as problem:
                failed.append(
                    {"Id": entry["Id"], "Code": problem.code, "Message": problem.message, "SenderFault": True}
                )
        return {"Successful": sent, "Failed": failed}

    def _topic(self, arn: str) -> Topic:
        region = arn.split(":")[3] if arn.count(":") == 5 else ""
        topic = sns_backends[self._world.account][region].topics.get(arn) if region else None
        if topic is None:
            raise ServiceError("NotFound", "Topic does not exist", 404)
        return topic

    def _subscriptions(self, topic: Topic) -> Iterable[Subscription]:
        return [s for s in topic.sns_backend.subscriptions.values() if s.topic.arn == topic.arn]

    def _schedule(self, subscription: Subscription, published: Notification) -> None:
        clock = self._world.clock
        again = subscription.protocol in {"lambda", "sqs"} and not subscription.topic.fifo_topic
        for delay in self._world.delays.next() if again else (NOW,):
            clock.schedule(
                clock.now() + delay, lambda: self._deliveries.deliver(subscription, published), Order.DELIVERIES
            )


def _wants(subscription: Subscription, published: Notification) -> bool:
    if str(subscription.attributes.get("PendingConfirmation")).lower() == "true":
        return False
    matcher = subscription._filter_policy_matcher
    if matcher is None:
        return True
    message = published.message
    if published.structured:
        message = json.loads(message)["default"]
    return bool(matcher.matches(published.attributes, message))


def _count(topic: str, metric: str) -> dict[str, Any]:
    return {
        "MetricName": metric,
        "Dimensions": [{"Name": "TopicName", "Value": topic}],
        "Value": 1.0,
        "Unit": "Count",
    }


def _size(topic: str, size: int) -> dict[str, Any]:
    return _count(topic, "PublishSize") | {"Value": float(size), "Unit": "Bytes"}
