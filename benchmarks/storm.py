"""A storm through the embedded AWS: `python -m benchmarks.storm [--alarms 10000] [--groups 100] [--copies 1]`.

The stacks of config/default.toml are deployed; as many alarms go off in so many groups, as events on the router's
queue, a thousand a second. Once with warnings alone, once with ten groups of critical ones among them; then the same
events again. Queue, functions (each in its process, on its packaged code, its start counted), DynamoDB and SNS are
those of the embedded AWS. All rules are off, the sweep's too: CloudWatch knows none of these alarms, and it would end
them. With `--copies 9` each event is delivered so many times more while the storm lasts.
"""

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import report
from benchmarks.meter import Meter, metered
from core.config import load
from core.incidents import record
from local import server
from local.clients import Clients
from local.clock import Clock
from local.deployer import deploy
from local.world import World
from stacks.packaging import ROOT
from stacks.synth import synth

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CRITICAL_GROUPS = 10
SINGLE_MESSAGES, DIGESTS = 20, 1
"""What the storm guard lets through of warnings: core/incidents/storm.py."""
CALM = timedelta(minutes=7)
"""After this every group was flushed, and the digest sent."""
AT_ONCE, PAUSE = 1000, timedelta(seconds=1)
"""So many events arrive together, and then the next after this long."""
DIRECT = ("ALARM: ", "OK: ")
"""How CloudWatch's own messages begin: those of the alarms on mlwarden itself."""
_TICKS = os.sysconf("SC_CLK_TCK")

# USD in us-east-1, on demand: aws.amazon.com/dynamodb/pricing/on-demand, /sqs/pricing, /lambda/pricing (Arm),
# /sns/pricing, /eventbridge/pricing. State changes of alarms are events of AWS services, which cost nothing.
PER_WRITE_UNIT, PER_READ_UNIT = 0.625e-6, 0.125e-6
PER_SQS_REQUEST = 0.40e-6
PER_INVOCATION, PER_GB_SECOND = 0.20e-6, 0.0000133334
MEMORY_GB = 0.5
SLOWER = 1.769 / 0.5
"""Lambda gives a whole processor at 1,769 MB."""


class StormBroken(Exception):
    """The storm did not run as it should, so its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Told:
    """One storm: messages by severity and reason, the subjects of those about critical groups, and what it cost."""

    messages: int
    critical: frozenset[str]
    reasons: Counter[str]
    meter: Meter
    cpu: dict[str, float]
    runs: Counter[str]
    wall: float
    firing: int


def main() -> None:
    """Deploy, storm, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alarms", type=int, default=10_000)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--copies", type=int, default=0, help="deliveries of each event beside the first")
    options = parser.parse_args()
    rows: list[tuple[str, ...]] = []
    for critical in (0, CRITICAL_GROUPS):
        with tempfile.TemporaryDirectory() as folder, _deployed(Path(folder)) as (world, aws, resources):
            events = _events(options.alarms, options.groups, critical)
            told = _storm(world, aws, resources, events, options.copies)
            again = _storm(world, aws, resources, events, 0)
            rows += _rows(told, again, options.alarms, options.groups, critical, options.copies)
    report.table(("storm", "measured", "result", "bar"), rows)


@contextmanager
def _deployed(folder: Path) -> Iterator[tuple[World, Clients, dict[str, str]]]:
    config = load((ROOT / "config" / "default.toml").read_text())
    assembly = synth(config, folder / "cdk.out")
    with server.start(clock=Clock(START)) as running:
        deployment = deploy(running.world, assembly)
        resources = {
            logical[:-8]: physical
            for stack in deployment.stacks.values()
            for logical, physical in stack.resources.items()
        }
        aws = Clients(url=running.url, region=running.world.region)
        for rule in aws.get("events").list_rules()["Rules"]:
            aws.get("events").disable_rule(Name=rule["Name"])
        try:
            yield running.world, aws, resources
        finally:
            aws.close()


def _events(alarms: int, groups: int, critical: int) -> list[str]:
    """The events, spread over the groups in turn; the groups are subjects, as the alarms' tags name them."""
    found = []
    for number in range(alarms):
        group = number % groups
        stamp = f"{START + timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}.{number % 1000:03d}+0000"
        name = f"other-{group}-{number}"
        tags = {
            "mlwarden:subject": f"host/h{group}",
            "mlwarden:severity": "critical" if group < critical else "warning",
            "mlwarden:owner": "ml-platform",
        }
        data = {"version": "1.0", "threshold": 90.0, "recentDatapoints": [91.0 + number % 9], "period": 60}
        state = {"value": "ALARM", "timestamp": stamp, "reason": "Threshold Crossed", "reasonData": json.dumps(data)}
        metric = {"namespace": "Storm", "name": "Load", "dimensions": {"host": f"h{group}", "n": str(number)}}
        configuration = {
            "description": f"load of part {number} is too high",
            "metrics": [{"id": "m1", "metricStat": {"metric": metric, "period": 60, "stat": "Average"}}],
        }
        event = {
            "version": "0",
            "id": f"00000000-0000-0000-0000-{number:012d}",
            "detail-type": "CloudWatch Alarm State Change",
            "source": "aws.cloudwatch",
            "account": "123456789012",
            "time": stamp,
            "region": "us-east-1",
            "resources": [f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}"],
            "detail": {
                "alarmName": name,
                "state": state,
                "previousState": {"value": "OK", "timestamp": stamp},
                "configuration": configuration,
                "alarmTags": tags,
            },
        }
        found.append(json.dumps(event))
    return found


