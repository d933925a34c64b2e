"""SQS beyond moto: services sending under a queue's policy, metrics, and the poller that feeds functions."""

import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.utils import unix_time
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

from local.clock import Order
from local.errors import ServiceError
from local.feeder import Feeder
from local.moto_time import from_milliseconds
from local.world import World

_add_message: Callable[[Queue, Message], None] = Queue.add_message
_receive_message: Callable[..., list[Message]] = SQSBackend.receive_message
_is_valid: Callable[..., bool] = SQSBackend.is_message_valid_based_on_retention_period

_VISIBILITY = {
    "ReceiveMessage",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "SetQueueAttributes",
    "StartMessageMoveTask",
}


class Queues:
    """The world's queues. Messages, attributes and policies themselves are moto's.

    Nothing polls in vain: an arriving message wakes the feeder of its queue at the instant it can be received.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._feeder = Feeder(world)
        self._stop_metrics: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Hear of every message that arrives in moto's queues, and publish queue metrics each whole minute."""
        world = self._world

        def add_message(queue: Queue, message: Message) -> None:
            for each in _deliveries(world, queue, message):
                _add_message(queue, each)
            world.at(queue.region).queues.arrived(queue)

        Queue.add_message = add_message  # type: ignore[method-assign, assignment]
        SQSBackend.receive_message = _receive_at_once  # type: ignore[method-assign, assignment]
        SQSBackend.is_message_valid_based_on_retention_period = _is_kept  # type: ignore[method-assign, assignment]
        first = _next_minute(self._world.clock.now())
        self._stop_metrics = self._world.clock.every(
            timedelta(minutes=1), self._publish_metrics, first=first, order=Order.DATUMS
        )

    def stop(self) -> None:
        """Leave moto's queues as they were."""
        Queue.add_message = _add_message  # type: ignore[method-assign, assignment]
        SQSBackend.receive_message = _receive_message  # type: ignore[method-assign]
        SQSBackend.is_message_valid_based_on_retention_period = _is_valid  # type: ignore[method-assign]
        self._stop_metrics()

    def arrived(self, queue: Queue) -> None:
        """A message was put into a queue of this region."""
        self._feeder.arrived(queue)

    def after(self, operation: str) -> None:
        """Follow up on what moto did: a receive or a changed visibility moves when messages can be received."""
        if operation in _VISIBILITY:
            self.review()

    def review(self) -> None:
        """Look at every queue that feeds a function, such as when a mapping is enabled; done each minute anyway."""
        self._feeder.review()

    def send_by_service(
        self,
        *,
        principal: str,
        source_arn: str,
        queue_arn: str,
        body: str,
        attributes: dict[str, Any] | None = None,
        group_id: str = "",
        deduplication_id: str = "",
    ) -> str:
        """Send as an AWS service does; returns the message id.

        `attributes` are name → {"DataType", "StringValue"}. Raises ServiceError when the queue is missing, or when its
        policy does not let `principal` send for `source_arn`.
        """
        with self._world.lock:
            backend = sqs_backends[self._world.account][queue_arn.split(":")[3]]
            name = queue_arn.split(":")[-1]
            if name not in backend.queues:
                raise ServiceError(
                    "AWS.SimpleQueueService.NonExistentQueue", f"The specified queue does not exist: {queue_arn}"
                )
            self._world.access.check_service(
                principal=principal, action="sqs:SendMessage", resource_arn=queue_arn, source_arn=source_arn
            )
            self._world.faults.check("sqs", "SendMessage", (queue_arn,))
            try:
                message = backend.send_message(
                    name,
                    body,
                    message_attributes=attributes,
                    group_id=group_id or None,
                    deduplication_id=deduplication_id or None,
                )
            except ServiceException as error:
                raise ServiceError(error.code, error.message) from error
            return str(message.id)

    def try_send_by_service(
        self, *, principal: str, source_arn: str, queue_arn: str, body: str, attributes: dict[str, Any] | None = None
    ) -> bool:
        """Send to a dead-letter queue; False, and an entry in the journal, when it does not take the message."""
        try:
            self.send_by_service(
                principal=principal, source_arn=source_arn, queue_arn=queue_arn, body=body, attributes=attributes
            )
        except ServiceError as problem:
            self._world.journal.record(
                "refused", what=f"{source_arn} to dead-letter queue {queue_arn}", reason=str(problem)
            )
            return False
        return True

    def _publish_metrics(self) -> None:
        now = self._world.clock.now()
        for region in list(sqs_backends[self._world.account]):
            world = self._world.at(region)
            world.queues.review()
            world.queues.publish_metrics(now)

    def publish_metrics(self, now: datetime) -> None:
        """Drop what has expired and publish the metrics of every queue of this region."""
        world = self._world
        with world.lock:
            queues = list(sqs_backends[world.account][world.region].queues.values())
            for queue in queues:
                _drop_expired(queue, now)
            datums = [datum for queue in queues for datum in _datums(queue, now)]
            if datums:
                world.cloudwatch.put("AWS/SQS", datums)


