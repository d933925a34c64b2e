"""The agent's weight beside others', all at once on the same machine: `python -m benchmarks.agent [--seconds 180]`.

Everyone takes a sample each second (the agent with "15 s" each 15 seconds); those that can send do, each minute through
TLS to a loopback server. Others are found on the path, or in the folder that `--tools` names, such as the `bin` of a
virtual environment with glances, mlflow and nvitop-exporter. Prints Markdown.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.loop import FIRST_ROUND
from benchmarks import backlog, contenders, fake_gpus, weight
from benchmarks.contenders import ROOT, Contender
from benchmarks.report import table
from benchmarks.tls import CERTIFICATE, serving

WARM_UP_SECONDS = 75
"""What starting costs, the first connection and what is loaded for it, is told apart from what running costs."""
HOUR = 3600
SAMPLES = 300
"""Of a host, timed without anything around them."""


@dataclass
class Race:
    """A contender at work, and what was measured of it."""

    contender: Contender
    process: "subprocess.Popen[str]"
    first_sample: float = 0.0
    before: float = 0.0
    cpu: float = 0.0
    resident: float = 0.0
    private: float = 0.0
    lost: bool = False

    def watch(self) -> None:
        """Note what starting took, when the agent says that it has its first samples; read on, so that it can write."""
        for line in self.process.stderr or ():
            if FIRST_ROUND in line and not self.first_sample:
                self.first_sample = weight.cpu_seconds(self.process.pid)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=180, help="after the warm-up; whole minutes are fairest")
    parser.add_argument("--tools", type=Path, help="a folder with more programs than the path has")
    parser.add_argument("--only", nargs="*", help="the names of those to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as (url, requests):
        folder = Path(name)
        everybody = [*contenders.ours(folder), *contenders.rivals(folder, options.tools, free_port)]
        if options.only:
            everybody = [one for one in everybody if one.name in options.only]
        races = [Race(one, start(one, url, folder)) for one in everybody if not one.missing]
        try:
            measure(races, options.seconds)
            sent = Counter(requests)  # before stopping makes them send what they have
        finally:
            stop(races)
    report(races, sent, options.seconds)
    for one in everybody:
        if one.missing:
            print(f"\n{one.name}: {one.missing}.")
    peak, cpu = credential_child()
    print(
        f"\nThe credential child (botocore's chain, once an hour): {peak:.1f} MiB at its peak, "
        f"{1000 * cpu:.0f} ms CPU, which is {100 * cpu / HOUR:.4f} % of a core."
    )
    print(f"A sample of this host: {1000 * sample_seconds():.3f} ms CPU.")
    for values in (contenders.VALUES, contenders.MOST_VALUES):
        share = fake_gpus.fake_seconds(contenders.GPUS, values)
        print(
            f"Of a look at {contenders.GPUS} GPUs of {values} values, {1000 * share:.3f} ms CPU are the fake's own "
            f"(without pauses between looks), which is {100 * share:.3f} % of a core at one look a second."
        )
    for metrics in (104, 312):
        with tempfile.TemporaryDirectory() as name:
            windows, size, _ = backlog.fill(Path(name), metrics, days=0.5)
        print(f"A window of {metrics} busy metrics: {size / windows:,.0f} bytes in the spool.")


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start(contender: Contender, url: str, folder: Path) -> "subprocess.Popen[str]":
    """Start one contender against the loopback server."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "AWS_ACCESS_KEY_ID": contender.key,
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "AWS_CA_BUNDLE": str(folder / CERTIFICATE),
        "AWS_EC2_METADATA_DISABLED": "true",
        **contender.environment,
    }
    return subprocess.Popen(
        contender.command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )


def measure(races: Sequence[Race], seconds: int) -> None:
    """Processor time over the measured seconds, memory at its highest."""
    for race in races:
        threading.Thread(target=race.watch, daemon=True).start()
    work(races, WARM_UP_SECONDS)
    for race in races:
        race.before = weight.cpu_seconds(race.process.pid)
    work(races, seconds)
    for race in races:
        race.lost = race.process.poll() is not None
        race.cpu = weight.cpu_seconds(race.process.pid) - race.before


def work(races: Sequence[Race], seconds: int) -> None:
    """Let so many seconds pass; ask those that have to be asked."""
    began = time.monotonic()
    for second in range(seconds):
        for race in races:
            if race.contender.each_second is not None:
                race.contender.each_second()
            if second % 5 == 4:
                held = weight.memory(race.process.pid)
                race.resident, race.private = max(race.resident, held.resident), max(race.private, held.private)
        time.sleep(max(0.0, began + second + 1 - time.monotonic()))


def stop(races: Sequence[Race]) -> None:
    """End them all."""
    for race in races:
        race.process.terminate()
    for race in races:
        try:
            race.process.wait(10)
        except subprocess.TimeoutExpired:
            race.process.kill()
            race.process.wait()


def report(races: Sequence[Race], sent: Counter[str], seconds: int) -> None:
    """The table."""
    print(f"{seconds} s after {WARM_UP_SECONDS} s of warm-up, all at once\n")
    table(
        ("", "RSS MiB", "private MiB", "CPU % of a core", "CPU ms to the first sample", "requests", "does"),
        [
            (
                race.contender.name,
                "ended early" if race.lost else f"{race.resident:.1f}",
                "" if race.lost else f"{race.private:.1f}",
                "" if race.lost else f"{100 * race.cpu / seconds:.3f}",
                f"{1000 * race.first_sample:.0f}" if race.first_sample else "",
                sent[race.contender.key] or "",
                race.contender.does,
            )
            for race in races
        ],
    )


def credential_child() -> tuple[float, float]:
    """Peak resident MiB and CPU seconds of botocore's chain, run as the agent runs it, on keys from a file."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "credentials"
        keys.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
        child = subprocess.Popen(
            [sys.executable, "-m", "agent.credentials"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "AWS_SHARED_CREDENTIALS_FILE": str(keys)},
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise SystemExit(f"the credential child failed with {child.returncode}")
        return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


SAMPLE = """
import json, time
from agent import job
from agent.clock import SystemClock
from agent.config import load
class Clock(SystemClock):
    seconds = 0.0
    def monotonic(self):
        return self.seconds
clock = Clock()
config = load('host = "benchmark"\\nsample_seconds = 1')
loop = job.loop_of(config, clock, (("host", "benchmark"),), hand_on=lambda window: None)
now = clock.now()
for _ in range(20):
    clock.seconds += 1
    loop.round(now)
before = time.process_time()
for _ in range({samples}):
    clock.seconds += 1
    loop.round(now)
print(json.dumps((time.process_time() - before) / {samples}))
"""


def sample_seconds() -> float:
    """CPU seconds of one round of this host's collectors with the folding of what they saw, without pauses.

    The mean over rounds that are a second apart by the agent's clock, so that those who look less often count as often
    as they do.
    """
    done = subprocess.run(
        [sys.executable, "-c", SAMPLE.format(samples=SAMPLES)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(json.loads(re.findall(r"[\d.e-]+", done.stdout)[-1]))


if __name__ == "__main__":
    main()