def _storm(world: World, aws: Clients, resources: dict[str, str], events: list[str], copies: int) -> Told:
    """Put the events on the queue, let time pass, and count."""
    world.clock.advance(timedelta(minutes=1))
    before, told, runs = len(world.messages.all()), _cpu(), len(world.journal.since(0))
    meter = Meter()
    began = time.monotonic()
    with metered(meter):
        for part in range(0, len(events), AT_ONCE):
            for _ in range(copies + 1):
                _send(aws, resources["Events"], events[part : part + AT_ONCE])
                world.clock.advance(PAUSE)
        world.clock.advance(CALM)
    wall = time.monotonic() - began
    fresh = [message for message in world.messages.all()[before:] if not message.subject.startswith(DIRECT)]
    ran = [entry.facts for entry in world.journal.since(0)[runs:] if entry.kind == "function"]
    if failed := [f"{facts['handler']}: {facts['error']}" for facts in ran if facts["error"]]:
        raise StormBroken(f"{len(failed)} runs failed, the first {failed[0]}")
    after = _cpu()
    reasons = Counter(
        "digest" if "groups" in message.subject or "DIGEST" in message.subject else "single" for message in fresh
    )
    return Told(
        messages=len(fresh),
        critical=frozenset(m.subject.split(":")[0].split("] ")[1] for m in fresh if m.subject.startswith("[CRITICAL]")),
        reasons=reasons,
        meter=meter,
        cpu={name: after[name] - told.get(name, 0.0) for name in after},
        runs=Counter(str(facts["handler"]).split(".")[1] for facts in ran),
        wall=wall,
        firing=_firing(aws, resources["Incidents"]),
    )


def _send(aws: Clients, url: str, bodies: list[str]) -> None:
    for start in range(0, len(bodies), 10):
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
        if refused := aws.get("sqs").send_message_batch(QueueUrl=url, Entries=entries).get("Failed"):
            raise StormBroken(f"{len(refused)} events were not queued, the first: {refused[0]}")


def _firing(aws: Clients, table: str) -> int:
    """How many alerts the table has as standing: what is missing was lost."""
    pages = aws.get("dynamodb").get_paginator("scan").paginate(TableName=table)
    items = [item for page in pages for item in page["Items"] if item["sk"]["S"].startswith("alert#")]
    return sum(record.decode_alert(item["document"]["S"]).stands for item in items)


def _cpu() -> dict[str, float]:
    """Seconds of processor by function: of the workers, which are this process's children."""
    found: dict[str, float] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text().rpartition(") ")[2].split()
            if int(stat[1]) != os.getpid() or b"worker.py" not in (path / "cmdline").read_bytes():
                continue
            environment = (path / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        handler = next((entry for entry in environment if entry.startswith(b"_HANDLER=")), b"_HANDLER=.unknown.")
        name = handler.decode().split(".")[1]
        found[name] = found.get(name, 0.0) + (int(stat[11]) + int(stat[12])) / _TICKS
    return found


def _rows(told: Told, again: Told, alarms: int, groups: int, critical: int, copies: int) -> list[tuple[str, ...]]:
    what = f"{alarms:,} alarms, {groups} groups, {critical} critical" + (f", each {copies + 1} times" if copies else "")
    deliveries = alarms * (copies + 1)
    meter, own = told.meter, sum(told.cpu.values())
    bar = SINGLE_MESSAGES + DIGESTS + critical
    present = len({name for name in told.critical if name in {f"h{n}" for n in range(critical)}})
    kinds = ", ".join(f"{name} {count}" for name, count in meter.kinds.most_common(8))
    shares = ", ".join(f"{name} {1000 * seconds / deliveries:.2f}" for name, seconds in sorted(told.cpu.items()))
    return [
        (what, "alerts that stand in the table", f"{told.firing:,}", f"{alarms:,}"),
        (what, "messages", str(told.messages), f"<= {bar}"),
        (what, "critical groups with a message of their own", str(present), str(critical)),
        (what, "messages of the same events again", str(again.messages), "0"),
        (what, "item writes an event, base table", f"{meter.items / alarms:.3f} ({kinds})", "<= 2.2"),
        (
            what,
            "write requests",
            f"{meter.requests:,}, of them refused {meter.refused}; condition checks {meter.checks:,}",
            "",
        ),
        (
            what,
            "write units an event",
            f"{meter.units / alarms:.2f}; in the indexes {meter.index_units / alarms:.2f}",
            "",
        ),
        (what, "index writes an event", f"{meter.index_items / alarms:.2f}", ""),
        (what, "reads an event", f"{meter.reads / alarms:.2f}, units {meter.read_units / alarms:.2f}", ""),
        (what, "functions' own CPU an event, ms", f"{1000 * own / deliveries:.2f} ({shares})", "<= 1.5"),
        (what, "runs", ", ".join(f"{name} {count}" for name, count in sorted(told.runs.items())), ""),
        (what, "wall, moto included", f"{told.wall:.1f} s, of it functions' CPU {own:.1f} s", ""),
        (what, "cost on AWS, USD for 10,000 alarms", f"{_cost(told, deliveries) * 10_000 / alarms:.3f}", ""),
    ]


def _cost(told: Told, deliveries: int) -> float:
    meter = told.meter
    writes = (meter.units + meter.index_units) * PER_WRITE_UNIT
    reads = meter.read_units * PER_READ_UNIT
    queue = deliveries / 10 * 2 * PER_SQS_REQUEST
    seconds = sum(told.cpu.values()) * SLOWER
    runs = sum(told.runs.values()) * PER_INVOCATION + seconds * MEMORY_GB * PER_GB_SECOND
    return writes + reads + queue + runs


if __name__ == "__main__":
    main()
