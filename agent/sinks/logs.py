"""Windows to CloudWatch Logs in the embedded metric format, of which CloudWatch makes the metrics.

Sources: CloudWatch Logs API reference, PutLogEvents; CloudWatch user guide, "Sending embedded metric format logs".
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from agent.aws import Service, error_code
from agent.connection import Response
from agent.sample import Datum
from agent.sinks import Answer, Item, Unfit, Verdict
from agent.sinks.cloudwatch import illegal, outcome
from agent.sinks.emf import lines

# Limits of PutLogEvents (API reference). A request's events lie within a day: agent/packing.py sees to it.
MAX_EVENTS = 10_000
MAX_BATCH_BYTES = 1_048_576
EVENT_BYTES = 26
"""What each event counts beside its text."""
_FORMAT = {"x-amzn-logs-format": "json/emf"}


class EmfLogs:
    """PutLogEvents to one stream, which is made when it is not there; the group must be."""

    name = "emf"
    max_entries = MAX_EVENTS
    max_bytes = MAX_BATCH_BYTES
    between_bytes = EVENT_BYTES

    def __init__(self, service: Service, *, group: str, stream: str, namespace: str) -> None:
        self._service = service
        self._place = {"logGroupName": group, "logStreamName": stream}
        self._namespace = namespace

    @property
    def skew(self) -> timedelta:
        """What the service's clock is ahead of this one, as far as it told."""
        return self._service.skew

    def item(self, start: datetime, length: timedelta, datum: Datum) -> Item:  # noqa: ARG002  no line has a length
        """The datum as lines of its own; together with others of its dimensions it takes less. Raises Unfit."""
        fault = illegal(datum)
        if fault:
            raise Unfit(fault)
        alone = list(lines([(start, datum)], self._namespace))
        size = sum(map(len, alone)) + EVENT_BYTES * (len(alone) - 1)
        return Item(start, datum, bytes(size), len(alone))

    def send(self, items: Sequence[Item], *, timeout_seconds: float) -> Answer:
        """One PutLogEvents, and where there is no stream yet one CreateLogStream before it."""
        body = json.dumps({**self._place, "logEvents": self._events(items)}, separators=(",", ":")).encode()
        answered: list[Response] = []

        def put() -> Response:
            response = self._call("PutLogEvents", body, timeout_seconds)
            if error_code(response) == "ResourceNotFoundException":
                made = self._call("CreateLogStream", json.dumps(self._place).encode(), timeout_seconds)
                if made.status != 200 and error_code(made) != "ResourceAlreadyExistsException":
                    return made
                response = self._call("PutLogEvents", body, timeout_seconds)
            answered.append(response)
            return response

        answer = outcome(put)
        rejected = _rejected(answered[-1]) if answer.verdict is Verdict.TAKEN else ""
        return Answer(answer.verdict, f"in part refused: {rejected}") if rejected else answer

    def close(self) -> None:
        """Close the connection."""
        self._service.close()

    def _call(self, operation: str, body: bytes, timeout_seconds: float) -> Response:
        return self._service.call(operation, body, timeout_seconds=timeout_seconds, headers=_FORMAT)

    def _events(self, items: Sequence[Item]) -> list[dict[str, object]]:
        """In the order of time, as the API demands."""
        found = lines([(item.start, item.datum) for item in items], self._namespace)
        events = [{"timestamp": json.loads(line)["_aws"]["Timestamp"], "message": line} for line in found]
        return sorted(events, key=lambda event: int(event["timestamp"]))


def stream_name(host: str) -> str:
    """The host's name as a stream may have it."""
    return host.translate({ord(":"): "-", ord("*"): "-"})


def _rejected(response: Response) -> str:
    try:
        info = json.loads(response.body).get("rejectedLogEventsInfo") or {}
    except (ValueError, AttributeError):
        return ""
    return " ".join(f"{name}={value}" for name, value in info.items())
