"""Windows to CloudWatch by PutMetricData: building and splitting is pure, and apart from the network."""

import gzip
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice

import msgspec

from agent.aws import CREDENTIAL_CODES, Service, error_code, error_message
from agent.connection import ConnectionFailed
from agent.credentials import CredentialsError
from agent.sample import Datum, Window
from agent.sinks import Outcome

log = logging.getLogger(__name__)

# Limits of PutMetricData (CloudWatch API reference, PutMetricData and MetricDatum).
MAX_DATUMS = 1000
MAX_BODY_BYTES = 1_000_000
"""Of the body before compression; the page says 1 MB."""
MAX_VALUES = 150
MAX_DIMENSIONS = 30
MAX_NAME = 255
MAX_DIMENSION_VALUE = 1024
COMPRESS_OVER_BYTES = 10_240
"""From where on a smaller body is worth its making: the SDKs' own limit."""

_BETWEEN = b","
_END = b"]}"


class Verdict(StrEnum):
    """What an answer means for the datums that it answers."""

    TAKEN = "taken"
    LATER = "later"
    """Nothing is wrong with them: throttling, the service's failure, credentials."""
    REFUSED = "refused"
    """At least one of them will never be taken."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One datum and its JSON."""

    datum: Datum
    json: bytes


def judge(status: int, code: str) -> Verdict:
    """The verdict of an HTTP status and an error code. A refusal that nobody knows is held, not thrown away."""
    if status == 200:
        return Verdict.TAKEN
    if code in CREDENTIAL_CODES or "Throttl" in code or status in {403, 429} or status >= 500:
        return Verdict.LATER
    poison = code.startswith(("InvalidParameter", "MissingRequiredParameter", "Validation", "Serialization"))
    return Verdict.REFUSED if poison or status == 413 else Verdict.LATER


def illegal(datum: Datum) -> str:
    """Why CloudWatch would refuse the datum; empty where it would not."""
    if len(datum.dimensions) > MAX_DIMENSIONS:
        return f"{len(datum.dimensions)} dimensions, more than {MAX_DIMENSIONS}"
    for name, value in datum.dimensions:
        if not 1 <= len(name) <= MAX_NAME or not name.isascii() or name.startswith(":"):
            return f"dimension name {name!r}"
        if not 1 <= len(value) <= MAX_DIMENSION_VALUE or not value.isascii() or not value.strip():
            return f"value of dimension {name}"
    return ""


def split(datum: Datum) -> Iterator[Datum]:
    """The datum, as several where it has more distinct values than one may have; CloudWatch adds them up again."""
    if len(datum.values) <= MAX_VALUES:
        yield datum
        return
    pairs = iter(zip(datum.values, datum.counts, strict=True))
    while chunk := tuple(islice(pairs, MAX_VALUES)):
        values = tuple(value for value, _ in chunk)
        counts = tuple(count for _, count in chunk)
        yield Datum(
            metric=datum.metric,
            dimensions=datum.dimensions,
            minimum=min(values),
            maximum=max(values),
            total=sum(value * count for value, count in chunk),
            count=sum(counts),
            values=values,
            counts=counts,
        )


def build(datum: Datum, start: datetime) -> Entry:
    """The datum as the API has it, at the start of its window. `datum` has at most MAX_VALUES values."""
    content: dict[str, object] = {
        "MetricName": datum.metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in datum.dimensions],
        "Timestamp": int(start.timestamp()),
        "Unit": datum.metric.unit,
    }
    if datum.values:
        content |= {"Values": datum.values, "Counts": datum.counts}
    else:
        content["StatisticValues"] = {
            "SampleCount": datum.count,
            "Sum": datum.total,
            "Minimum": datum.minimum,
            "Maximum": datum.maximum,
        }
    return Entry(datum, msgspec.json.encode(content))


def partition(entries: Sequence[Entry], *, namespace: str) -> tuple[tuple[Entry, ...], ...]:
    """The entries in order, in as few requests as the limits allow one after another."""
    empty = len(_begin(namespace)) + len(_END)
    requests: list[tuple[Entry, ...]] = []
    present: list[Entry] = []
    size = empty
    for entry in entries:
        more = len(entry.json) + len(_BETWEEN)
        if present and (len(present) == MAX_DATUMS or size + more > MAX_BODY_BYTES):
            requests.append(tuple(present))
            present, size = [], empty
        present.append(entry)
        size += more
    if present:
        requests.append(tuple(present))
    return tuple(requests)


def encode(entries: Sequence[Entry], *, namespace: str) -> bytes:
    """One request's body."""
    return _begin(namespace) + _BETWEEN.join(entry.json for entry in entries) + _END


def _begin(namespace: str) -> bytes:
    return b'{"Namespace":' + msgspec.json.encode(namespace) + b',"MetricData":['


class CloudWatch:
    """Sends each window in as few requests as the API allows; finds the datum that spoils one by halving."""

    def __init__(self, service: Service, *, namespace: str) -> None:
        self._service = service
        self._namespace = namespace

    def send(self, window: Window, *, timeout_seconds: float) -> Outcome:
        """Offer the window once."""
        entries, rejected, reason = self._entries(window)
        requests = partition(entries, namespace=self._namespace)
        for number, request in enumerate(requests):
            outcome = self._offer(request, timeout_seconds)
            rejected += outcome.rejected
            reason = outcome.reason or reason
            if outcome.rest:
                waiting = tuple(entry.datum for later in requests[number + 1 :] for entry in later)
                return Outcome(outcome.rest + waiting, rejected, reason)
        return Outcome((), rejected, reason)

    def close(self) -> None:
        """Close the connection."""
        self._service.close()

    def _entries(self, window: Window) -> tuple[list[Entry], int, str]:
        entries = []
        rejected, reason = 0, ""
        for datum in window.datums:
            fault = illegal(datum)
            if fault:
                rejected, reason = rejected + 1, f"{datum.metric.name}: {fault}"
                continue
            entries += [build(part, window.start) for part in split(datum)]
        return entries, rejected, reason

    def _offer(self, entries: tuple[Entry, ...], timeout_seconds: float) -> Outcome:
        datums = tuple(entry.datum for entry in entries)
        body = encode(entries, namespace=self._namespace)
        compressed = len(body) > COMPRESS_OVER_BYTES
        try:
            response = self._service.call(
                "PutMetricData",
                gzip.compress(body, compresslevel=6, mtime=0) if compressed else body,
                timeout_seconds=timeout_seconds,
                encoding="gzip" if compressed else "",
            )
        except (ConnectionFailed, CredentialsError) as error:
            return Outcome(datums, reason=str(error))
        code = error_code(response)
        verdict = judge(response.status, code)
        if verdict is Verdict.TAKEN:
            return Outcome()
        reason = f"{response.status} {code} {error_message(response)}".strip()
        if verdict is Verdict.LATER:
            return Outcome(datums, reason=reason)
        if len(entries) == 1:
            return Outcome((), 1, f"{datums[0].metric.name}: {reason}")
        return self._halve(entries, timeout_seconds)

    def _halve(self, entries: tuple[Entry, ...], timeout_seconds: float) -> Outcome:
        middle = len(entries) // 2
        first = self._offer(entries[:middle], timeout_seconds)
        if first.rest:
            waiting = tuple(entry.datum for entry in entries[middle:])
            return Outcome(first.rest + waiting, first.rejected, first.reason)
        second = self._offer(entries[middle:], timeout_seconds)
        return Outcome(second.rest, first.rejected + second.rejected, second.reason or first.reason)
