"""SQS batches: records in, partial-batch responses out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger


@dataclass(frozen=True, slots=True)
class Record:
    """One message of a batch; `source` is its queue's ARN, `receives` how often it was delivered, now included."""

    id: str
    body: str
    source: str
    receives: int = 1


def of(event: dict[str, Any]) -> tuple[Record, ...]:
    """The records of an SQS event."""
    return tuple(
        Record(
            record["messageId"],
            record["body"],
            record.get("eventSourceARN", ""),
            int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)),
        )
        for record in event["Records"]
    )


def each(records: Iterable[Record], work: Callable[[Record], None], log: Logger) -> list[str]:
    """Do `work` for every record and return the ids of those that raised, which SQS is to deliver again."""
    failed: list[str] = []
    for record in records:
        try:
            work(record)
        except Exception:  # whatever is wrong with one record must not fail the others
            log.exception("record failed", extra={"message_id": record.id})
            failed.append(record.id)
    return failed


def response(failed: Iterable[str]) -> dict[str, Any]:
    """The partial-batch response that keeps the `failed` records on the queue and lets go of the rest."""
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in dict.fromkeys(failed)]}
