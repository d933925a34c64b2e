"""The router alone: cold start and warm events, `python -m benchmarks.router [--imports 15]`.

The packaged code runs in a fresh process without a network (`benchmarks/first_event.py`), some times over; the median
is told. In the row that says so nothing is compiled in advance, as on AWS; in the others everything is.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from benchmarks import report
from core.catalogue import facts
from core.config import load
from core.incidents import policyfile
from core.messages import templates
from core.settings import Router
from stacks import packaging
from stacks.deployed import alarms

RUNS = 7
CHILD = packaging.ROOT / "benchmarks" / "first_event.py"
_IMPORT = re.compile(r"^import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)$")


def main() -> None:
    """Package, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--imports", type=int, default=15, help="modules of the import table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = _unpack(Path(folder))
        source = [_run(path, "-B") for _ in range(RUNS)]
        _run(path)
        compiled = [_run(path) for _ in range(RUNS)]
        report.table(("router", "result", "bar"), _rows(source, compiled))
        report.table(("module", "itself, ms", "with what it imports, ms"), _imports(path, options.imports))


def _unpack(folder: Path) -> list[Path]:
    config = load((packaging.ROOT / "config" / "default.toml").read_text())
    told = packaging.facts(
        alarms=facts.encode(alarms(config)),
        policy=policyfile.encode(policyfile.of(config)),
        templates=templates.encode(templates.NONE),
    )
    for package in (packaging.functions(), packaging.dependencies(), told):
        with zipfile.ZipFile(package.path) as archive:
            archive.extractall(folder)
    return [folder, folder / "python"]


def _run(path: list[Path], *flags: str) -> dict[str, float]:
    ran = _child(path, *flags)
    found: dict[str, float] = json.loads(ran.splitlines()[-1])
    return found


def _child(path: list[Path], *flags: str) -> str:
    queue = "https://sqs.us-east-1.amazonaws.com/123456789012/q"
    topics = {
        severity: f"arn:aws:sns:us-east-1:123456789012:{severity}" for severity in ("critical", "warning", "info")
    }
    settings = Router("bench", "t", queue, queue, queue, topics, "https://runbooks.example.com", 90)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        **settings.to_environment(),
    }
    done = subprocess.run(
        [sys.executable, "-P", "-S", *flags, str(CHILD)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the router's process ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stderr


def _rows(source: list[dict[str, float]], compiled: list[dict[str, float]]) -> list[tuple[str, str, str]]:
    def middle(runs: list[dict[str, float]], name: str) -> str:
        return f"{1000 * statistics.median(run[name] for run in runs):.2f}"

    return [
        ("imports, CPU ms", middle(compiled, "import"), ""),
        ("imports to first event, CPU ms", middle(compiled, "first"), "< 300"),
        ("imports to first event, wall ms", middle(compiled, "first_wall"), ""),
        ("the same with nothing compiled, CPU ms", middle(source, "first"), ""),
        ("one warm event, median ms", middle(compiled, "median"), ""),
        ("one warm event, p99 ms", middle(compiled, "p99"), "< 15"),
        ("an event of a batch of 100, ms", middle(compiled, "batch"), ""),
    ]


def _imports(path: list[Path], count: int) -> list[tuple[str, str, str]]:
    """The modules that take longest by themselves, as `-X importtime` tells."""
    told = [_IMPORT.match(line) for line in _child(path, "-X", "importtime").splitlines()]
    lines = [(int(match[1]), int(match[2]), match[4]) for match in told if match]
    return [
        (f"`{name}`", f"{own / 1000:.1f}", f"{whole / 1000:.1f}")
        for own, whole, name in sorted(lines)[: -count - 1 : -1]
    ]


if __name__ == "__main__":
    main()
