"""The same start gives the same run, to the byte."""

import os
import subprocess
import sys
from pathlib import Path

from stacks.packaging import ROOT
from tests.e2e.story import Told


def test_two_runs_from_the_same_start_give_byte_identical_messages_in_the_same_order_of_events(
    told: Told, assembly: Path
) -> None:
    config = ROOT / "config" / "default.toml"
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"

    again = subprocess.run(
        [sys.executable, "-m", "tests.e2e.story", str(assembly), str(config)],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert again.stdout.decode().splitlines() == told.lasting().splitlines()
