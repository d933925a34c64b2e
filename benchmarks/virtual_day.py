"""Alarms advanced by one virtual day: `python -m benchmarks.virtual_day [--alarms 10000 100000] [--minutes 1440]`.

An embedded AWS with as many metrics as alarms, one-minute data of the whole day in its store, and a topic that the
alarms publish to. One alarm in a hundred goes into ALARM and back, each at a time of its own. The clock is moved
through the control route, as a test would move it. Each size runs in a process of its own, for its peak memory.
"""

import argparse
import json
import subprocess
import sys
import time
import urllib.request
from array import array
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3

from benchmarks import report
from core.cloudwatch.datums import Datum
from core.cloudwatch.evaluation import evaluation_range
from local import server
from local.clock import Clock
from local.cloudwatch.store import Store

ROOT = Path(__file__).resolve().parents[1]
START = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)
FIRST_MINUTES = 5
"""After these, which are not measured, every alarm has its first state."""
NAMESPACE = "Benchmark"
PERIODS = 3
CHANGING = 100
"""One alarm in so many changes its state."""
BREACH_MINUTES = 10


def main() -> None:
    """Measure each size in a child process; print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alarms", type=int, nargs="+", default=[10_000])
    parser.add_argument("--minutes", type=int, default=1_440)
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        print(json.dumps(measured(options.measure, options.minutes)))
        return
    rows = []
    for alarms in options.alarms:
        command = [sys.executable, "-m", "benchmarks.virtual_day", "--minutes", str(options.minutes)]
        done = subprocess.run(
            [*command, "--measure", str(alarms)], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True
        )
        found = json.loads(done.stdout.splitlines()[-1])
        evaluations = alarms * options.minutes
        rows.append(
            (
                f"{alarms:,}",
                f"{found['changes']:,.0f}",
                f"{found['seconds']:.1f}",
                f"{evaluations / found['seconds']:,.0f}",
                f"{found['peak_mib']:,.0f}",
            )
        )
    print(f"{options.minutes:,} virtual minutes, periods of 60 s, {PERIODS} of {PERIODS} datapoints\n")
    report.table(("alarms", "changes of state, each told to the topic", "seconds", "alarm minutes/s", "peak MiB"), rows)


def measured(alarms: int, minutes: int) -> dict[str, float]:
    """The seconds that the day took, without its preparation, and what happened in it."""
    with server.start(clock=Clock(START)) as running:
        world = running.world
        topic = _topic(running.url)
        for number in range(alarms):
            _fill(world.cloudwatch.store, number, minutes)
            world.cloudwatch.handle("PutMetricAlarm", _alarm(number, topic))
        _advance(running.url, FIRST_MINUTES)
        before = len(world.messages.all())
        began = time.perf_counter()
        _advance(running.url, minutes)
        seconds = time.perf_counter() - began
        changes = len(world.messages.all()) - before
    return {"seconds": seconds, "changes": changes, "peak_mib": report.peak_mib()}


def _fill(store: Store, number: int, minutes: int) -> None:
    """A metric's data, from an evaluation range before the start to the day's end."""
    first = START - timedelta(minutes=evaluation_range(PERIODS))
    count = minutes + FIRST_MINUTES + evaluation_range(PERIODS)
    values = array("d", [1.0]) * count
    if number % CHANGING == 0:
        at = FIRST_MINUTES + evaluation_range(PERIODS) + number % (minutes // 2)
        for place in range(at, at + BREACH_MINUTES):
            values[place] = 9.0
    store.add(NAMESPACE, Datum("Errors", _dimensions(number), int(first.timestamp()), "None", 60, values[0]))
    series = store.find(NAMESPACE, "Errors", _dimensions(number))
    if series is not None:
        # As if each had been put: a day of datums for many alarms takes minutes to send.
        series.columns[("None", 60)].singles.extend(values[1:])


def _dimensions(number: int) -> tuple[tuple[str, str], ...]:
    return (("Host", f"host-{number}"),)


def _alarm(number: int, topic: str) -> dict[str, Any]:
    return {
        "AlarmName": f"errors-{number}",
        "Namespace": NAMESPACE,
        "MetricName": "Errors",
        "Dimensions": [{"Name": "Host", "Value": f"host-{number}"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": PERIODS,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 5.0,
        "AlarmActions": [topic],
        "OKActions": [topic],
    }


def _topic(url: str) -> str:
    sns = boto3.client(
        "sns",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="benchmark",
        aws_secret_access_key="benchmark",  # noqa: S106  # the embedded AWS asks for none
    )
    topic: str = sns.create_topic(Name="benchmark")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="on-call@example.com")
    return topic


def _advance(url: str, minutes: int) -> None:
    body = json.dumps({"advance_seconds": minutes * 60}).encode()
    with urllib.request.urlopen(f"{url}/_mlwarden/clock", body) as answer:  # noqa: S310  # on the loopback
        answer.read()


if __name__ == "__main__":
    main()
