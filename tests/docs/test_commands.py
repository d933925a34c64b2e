"""Every command in a fenced `console` block of README.md and docs/ is known here, with what proves it."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
IN_AN_ACCOUNT = "aws "
"""Runbooks address a real account; their commands are held against the AWS CLI's own models below."""

PROVEN_ELSEWHERE = {
    "make demo": "tests/e2e/test_demo.py runs what the target runs",
    'make demo ARGS="--once --json"': "tests/e2e/test_demo.py",
    "make test": "this run",
    "make check": ".ci/run",
    "make check test": ".ci/run",
    ".venv/bin/python -m cli serve": "tests/e2e/test_awscli.py",
    ".venv/bin/python -m cli serve --empty": "tests/e2e/test_cdk_cli.py",
    "make node_modules/.installed": "make test needs it",
    """curl -d '{"service": "dynamodb", "operation": "TransactWriteItems", "error": "InternalServerError", """
    """"times": 3}' \\""": "tests/e2e/test_serve_control.py",
    ".venv/bin/python -m cli test my-alarms.toml --junit junit.xml": "tests/alarmtests/test_runner.py",
    ".venv/bin/python -m cli backtest --days 14 --pages-per-week 2": "tests/backtest/test_command.py",
    ".venv/bin/python -m cli backtest --csv history.csv --json": "tests/backtest/test_command.py",
    ".venv/bin/python -m cli incidents list --days 1": "tests/cli/test_incidents_commands.py",
    ".venv/bin/python -m cli incidents show INC-20261121-0bc18df2": "tests/cli/test_incidents_commands.py",
    ".venv/bin/python -m cli incidents silence create 'subject=\"ranker\"' --duration 2h --comment deploy": (
        "tests/cli/test_incidents_commands.py"
    ),
    ".venv/bin/python -m cli incidents silence list": "tests/cli/test_incidents_commands.py",
    ".venv/bin/python -m cli incidents silence expire 6f1c9d0e5a7b3c21": "tests/cli/test_incidents_commands.py",
    ".venv/bin/python -m cli incidents replay --dry-run": "tests/cli/test_incidents_commands.py",
}
"""Commands that another test or CI itself runs."""

DRY = {
    "make deploy CONFIG=config/example-production.toml",
    "make synth CONFIG=config/example-production.toml",
    "make lock",
    "make docs",
}
"""Commands that need an account, a registry or change the tree: make must know them and what they would run."""

BENCHMARKS = {
    ".venv/bin/python -m benchmarks.agent --seconds 180",
    ".venv/bin/python -m benchmarks.backlog",
    ".venv/bin/python -m benchmarks.evaluation",
    ".venv/bin/python -m benchmarks.faults",
    ".venv/bin/python -m benchmarks.incidents",
    ".venv/bin/python -m benchmarks.nvml",
    ".venv/bin/python -m benchmarks.promtool",
    ".venv/bin/python -m benchmarks.router",
    ".venv/bin/python -m benchmarks.storm --alarms 10000",
    ".venv/bin/python -m benchmarks.virtual_day --alarms 10000 100000",
    ".venv/bin/python -m benchmarks.wire",
}
"""Measured by hand, never timed in a test: here only that the command line is right."""

RUN = {
    ".venv/bin/python -m agent --once --sink stdout",
    ".venv/bin/python -m agent check-config",
    ".venv/bin/python -m cli incidents simulate docs/examples/day.jsonl --config docs/examples/routes.toml --decisions",
    ".venv/bin/python -m cli test tests/alarms",
    ".venv/bin/python -m cli test tests/alarms/endpoint.toml --only silence",
}
"""Commands that are run here as they stand."""


def commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.splitlines():
                if line.startswith("$ "):
                    yield str(page.relative_to(ROOT)), line[2:].split("  #")[0].strip()


FOLLOWED = {"docs/install-agent.md": "tests/docs/test_install_agent.py follows it"}
"""Pages whose commands belong together."""

CDK = "cdk "
"""tests/e2e/test_cdk_cli.py runs what docs/embedded-aws.md says, and checks that it left nothing out."""


@pytest.mark.parametrize("page,command", list(dict.fromkeys(commands())))
def test_a_documented_command_is_proven(page: str, command: str) -> None:
    if page in FOLLOWED or command in PROVEN_ELSEWHERE or command.startswith((IN_AN_ACCOUNT, CDK)):
        return
    assert command in DRY | BENCHMARKS | RUN, f"{page}: no test proves `{command}`; add it to {Path(__file__).name}"
    arguments = [sys.executable if word == ".venv/bin/python" else word for word in shlex.split(command)]
    if command in DRY:
        arguments.append("--dry-run")
    elif command in BENCHMARKS:
        arguments.append("--help")

    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr


def test_the_readme_is_short_and_names_both_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert len(text.splitlines()) < 120
    assert "$ make demo" in text
    assert "$ make test" in text


def test_a_command_that_nobody_listed_would_be_found() -> None:
    page = "```console\n$ make nonsense\nsome output\n```"

    found = [line for block in BLOCK.findall(page) for line in block.splitlines() if line.startswith("$ ")]

    assert found == ["$ make nonsense"]
