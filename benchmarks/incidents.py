"""The incident engine from bytes, on one core, and beside Alertmanager on the same stream.

`python -m benchmarks.incidents`: 100,000 events as EventBridge delivers them, of 10,000 alarms, each firing and ending
in turn: parsed, labelled and stepped, garbage collection on, CPU time, best of three; in 100 groups, in one, in one for
each alert. In the last row each of 10,000 events comes ten times, in any order. Where Debian's prometheus-alertmanager
is installed, it takes the same stream as batches of its API, a hundred alerts each, and its own CPU time is counted.
"""

import argparse
import gc
import json
import random
import time
from datetime import UTC, datetime, timedelta

from benchmarks import alertmanager
from core.catalogue.alarm import Delivery, Severity, Subject
from core.catalogue.facts import Facts
from core.incidents import events
from core.incidents.engine import Engine
from core.incidents.labels import Sources
from core.incidents.policy import Policy, Route
from core.incidents.signals import AlarmSignal

START = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
REGION, ACCOUNT = "eu-west-1", "123456789012"
POINT = "1 out of the last 1 datapoints [97.25 (21/11/26 13:59:00)]"
REASON = f"Threshold Crossed: {POINT} was greater than the threshold (95.0)."
BATCH = 100


def body(number: int, state: str, at: datetime, groups: int) -> bytes:
    """An alarm's change of state, 1.5 KB of it."""
    name = f"mlwarden-production-endpoint{number % groups}-Condition{number // groups}"
    stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"
    before = "OK" if state == "ALARM" else "ALARM"
    data = {"version": "1.0", "queryDate": stamp, "statistic": "Average", "period": 60, "recentDatapoints": [97.25]}
    metric = {
        "namespace": "/aws/sagemaker/Endpoints",
        "name": "GPUUtilization",
        "dimensions": {"EndpointName": f"endpoint{number % groups}", "VariantName": "AllTraffic"},
    }
    stat = {"metric": metric, "period": 60, "stat": "Average"}
    return json.dumps(
        {
            "version": "0",
            "id": f"c4c1c1c9-6542-e61b-6ef0-{number:012d}",
            "detail-type": "CloudWatch Alarm State Change",
            "source": "aws.cloudwatch",
            "account": ACCOUNT,
            "time": stamp,
            "region": REGION,
            "resources": [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"],
            "detail": {
                "alarmName": name,
                "state": {
                    "value": state,
                    "reason": REASON,
                    "reasonData": json.dumps({**data, "threshold": 95.0}),
                    "timestamp": stamp,
                },
                "previousState": {
                    "value": before,
                    "reason": REASON,
                    "reasonData": json.dumps(data),
                    "timestamp": stamp,
                },
                "configuration": {
                    "description": "the GPUs are saturated",
                    "metrics": [{"id": "m1", "metricStat": stat, "returnData": True}],
                },
            },
        }
    ).encode()


def stream(alarms: int, rounds: int, groups: int) -> list[tuple[datetime, bytes]]:
    """Each alarm fires and ends in turn, a millisecond apart."""
    found = []
    for turn in range(rounds):
        for number in range(alarms):
            at = START + timedelta(milliseconds=turn * alarms + number)
            found.append((at, body(number, "OK" if turn % 2 else "ALARM", at, groups)))
    return found


def repeated(pairs: list[tuple[datetime, bytes]], copies: int) -> list[tuple[datetime, bytes]]:
    """Each event so many times, the copies of a thousand events mixed, as queues deliver them at worst."""
    chance, found = random.Random(7), []
    for first in range(0, len(pairs), 1000):
        bodies = [text for _, text in pairs[first : first + 1000] for _ in range(copies)]
        chance.shuffle(bodies)
        found += [(pairs[first][0], text) for text in bodies]
    return found


def catalogue(alarms: int, groups: int) -> dict[str, Facts]:
    """What the deployment knows of its alarms."""
    found = {}
    for number in range(alarms):
        condition, subject = (
            f"Condition{number // groups}",
            Subject("endpoint", f"endpoint{number % groups}", "AllTraffic"),
        )
        name = f"mlwarden-production-{subject.name}-{condition}"
        found[name] = Facts(
            name=name,
            condition=condition,
            subject=subject,
            title="the GPUs are saturated",
            severity=Severity.WARNING,
            owner="ml-platform",
            runbook="HighGPU",
            delivery=Delivery.INCIDENT,
            unit="%",
            threshold=95.0,
            comparison="GreaterThanThreshold",
            period_seconds=60,
        )
    return found


def measure(pairs: list[tuple[datetime, bytes]], known: dict[str, Facts], group_by: tuple[str, ...]) -> float:
    """Events a CPU second from bytes to state."""
    policy = Policy(Route("root", "topics", group_by=group_by))
    engine, sources = Engine(policy), Sources(known, stage="production")
    gc.collect()
    begun = time.process_time()
    for at, text in pairs:
        signal = events.parse(text)
        if not isinstance(signal, AlarmSignal):
            raise TypeError(f"the stream holds a {type(signal).__name__}")
        source = sources.of(signal)
        engine.step(signal, source.pairs, source.labels, now=at)
    spent = time.process_time() - begun
    return len(pairs) / spent


def beside(program: str, pairs: list[tuple[datetime, bytes]], group_by: list[str]) -> float:
    """Events a CPU second that Alertmanager takes of the same stream, grouped alike."""
    names = [json.loads(text)["detail"] for _, text in pairs]
    now = datetime.now(UTC)
    alerts = []
    for number, detail in enumerate(names):
        labels = {"alertname": detail["alarmName"], "kind": "endpoint", "severity": "warning", "stage": "production"}
        labels["subject"] = detail["alarmName"].split("-")[2]
        start = (now + timedelta(milliseconds=number - len(names))).isoformat()
        ends = {} if detail["state"]["value"] == "ALARM" else {"endsAt": now.isoformat()}
        notes = {"summary": detail["state"]["reason"], "description": detail["configuration"]["description"]}
        alerts.append({"labels": labels, "annotations": notes, "startsAt": start, **ends})
    configuration = {
        "route": {"receiver": "none", "group_by": group_by, "group_wait": "30s", "group_interval": "5m"},
        "receivers": [{"name": "none"}],
    }
    with alertmanager.running(program, configuration) as real:
        before = real.cpu_seconds()
        for first in range(0, len(alerts), BATCH):
            real.post("/api/v2/alerts", alerts[first : first + BATCH])
        return len(alerts) / (real.cpu_seconds() - before)


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--alarms", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=10)
    chosen = options.parse_args()
    pairs = stream(chosen.alarms, chosen.rounds, 100)
    known = catalogue(chosen.alarms, 100)
    program = alertmanager.binary()
    print(f"{len(pairs):,} events of {len(pairs[0][1]):,} bytes, {chosen.alarms:,} alarms")
    begun = time.process_time()
    for _, text in pairs:
        json.loads(text)
    print(f"json.loads alone: {len(pairs) / (time.process_time() - begun):,.0f} events a CPU second")
    print("| groups | engine, events per CPU s | Alertmanager, events per CPU s | ratio |\n|---|---|---|---|")
    again = repeated(stream(chosen.alarms, 1, 100), 10)
    for shown, group_by, told in (
        ("100", ("kind", "subject"), pairs),
        ("1", ("kind",), pairs),
        (f"{chosen.alarms:,}", ("...",), pairs),
        ("100, 90 % duplicates", ("kind", "subject"), again),
    ):
        best = max(measure(told, known, group_by) for _ in range(3))
        other = beside(program, told, list(group_by)) if program else 0.0
        compared = f"{other:,.0f} | {best / other:.2f}" if other else "not installed | "
        print(f"| {shown} | {best:,.0f} | {compared} |", flush=True)


if __name__ == "__main__":
    main()
