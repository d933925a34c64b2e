"""Windows to CloudWatch by PutMetricData: building and splitting is pure, and apart from the network."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from agent.aws import CREDENTIAL_CODES, Service, compressed, error_code, error_message
from agent.connection import ConnectionFailed, Response
from agent.credentials import CredentialsError
from agent.sample import Datum, Dimensions
from agent.sinks import Answer, Item, Unfit, Verdict

# Limits of PutMetricData (CloudWatch API reference, PutMetricData and MetricDatum).
MAX_DATUMS = 1000
MAX_BODY_BYTES = 1_000_000
"""Of the body before compression; the page says 1 MB."""
MAX_VALUES = 150
MAX_DIMENSIONS = 30
MAX_NAME = 255
MAX_DIMENSION_VALUE = 1024
MOST_PREFIXES = 5000
"""Series whose unchanging part is remembered."""

_BETWEEN = b","
_END = b"]}"


def judge(status: int, code: str) -> Verdict:
    """The verdict of an HTTP status and an error code. A refusal that nobody knows is held, not thrown away."""
    if status == 200:
        return Verdict.TAKEN
    if "Throttl" in code or status == 429 or code in {"LimitExceeded", "LimitExceededFault", "SlowDown"}:
        return Verdict.THROTTLED
    if code in CREDENTIAL_CODES or status == 403 or (status == 503 and code):
        return Verdict.LATER
    if status >= 500:
        return Verdict.UNKNOWN  # it may have failed before or after it took them
    poison = code.startswith(("InvalidParameter", "MissingRequiredParameter", "Validation", "Serialization"))
    return Verdict.REFUSED if poison or status == 413 else Verdict.LATER


def outcome(send: Callable[[], Response]) -> Answer:
    """A request to an AWS service, judged."""
    try:
        response = send()
    except ConnectionFailed as error:
        return Answer(Verdict.UNKNOWN if error.sent else Verdict.LATER, str(error))
    except CredentialsError as error:
        return Answer(Verdict.LATER, str(error))
    code = error_code(response)
    verdict = judge(response.status, code)
    if verdict is Verdict.TAKEN:
        return Answer(verdict)
    return Answer(verdict, f"{response.status} {code} {error_message(response)}".strip())


def illegal(datum: Datum) -> str:
    """Why CloudWatch would refuse the datum; empty where it would not."""
    if len(datum.dimensions) > MAX_DIMENSIONS:
        return f"{len(datum.dimensions)} dimensions, more than {MAX_DIMENSIONS}"
    if not 1 <= len(datum.metric.name) <= MAX_NAME or not datum.metric.name.isascii():
        return f"metric name {datum.metric.name!r}"
    names = [name for name, _ in datum.dimensions]
    if len(set(names)) < len(names):
        return f"dimension {max(names, key=names.count)} twice"
    for name, value in datum.dimensions:
        if not 1 <= len(name) <= MAX_NAME or not name.isascii() or name.startswith(":"):
            return f"dimension name {name!r}"
        if not 1 <= len(value) <= MAX_DIMENSION_VALUE or not value.isascii() or not value.strip():
            return f"value of dimension {name}"
    return ""


def split(datum: Datum) -> Iterator[tuple[Sequence[float], Sequence[int]]]:
    """The values and counts, in as many parts as one datum may have values; CloudWatch adds them up again."""
    if len(datum.values) <= MAX_VALUES:
        yield datum.values, datum.counts
        return
    pairs = iter(zip(datum.values, datum.counts, strict=True))
    while chunk := tuple(islice(pairs, MAX_VALUES)):
        yield [value for value, _ in chunk], [count for _, count in chunk]


class CloudWatch:
    """PutMetricData: not idempotent, so a request that is sent twice counts twice."""

    name = "cloudwatch"
    max_entries = MAX_DATUMS
    between_bytes = len(_BETWEEN)

    def __init__(self, service: Service, *, namespace: str) -> None:
        self._service = service
        self._begin = b'{"Namespace":' + json.dumps(namespace).encode() + b',"MetricData":['
        self.max_bytes = MAX_BODY_BYTES - len(self._begin) - len(_END)
        self._prefixes: dict[tuple[str, Dimensions], str] = {}

    @property
    def skew(self) -> timedelta:
        """What the service's clock is ahead of this one, as far as it told."""
        return self._service.skew

    def item(self, start: datetime, length: timedelta, datum: Datum) -> Item:  # noqa: ARG002  the period is CloudWatch's
        """The datum as the API has it, at the start of its window or at its own second. Raises Unfit."""
        prefix = self._prefix(datum)
        at = int(start.timestamp()) + max(0, datum.second - 1)
        middle = f'{at},"StorageResolution":1' if datum.second else str(at)
        if datum.values:
            parts = [
                f'{prefix}{middle},"Values":{_numbers(values)},"Counts":{_numbers(counts)}}}'
                for values, counts in split(datum)
            ]
        else:
            folded = f'"SampleCount":{datum.count},"Sum":{datum.total!r}'
            edges = f'"Minimum":{datum.minimum!r},"Maximum":{datum.maximum!r}'
            parts = [f'{prefix}{middle},"StatisticValues":{{{folded},{edges}}}}}']
        return Item(start, datum, ",".join(parts).encode(), len(parts))

    def send(self, items: Sequence[Item], *, timeout_seconds: float) -> Answer:
        """One PutMetricData."""
        body = self._begin + _BETWEEN.join([item.data for item in items]) + _END
        content, encoding = compressed(body)
        return outcome(
            lambda: self._service.call("PutMetricData", content, timeout_seconds=timeout_seconds, encoding=encoding)
        )

    def close(self) -> None:
        """Close the connection."""
        self._service.close()

    def _prefix(self, datum: Datum) -> str:
        key = (datum.metric.name, datum.dimensions)
        prefix = self._prefixes.get(key)
        if prefix is None:
            fault = illegal(datum)
            if fault:
                raise Unfit(fault)
            if len(self._prefixes) >= MOST_PREFIXES:
                self._prefixes.clear()
            dimensions = [{"Name": name, "Value": value} for name, value in datum.dimensions]
            fields = {"MetricName": datum.metric.name, "Dimensions": dimensions, "Unit": datum.metric.unit}
            prefix = self._prefixes[key] = json.dumps(fields, separators=(",", ":"))[:-1] + ',"Timestamp":'
        return prefix


def _numbers(values: Sequence[float]) -> str:
    return f"[{','.join(map(repr, values))}]"
