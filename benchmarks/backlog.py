"""A backlog of fourteen days through the agent: `python -m benchmarks.backlog [--seconds 120] [--metrics 104]`.

Fills a spool with windows in which every series moved at each sample, then lets the agent's own loop, store, delivery
and sink drain it through TLS to a loopback server, two calls a second, while it samples this host each second.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from agent.aggregate import Aggregate, window_start
from agent.aws import Service
from agent.clock import Bell, SystemClock
from agent.collectors.registry import COLLECTORS, SECONDS
from agent.context import Context
from agent.credentials import Provider
from agent.delivery import Delivery
from agent.loop import Loop
from agent.sample import Sample, Window
from agent.sinks.cloudwatch import CloudWatch
from agent.spool import FILE, Spool
from agent.store import Store
from benchmarks.report import table
from core.catalogue import gpu as gpus
from core.catalogue import host
from core.catalogue.metric import Metric

DAYS = 14
MINUTE = timedelta(minutes=1)
SAMPLES = 12
"""A window's, at the default of one each five seconds."""
SINK = "cloudwatch"
LIMIT_BYTES = 128_000_000


def main() -> None:
    """Fill, drain for a while, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="how long to drain; the rest is extrapolated")
    parser.add_argument("--metrics", type=int, nargs="+", default=[104, 312])
    parser.add_argument("--days", type=float, default=DAYS)
    parser.add_argument("--drain", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drain:
        print(json.dumps(drain(Path(options.drain), options.seconds)))
        return
    rows = []
    for metrics in options.metrics:
        with tempfile.TemporaryDirectory() as folder:
            windows, size, seconds = fill(Path(folder), metrics, options.days)
            drained = measure(Path(folder), options.seconds)
            calls = drained["calls"] / drained["seconds"]
            minutes = windows / (drained["windows"] / drained["seconds"]) / 60
            rows.append(
                (
                    metrics,
                    f"{windows:,}",
                    f"{size / windows:,.0f}",
                    f"{size / 1e6:.0f}",
                    f"{1000 * seconds / windows:.2f}",
                    f"{calls:.2f}",
                    f"{minutes:.1f}",
                    f"{100 * drained['cpu'] / drained['seconds']:.2f}",
                    f"{drained['p99']:.1f}",
                    f"{drained['peak']:.1f}",
                )
            )
    table(
        (
            "metrics",
            "windows",
            "bytes per window",
            "MB on disk",
            "CPU ms per commit",
            "calls/s",
            "minutes to drain all",
            "CPU % of a core",
            "sampling jitter p99 ms",
            "peak RSS MiB",
        ),
        rows,
    )


def fill(folder: Path, metrics: int, days: float) -> tuple[int, int, float]:
    """How many windows were committed, the file's bytes, CPU seconds of the commits alone."""
    chance = Random(metrics)
    spool = Spool(folder / FILE, sinks=[SINK])
    count = int(days * 24 * 60)
    start = window_start(datetime.now(UTC), MINUTE) - count * MINUTE + timedelta(hours=2)
    kinds = [busy(metrics, chance) for _ in range(50)]
    cpu = 0.0
    for number in range(count):
        window = Window(start + number * MINUTE, MINUTE, kinds[number % len(kinds)])
        before = time.process_time()
        spool.add(window)
        cpu += time.process_time() - before
        spool.checkpoint()
    size = spool.used()
    spool.close()
    return count, size, cpu


def busy(metrics: int, chance: Random) -> tuple:  # type: ignore[type-arg]
    """A window in which nothing stands still: six in ten are gauges, two counters, two small counts."""
    aggregate = Aggregate((("InstanceId", "i-0123456789abcdef0"),))
    for number in range(metrics):
        for _ in range(SAMPLES):
            aggregate.add(Sample(*value(number, chance), (("index", str(number)),)))
    return aggregate.close(datetime.now(UTC), MINUTE).datums


def value(number: int, chance: Random) -> tuple[Metric, float]:
    """One sample of the numbered series."""
    match number % 10:
        case 0 | 1 | 2:
            return host.CPU_USAGE_ACTIVE, chance.uniform(5, 100)
        case 3 | 4:
            return host.MEM_USED, chance.gauss(6e10, 3e9)
        case 5:
            return gpus.NVIDIA_SMI_TEMPERATURE_GPU, chance.gauss(70, 5)
        case 6:
            return host.NET_PACKETS_RECV, float(chance.randrange(4_000))
        case 7:
            return host.NET_BYTES_RECV, float(chance.randrange(10**8))
        case _:
            return host.NET_DROP_IN, float(chance.choice((0, 0, 0, 1, 2)))


def measure(folder: Path, seconds: int) -> dict[str, float]:
    """The drain in a process of its own, which does not carry what only the server needs."""
    from benchmarks.contenders import ROOT
    from benchmarks.tls import serving

    with tempfile.TemporaryDirectory() as keys, serving(Path(keys)) as (url, requests):
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": url,
            "AWS_CA_BUNDLE": str(Path(keys) / "certificate.pem"),
        }
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.backlog", "--drain", str(folder), "--seconds", str(seconds)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(done.stdout) | {"calls": sum(requests.values())}


class LateClock(SystemClock):
    """Notes how late each sleep of the sampling thread ended, in ms."""

    def __init__(self) -> None:
        self.late: list[float] = []

    def sleep(self, seconds: float, wake: threading.Event) -> None:
        """Return after `seconds`, or as soon as `wake` is set."""
        before = time.monotonic()
        super().sleep(seconds, wake)
        if threading.current_thread() is threading.main_thread():
            self.late.append(1000 * (time.monotonic() - before - max(0.0, seconds)))


def drain(folder: Path, seconds: int) -> dict[str, float]:
    """Sample and send for so long."""
    clock = LateClock()
    service = Service(
        os.environ["AWS_ENDPOINT_URL"],
        name="monitoring",
        region="us-east-1",
        protocol="1.0",
        target="GraniteServiceVersion20100801",
        provider=Provider(environment={"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}),
        now=clock.now,
    )
    store = Store(folder, sinks=[SINK], limit_bytes=LIMIT_BYTES, clock=clock)
    delivery = Delivery(store, [CloudWatch(service, namespace="CWAgent")], clock=clock, chance=Random(1).random)
    context = Context(Path("/proc"), Path("/sys"), ("/",), "off", clock.monotonic)
    loop = Loop(
        {name: COLLECTORS[name](context) for name in COLLECTORS},
        aggregate=Aggregate((("host", "benchmark"),)),
        clock=clock,
        timer=time.perf_counter,
        sample_every=timedelta(seconds=1),
        window_length=MINUTE,
        hand_on=delivery.offer,
        every=SECONDS,
    )
    before, cpu, began = delivery.left(), time.process_time(), time.monotonic()
    delivery.start()
    bell = Bell()
    threading.Timer(seconds, bell.end).start()
    loop.run(bell)
    used, took = time.process_time() - cpu, time.monotonic() - began
    late = sorted(clock.late)
    return {
        "windows": before - delivery.left(),
        "cpu": used,
        "seconds": took,
        "p99": late[int(0.99 * (len(late) - 1))],
        "peak": int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) / 1024,
    }


if __name__ == "__main__":
    main()
