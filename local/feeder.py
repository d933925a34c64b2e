"""Feeds functions from queues: Lambda's SQS pollers, awake only when there is something to receive.

Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Message, Queue, sqs_backends

from local import patterns
from local.clock import Order
from local.errors import ServiceError
from local.moto_time import from_milliseconds
from local.world import World

if TYPE_CHECKING:
    from local.functions.model import Invocation, Mapping

MAX_RECEIVE = 10  # ReceiveMessage

POLLER_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions"""


class Feeder:
    """Receives for every enabled event source mapping, invokes, deletes what was processed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._waking: dict[str, datetime] = {}

    def arrived(self, queue: Queue) -> None:
        """A message was put into a queue."""
        with self._world.lock:
            for mapping in self._mappings():
                if mapping.source_arn == queue.queue_arn:
                    self._arm(mapping, queue)

    def review(self) -> None:
        """Look at the queues of all mappings."""
        with self._world.lock:
            for mapping in self._mappings():
                if (queue := self._queue(mapping)) is not None:
                    self._arm(mapping, queue)

    def _mappings(self) -> Sequence["Mapping"]:
        return [mapping for mapping in self._world.functions.mappings if mapping.enabled]

    def _queue(self, mapping: "Mapping") -> Queue | None:
        region, _, name = mapping.source_arn.split(":")[3:6]
        return sqs_backends[self._world.account][region].queues.get(name)

    def _arm(self, mapping: "Mapping", queue: Queue) -> None:
        """Wake at the instant a batch is due, unless something wakes by then already."""
        now, waking = self._world.clock.now(), self._waking.get(mapping.uuid)
        if waking is not None and waking <= now:
            return
        due = _batch_due(mapping, queue, now)
        if due is None:
            return
        if waking is None or due < waking:
            self._waking[mapping.uuid] = due
            self._world.clock.schedule(due, lambda: self._wake(mapping.uuid, due), Order.DELIVERIES)

    def _wake(self, uuid: str, due: datetime) -> None:
        with self._world.lock:
            if self._waking.get(uuid) == due:
                del self._waking[uuid]
            mapping = next((mapping for mapping in self._mappings() if mapping.uuid == uuid), None)
            queue = self._queue(mapping) if mapping else None
            if mapping is None or queue is None:
                return
            now = self._world.clock.now()
            ready = _batch_due(mapping, queue, now)
            is_due = ready is not None and ready <= now
            if is_due and not self._may_receive(mapping):
                return  # until the next minute's review
            messages = self._receive(mapping, queue) if is_due else []
        if messages:
            self._process(mapping, queue, messages)
        with self._world.lock:
            self._arm(mapping, queue)

    def _may_receive(self, mapping: "Mapping") -> bool:
        """Whether Lambda can poll: it acts in the name of the function's role, and SQS must answer."""
        try:
            role = self._world.functions.get(mapping.function_name).role_arn
            for action in POLLER_ACTIONS:
                self._world.access.check_role(role, action, mapping.source_arn)
            self._world.faults.check("sqs", "ReceiveMessage", (mapping.source_arn,))
        except ServiceError as problem:
            self._refused(mapping, problem)
            return False
        return True

    def _refused(self, mapping: "Mapping", problem: ServiceError) -> None:
        what = f"queue {mapping.source_arn} to function {mapping.function_name}"
        self._world.journal.record("refused", what=what, reason=str(problem))

    def _receive(self, mapping: "Mapping", queue: Queue) -> list[Message]:
        backend = sqs_backends[self._world.account][queue.region]
        messages: list[Message] = []
        while len(messages) < mapping.batch_size:
            count = min(MAX_RECEIVE, mapping.batch_size - len(messages))
            received = backend.receive_message(queue.name, count, 0, queue.visibility_timeout, ["All"])  # type: ignore[attr-defined]
            messages.extend(received)
            if len(received) < count:
                break
        return messages

    def _process(self, mapping: "Mapping", queue: Queue, messages: list[Message]) -> None:
        wanted = [message for message in messages if _passes(mapping, message)]
        done = {message.id for message in messages} - {message.id for message in wanted}
        if wanted:
            event = {"Records": [_record(queue, message) for message in wanted]}
            try:
                self._world.faults.check("lambda", "Invoke", (self._world.functions.arn(mapping.function_name),))
                invocation = self._world.functions.invoke(mapping.function_name, event)
                done |= _processed(mapping, wanted, invocation)
            except ServiceError as problem:
                self._refused(mapping, problem)
        with self._world.lock:
            backend = sqs_backends[self._world.account][queue.region]
            for message in messages:
                if message.id in done:
                    try:
                        self._world.faults.check("sqs", "DeleteMessage", (mapping.source_arn,))
                        backend.delete_message(queue.name, str(message.receipt_handle))
                    except ReceiptHandleIsInvalid:
                        continue  # the queue was purged or the function deleted the message itself
                    except ServiceError as problem:
                        self._refused(mapping, problem)  # it comes again


def _batch_due(mapping: "Mapping", queue: Queue, now: datetime) -> datetime | None:
    """When the next batch is to be received: at once when full, else the window after the first message."""
    if not queue._messages:
        return None
    available = [round(max(m.visible_at, m.delayed_until, _sent(m))) for m in queue._messages]
    first, present = from_milliseconds(min(available)), now.timestamp() * 1000
    ready = sum(1 for instant in available if instant <= present)
    if ready >= mapping.batch_size or not mapping.window:
        return max(first, now)
    return max(first + mapping.window, now)


def _sent(message: Any) -> float:
    """Epoch milliseconds."""
    return float(message.sent_timestamp)


def _passes(mapping: "Mapping", message: Message) -> bool:
    if not mapping.filters:
        return True
    try:
        body: Any = json.loads(message.body)
    except ValueError:
        body = message.body
    record: Any = {"body": body}
    return any(patterns.read(pattern).matches(record) for pattern in mapping.filters)


def _processed(mapping: "Mapping", messages: list[Message], invocation: "Invocation") -> set[str]:
    """The ids to delete. A response that cannot be read as partial success fails the whole batch, as Lambda does."""
    sent = {message.id for message in messages}
    if invocation.error:
        return set()
    if not mapping.report_batch_item_failures or not invocation.value:
        return sent
    if not isinstance(invocation.value, dict):
        return set()
    failures = invocation.value.get("batchItemFailures")
    if failures is None:
        return sent
    if not isinstance(failures, list):
        return set()
    failed = {item.get("itemIdentifier") if isinstance(item, dict) else None for item in failures}
    return sent - failed if failed <= sent else set()


def _record(queue: Queue, message: Message) -> dict[str, Any]:
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    if message.group_id is not None:
        attributes["MessageGroupId"] = message.group_id
        attributes["MessageDeduplicationId"] = message.deduplication_id or ""
        attributes["SequenceNumber"] = message.sequence_number or ""
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {name: _message_attribute(value) for name, value in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.queue_arn,
        "awsRegion": queue.region,
    }


def _message_attribute(value: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value.get("DataType")}
    if (text := value.get("StringValue")) is not None:
        record["stringValue"] = text
    if (binary := value.get("BinaryValue")) is not None:
        record["binaryValue"] = base64.b64encode(binary).decode() if isinstance(binary, bytes) else binary
    return record
