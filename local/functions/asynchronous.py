"""Asynchronous invocation: Lambda's queue of events, its retries, and what becomes of events that keep failing.

Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.clients import Clients
from local.clock import Order
from local.errors import ServiceError
from local.functions.model import Function, Invocation
from local.functions.reporting import Reporting
from local.world import World

if TYPE_CHECKING:
    from local.functions.registry import Functions

RETRY_DELAYS = (timedelta(minutes=1), timedelta(minutes=2))
"""Before the second and the third attempt."""
THROTTLE_DELAYS = (timedelta(seconds=1), timedelta(minutes=5))
"""A throttled event is tried again after a time that doubles from the first to the second."""
MAX_ERROR_MESSAGE = 1024  # bytes of the message attribute ErrorMessage of a dead letter, the same page


@dataclass(frozen=True, slots=True)
class _Event:
    function_name: str
    payload: object
    accepted: datetime
    attempts: int = 0
    throttles: int = 0


class Asynchronous:
    """The events that wait for a function, on the world's clock."""

    def __init__(self, world: World, functions: "Functions", reporting: Reporting) -> None:
        self._world = world
        self._functions = functions
        self._reporting = reporting
        self._clients: dict[str, Clients] = {}

    def close(self) -> None:
        """Close the connections through which dead letters were sent."""
        for clients in self._clients.values():
            clients.close()
        self._clients.clear()

    def accept(self, function_name: str, payload: object) -> None:
        """Take an event; it is handed to the function at the present instant, after the call that brought it."""
        now = self._world.clock.now()
        for delay in self._world.delays.next():
            self._later(_Event(function_name, payload, now), now + delay)

    def _later(self, event: _Event, at: datetime) -> None:
        self._world.clock.schedule(at, lambda: self._attempt(event), Order.DELIVERIES)

    def _attempt(self, event: _Event) -> None:
        try:
            function = self._functions.get(event.function_name)
        except ServiceError:
            return  # the function was deleted, and its waiting events with it
        now = self._world.clock.now()
        if now - event.accepted > function.asynchronous.maximum_age:
            self._give_up(function, event, None, "EventAgeExceeded")
            return
        try:
            invocation = self._functions.invoke(function.name, event.payload)
        except ServiceError as refusal:
            if refusal.code != "TooManyRequestsException":
                raise
            first, longest = THROTTLE_DELAYS
            again = _Event(event.function_name, event.payload, event.accepted, event.attempts, event.throttles + 1)
            self._later(again, now + min(first * 2**event.throttles, longest))
            return
        tried = _Event(event.function_name, event.payload, event.accepted, event.attempts + 1)
        if not invocation.error:
            if function.asynchronous.on_success:
                record = _record(self._functions.arn(function.name), tried, invocation, "Success", now)
                self._deliver(function, function.asynchronous.on_success, record)
        elif event.attempts < function.asynchronous.retries:
            self._later(tried, now + RETRY_DELAYS[event.attempts])
        else:
            self._give_up(function, tried, invocation, "RetriesExhausted")

    def _give_up(self, function: Function, event: _Event, last: Invocation | None, condition: str) -> None:
        """Both the on-failure destination and the dead-letter queue get what they are configured for."""
        if function.asynchronous.on_failure:
            arn = self._functions.arn(function.name)
            record = _record(arn, event, last, condition, self._world.clock.now())
            self._deliver(function, function.asynchronous.on_failure, record)
        if function.dead_letter_arn:
            self._dead_letter(function, event, last)

    def _deliver(self, function: Function, destination: str, record: dict[str, Any]) -> None:
        try:
            self._send(function, destination, json.dumps(record), {})
        except (ClientError, BotoCoreError):
            self._reporting.metrics(function.name, {"DestinationDeliveryFailures": 1})

    def _dead_letter(self, function: Function, event: _Event, last: Invocation | None) -> None:
        message = str((last.value or {}).get("errorMessage", "")) if last else "event age exceeded"
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": last.request_id if last else "none"},
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": message[:MAX_ERROR_MESSAGE] or "none"},
        }
        try:
            self._send(function, function.dead_letter_arn, json.dumps(event.payload), attributes)
        except (ClientError, BotoCoreError):
            self._reporting.metrics(function.name, {"DeadLetterErrors": 1})

    def _send(self, function: Function, arn: str, body: str, attributes: dict[str, Any]) -> None:
        """Send in the name of the function's role, whose policies must allow it."""
        service = arn.split(":")[2]
        world = self._world
        if function.name not in self._clients:
            key = self._functions.access_key(function.name)
            self._clients[function.name] = Clients(url=world.url, region=world.region, access_key=key)
        client = self._clients[function.name].get(service)
        match service:
            case "sqs":
                url = f"{world.url}/{world.account}/{arn.rsplit(':', 1)[-1]}"
                client.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
            case "sns":
                client.publish(TopicArn=arn, Message=body, MessageAttributes=attributes)
            case "lambda":
                client.invoke(FunctionName=arn, InvocationType="Event", Payload=body.encode())
            case "events":
                entry = {"Source": "lambda", "DetailType": "Lambda Function Invocation Result", "Detail": body}
                client.put_events(Entries=[{**entry, "EventBusName": arn.rsplit("/", 1)[-1]}])
            case _:
                raise ServiceError("InvalidParameterValueException", f"{arn} cannot be a destination")


def _record(arn: str, event: _Event, last: Invocation | None, condition: str, now: datetime) -> dict[str, Any]:
    """An invocation record, as destinations receive it.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        "requestContext": {
            "requestId": last.request_id if last else "",
            "functionArn": f"{arn}:$LATEST",
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": event.payload,
    }
    if last is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST"}
        if last.error:
            record["responseContext"]["functionError"] = last.error
        record["responsePayload"] = last.value
    return record
