"""Runs `python -m cli`, and programs against what it serves, as a person at a terminal would."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from stacks.packaging import ROOT

PATIENCE = 120
"""Seconds until a command that hangs is killed."""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of mlwarden to its end."""
    command = [sys.executable, "-m", "cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)


@dataclass(frozen=True)
class Serving:
    """`mlwarden serve` in a process of its own."""

    process: subprocess.Popen[str]
    url: str

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; the exit status, and what was said on standard error."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said

    def control(self, route: str, wish: Mapping[str, Any] | None = None) -> Any:
        """Ask a control route, or with `wish` tell it something; its answer."""
        body = None if wish is None else json.dumps(wish).encode()
        with urllib.request.urlopen(f"{self.url}/_mlwarden/{route}", body, timeout=PATIENCE) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def serving(*arguments: str) -> Iterator[Serving]:
    """Start `mlwarden serve` with these arguments on a free port and wait until it says where it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "serve", "--port", "0", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    guard = threading.Timer(PATIENCE, process.kill)
    guard.start()
    try:
        with process:
            try:
                yield Serving(process, _url(process))
            finally:
                if process.poll() is None:
                    process.kill()
    finally:
        guard.cancel()
        guard.join()


def _url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("serving AWS on "):
            return line.split()[3]
    assert process.stderr is not None
    raise AssertionError(f"mlwarden serve ended before it served: {process.stderr.read()}")
