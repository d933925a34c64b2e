"""The router's process: from its first import over its first event to a thousand more. `benchmarks.router` starts it.

Runs on packaged code alone. Requests are made, signed and their answers read by botocore as ever; only the network is
missing, so that what remains is the function's own time.
"""

import time

START_CPU, START_WALL = time.process_time(), time.perf_counter()

import json  # noqa: E402 - what is imported is measured
import sys  # noqa: E402
from datetime import UTC, datetime, timedelta  # noqa: E402
from typing import Any  # noqa: E402

WARM = 1000
BATCH = 100
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def answer(request: Any, **_: object) -> Any:
    """An empty table, and queues that take everything."""
    from botocore.awsrequest import AWSResponse

    operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
    body: dict[str, Any] = {}
    if operation == "BatchGetItem":
        body = {"Responses": {}, "UnprocessedKeys": {}}
    if operation == "SendMessageBatch":
        entries = json.loads(request.body)["Entries"]
        body = {"Successful": [{"Id": one["Id"], "MessageId": "m", "MD5OfMessageBody": ""} for one in entries]}
    return AWSResponse(request.url, 200, {}, _Raw(json.dumps(body).encode()))


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> Any:
        """What botocore reads a response by."""
        yield self._body


def event(number: int) -> str:
    """An alarm's change, each of another alarm."""
    stamp = f"{START + timedelta(seconds=number):%Y-%m-%dT%H:%M:%S}.000+0000"
    name = f"other-{number}"
    data = {"version": "1.0", "threshold": 90.0, "recentDatapoints": [91.0], "period": 60}
    state = {"value": "ALARM", "timestamp": stamp, "reason": "Threshold Crossed", "reasonData": json.dumps(data)}
    metric = {"namespace": "Bench", "name": "Load", "dimensions": {"host": f"h{number}"}}
    detail = {
        "alarmName": name,
        "state": state,
        "previousState": {"value": "OK", "timestamp": stamp},
        "configuration": {"metrics": [{"id": "m", "metricStat": {"metric": metric, "period": 60, "stat": "Sum"}}]},
    }
    return json.dumps(
        {
            "source": "aws.cloudwatch",
            "detail-type": "CloudWatch Alarm State Change",
            "account": "123456789012",
            "region": "us-east-1",
            "time": stamp,
            "resources": [f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}"],
            "detail": detail,
        }
    )


def batch(first: int, count: int) -> dict[str, Any]:
    """Lambda's event for so many messages."""
    return {
        "Records": [
            {"messageId": f"m{number}", "body": event(number), "eventSourceARN": "arn:aws:sqs:us-east-1:1:Events"}
            for number in range(first, first + count)
        ]
    }


def main() -> None:
    """Print the measurements as one line of JSON to standard error: the function logs to standard output."""
    import boto3

    from lambdas import router

    boto3.setup_default_session()
    boto3.DEFAULT_SESSION._session.register("before-send", answer)  # type: ignore[union-attr]  # made just now
    imported = time.process_time() - START_CPU
    _handle(router, batch(0, 1))
    first_cpu, first_wall = time.process_time() - START_CPU, time.perf_counter() - START_WALL
    single = sorted(_handle(router, batch(number, 1)) for number in range(1, WARM + 1))
    many = [_handle(router, batch(WARM + number * BATCH, BATCH)) for number in range(1, 11)]
    found = {
        "import": imported,
        "first": first_cpu,
        "first_wall": first_wall,
        "median": single[len(single) // 2],
        "p99": single[int(len(single) * 0.99)],
        "batch": sum(many) / len(many) / BATCH,
    }
    sys.stderr.write(json.dumps(found) + "\n")


def _handle(router: Any, event_: dict[str, Any]) -> float:
    began = time.perf_counter()
    failed = router.handle(event_, None)["batchItemFailures"]
    took = time.perf_counter() - began
    if failed:
        raise RuntimeError(f"{len(failed)} events were not routed; standard output says why")
    return took


if __name__ == "__main__":
    main()
