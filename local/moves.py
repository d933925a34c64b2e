"""SQS's dead-letter queue redrive: message move tasks, on the clock.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from moto.core.exceptions import ServiceException
from moto.sqs.models import Message, Queue, sqs_backends

from local.errors import ServiceError
from local.world import World

MAX_RATE = 500
"""Messages a second; also how many are moved at once where none is asked for."""
MAX_RESULTS = 10  # ListMessageMoveTasks
SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Task:
    """One move task."""

    handle: str
    source: str
    destination: str
    rate: int
    started: float
    to_move: int
    status: str = "RUNNING"
    moved: int = 0
    reason: str = ""

    def listed(self) -> dict[str, Any]:
        """As ListMessageMoveTasks has it: the handle only while the task runs."""
        found: dict[str, Any] = {
            "Status": self.status,
            "SourceArn": self.source,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "StartedTimestamp": int(self.started * 1000),
        }
        if self.status == "RUNNING":
            found["TaskHandle"] = self.handle
        if self.destination:
            found["DestinationArn"] = self.destination
        if self.reason:
            found["FailureReason"] = self.reason
        return found | {"MaxNumberOfMessagesPerSecond": self.rate}


class Moves:
    """StartMessageMoveTask, ListMessageMoveTasks and CancelMessageMoveTask of one region."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tasks: list[Task] = []

    def handle(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Answer an operation; raises ServiceError."""
        match operation:
            case "StartMessageMoveTask":
                return self._start(params)
            case "CancelMessageMoveTask":
                return self._cancel(str(params.get("TaskHandle")))
            case "ListMessageMoveTasks":
                size = int(params.get("MaxResults") or 1)
                if not 1 <= size <= MAX_RESULTS:
                    raise ServiceError("InvalidParameterValue", f"MaxResults must be from 1 to {MAX_RESULTS}")
                found = [task.listed() for task in reversed(self._tasks) if task.source == params.get("SourceArn")]
                return {"Results": found[:size]}
            case _:
                raise ServiceError("InvalidAction", f"SQS {operation} is not served here")

    def _start(self, params: dict[str, Any]) -> dict[str, Any]:
        source, destination = str(params.get("SourceArn")), str(params.get("DestinationArn") or "")
        queue = self._queue(source)
        if destination:
            self._queue(destination)
        if not self._sources(source):
            raise ServiceError("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
        if any(task.source == source and task.status == "RUNNING" for task in self._tasks):
            raise ServiceError(
                "AWS.SimpleQueueService.UnsupportedOperation",
                "There is already a task running. Only one active task is allowed for a source queue arn at a given "
                "time.",
            )
        rate = int(params.get("MaxNumberOfMessagesPerSecond") or MAX_RATE)
        if not 1 <= rate <= MAX_RATE:
            raise ServiceError("InvalidParameterValue", f"MaxNumberOfMessagesPerSecond must be from 1 to {MAX_RATE}")
        now = self._world.clock.now()
        handle = self._world.next_id("move-task")
        task = Task(handle, source, destination, rate, now.timestamp(), len(queue._messages))
        self._tasks.append(task)
        self._world.clock.schedule(now, lambda: self._work(task))
        return {"TaskHandle": handle}

    def _cancel(self, handle: str) -> dict[str, Any]:
        task = next((task for task in self._tasks if task.handle == handle and task.status == "RUNNING"), None)
        if task is None:
            raise ServiceError("ResourceNotFoundException", "Task does not exist or is not running.", 404)
        task.status = "CANCELLED"
        return {"ApproximateNumberOfMessagesMoved": task.moved}

    def _work(self, task: Task) -> None:
        """Move what the rate allows this second."""
        with self._world.lock:
            if task.status != "RUNNING":
                return
            try:
                queue = self._queue(task.source)
                for message in [each for each in queue._messages if each.visible and not each.delayed][: task.rate]:
                    self._move(task, queue, message)
                    task.moved += 1
            except (ServiceError, ServiceException) as error:
                task.status, task.reason = "FAILED", error.message
                return
            if not any(each.visible and not each.delayed for each in queue._messages):
                task.status = "COMPLETED"
                return
            self._world.clock.schedule(self._world.clock.now() + SECOND, lambda: self._work(task))

    def _move(self, task: Task, queue: Queue, message: Message) -> None:
        """The message is new where it comes to: another id, another age."""
        known = self._sources(task.source)
        target = self._queue(task.destination or known[0])
        self._backend().send_message(
            target.name,
            message.body,
            message_attributes=message.message_attributes or None,
            group_id=message.group_id,
            deduplication_id=message.deduplication_id,
        )
        queue._messages.remove(message)

    def _sources(self, dead_letters: str) -> list[str]:
        """The queues whose messages end in a dead-letter queue."""
        return [
            queue.queue_arn
            for queue in self._backend().queues.values()
            if queue.redrive_policy and _target(queue.redrive_policy) == dead_letters
        ]

    def _queue(self, arn: str) -> Queue:
        queue: Queue | None = self._backend().queues.get(arn.split(":")[-1])
        if queue is None or queue.queue_arn != arn:
            raise ServiceError(
                "ResourceNotFoundException",
                "The resource that you specified for the SourceArn parameter doesn't exist.",
                404,
            )
        return queue

    def _backend(self) -> Any:
        return sqs_backends[self._world.account][self._world.region]


def _target(policy: Any) -> str:
    parsed = json.loads(policy) if isinstance(policy, str) else policy
    return str(parsed.get("deadLetterTargetArn"))