def _deliveries(world: World, queue: Queue, message: Message) -> list[Message]:
    """The message, and its copies where the world delivers twice; a FIFO queue delivers once and in order."""
    if message.approximate_receive_count or queue.fifo_queue:
        return [message]
    found: list[Message] = []
    due = message.delayed_until
    for delay in world.delays.next():
        each = copy.copy(message) if found else message
        each._old_receipt_handles = list(message._old_receipt_handles)
        each.delayed_until = due + delay / timedelta(milliseconds=1)
        found.append(each)
    return found


def _receive_at_once(
    backend: SQSBackend,
    queue_name: str,
    count: int,
    wait_seconds_timeout: int,  # noqa: ARG001  # moto's signature
    visibility_timeout: int,
    message_attribute_names: list[str] | None = None,
) -> list[Message]:
    """moto's receive without the long poll, which would wait for a clock that stands still."""
    return _receive_message(backend, queue_name, count, 0, visibility_timeout, message_attribute_names)


def _is_kept(backend: SQSBackend, queue_name: str, message: Message) -> bool:
    """What moto finds out by counting all messages of the queue, for each message that it gives."""
    kept_for: int = backend.get_queue(queue_name).message_retention_period  # type: ignore[attr-defined]
    return bool(kept_for + float(message.sent_timestamp) / 1000 > unix_time())  # type: ignore[arg-type]


def _drop_expired(queue: Queue, now: datetime) -> None:
    """Forget messages past the queue's retention period, which moto keeps."""
    sent_after = now - timedelta(seconds=queue.message_retention_period)  # type: ignore[attr-defined]
    if any(_sent(message) <= sent_after for message in queue._messages):
        queue._messages = [message for message in queue._messages if _sent(message) > sent_after]


def _sent(message: Any) -> datetime:
    return from_milliseconds(message.sent_timestamp)


def _datums(queue: Queue, now: datetime) -> list[dict[str, Any]]:
    """The queue's one-minute metrics, stamped with the minute that has just ended.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    delayed = sum(1 for message in queue._messages if message.delayed)
    visible = sum(1 for message in queue._messages if message.visible and not message.delayed)
    oldest = min(map(_sent, queue._messages), default=now)
    values = {
        "ApproximateNumberOfMessagesVisible": (visible, "Count"),
        "ApproximateNumberOfMessagesNotVisible": (len(queue._messages) - visible - delayed, "Count"),
        "ApproximateNumberOfMessagesDelayed": (delayed, "Count"),
        "ApproximateAgeOfOldestMessage": ((now - oldest).total_seconds(), "Seconds"),
    }
    return [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "QueueName", "Value": queue.name}],
            "Timestamp": (now - timedelta(minutes=1)).timestamp(),
            "Value": float(value),
            "Unit": unit,
        }
        for name, (value, unit) in values.items()
    ]


def _next_minute(now: datetime) -> datetime:
    whole = now.replace(second=0, microsecond=0)
    return whole if whole == now else whole + timedelta(minutes=1)


def attribute(text: str) -> dict[str, str]:
    """A string message attribute."""
    return {"DataType": "String", "StringValue": text}
