"""CloudWatch through the wire: `python -m benchmarks.wire [--seconds 5] [--series 500]`.

`mlwarden serve` in a process of its own, HTTP on the loopback, one connection: PutMetricData of 1,000 datums, then
GetMetricData of many series over three hours of one-minute data. boto3 spends time of its own on each call, so the
same bodies are also sent as they stand ("prepared"), which measures the server.
"""

import argparse
import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3

from benchmarks import report

ROOT = Path(__file__).resolve().parents[1]
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DATUMS = 1_000
MINUTES = 180
NAMESPACE = "Benchmark"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to put datums, each way")
    parser.add_argument("--series", type=int, default=500)
    options = parser.parse_args()
    with _serving() as url:
        client = boto3.client(
            "cloudwatch",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="benchmark",
            aws_secret_access_key="benchmark",  # noqa: S106  # the embedded AWS asks for none
        )
        metrics = [_datum(number, number // 60 % MINUTES) for number in range(DATUMS)]
        put = {"Namespace": NAMESPACE, "MetricData": metrics}
        rows = [
            ("PutMetricData, 1,000 datums with 3 dimensions", f"{calls:.0f} calls/s", how)
            for how, calls in (
                ("boto3", _rate(lambda: client.put_metric_data(**put), options.seconds)),
                ("prepared", _rate(_prepared(url, "PutMetricData", put), options.seconds)),
            )
        ]
        for start in range(0, options.series * MINUTES, DATUMS):
            places = range(start, min(start + DATUMS, options.series * MINUTES))
            filled = [_datum(place // MINUTES, place % MINUTES) for place in places]
            client.put_metric_data(Namespace=NAMESPACE, MetricData=filled)
        get = _queries(options.series)
        what = f"GetMetricData, {options.series} series over 3 h"
        began = time.perf_counter()
        answer = client.get_metric_data(**get)
        rows.append((what, f"{time.perf_counter() - began:.2f} s", "boto3"))
        points = sum(len(result["Values"]) for result in answer["MetricDataResults"])
        prepared = _prepared(url, "GetMetricData", get)
        began = time.perf_counter()
        prepared()
        rows.append((what, f"{time.perf_counter() - began:.2f} s", "prepared"))
    print(f"one connection; GetMetricData gave {points:,} datapoints\n")
    report.table(("", "through the wire", "client"), rows)


def _datum(series: int, minute: int) -> dict[str, Any]:
    return {
        "MetricName": "Latency",
        "Dimensions": _dimensions(series),
        "Timestamp": START - timedelta(minutes=MINUTES - minute),
        "Value": float(series + minute),
        "Unit": "Milliseconds",
    }


def _dimensions(series: int) -> list[dict[str, str]]:
    return [
        {"Name": "Host", "Value": f"host-{series}"},
        {"Name": "Endpoint", "Value": "ranker"},
        {"Name": "Variant", "Value": "AllTraffic"},
    ]


def _queries(series: int) -> dict[str, Any]:
    queries = [
        {
            "Id": f"q{number}",
            "MetricStat": {
                "Metric": {"Namespace": NAMESPACE, "MetricName": "Latency", "Dimensions": _dimensions(number)},
                "Period": 60,
                "Stat": "Average",
            },
        }
        for number in range(series)
    ]
    return {"MetricDataQueries": queries, "StartTime": START - timedelta(minutes=MINUTES), "EndTime": START}


def _rate(call: Callable[[], object], seconds: float) -> float:
    """Calls a second, one after the other."""
    call()
    calls, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds or not calls:
        call()
        calls += 1
    return calls / taken


def _prepared(url: str, operation: str, params: dict[str, Any]) -> Callable[[], object]:
    """A call whose JSON is written once."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    body = json.dumps(params, default=lambda at: at.timestamp())
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"GraniteServiceVersion20100801.{operation}",
        "Authorization": "AWS4-HMAC-SHA256 Credential=benchmark/20261120/us-east-1/monitoring/aws4_request",
    }

    def call() -> None:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != http.client.OK:
            raise SystemExit(f"{operation}: {answer.status} {text.decode()[:300]}")

    return call


@contextmanager
def _serving() -> Iterator[str]:
    """An empty embedded AWS whose clock stands at START; yields its URL."""
    command = [sys.executable, "-m", "cli", "serve", "--empty", "--port", "0", "--clock", "virtual"]
    command += ["--start", START.isoformat()]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            found = re.search(r"http://[\d.]+:\d+", (process.stdout.readline() if process.stdout else ""))
            if found is None:
                raise SystemExit("mlwarden serve did not start")
            yield found[0]
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
