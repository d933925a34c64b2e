import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.packing import LOOK_AHEAD
from tests.agent.chaos import SAFE, SERIES
from tests.agent.fakes import NOON, Request, loopback

ROOT = Path(__file__).parents[2]
MINUTES = 9 * 60
OUTAGE = range(2 * 60, 4 * 60 + 20)
THROTTLED = range(6 * 60, 6 * 60 + 30)
MOST_RUNS = 200


class Chaos:
    """A CloudWatch that keeps what it applied, and is away, throttles, hangs up and kills its client."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.applied: Counter[tuple[str, str]] = Counter()
        self.client = 0
        self.happened: Counter[str] = Counter()
        self.calm = False
        self.unanswered = set()
        self.resends = 0

    def __call__(self, request: Request):
        """Answer, and count the windows that come again after a request without a clear answer."""
        windows = {datum["Dimensions"][0]["Value"] for datum in request.json()["MetricData"]}
        self.resends += len(windows & self.unanswered)
        try:
            status, content = self.answer(request)
        except ConnectionResetError:
            self.unanswered |= windows
            raise
        if status == 500:
            self.unanswered |= windows
        elif status == 200:
            self.unanswered -= windows
        return status, content

    def answer(self, request):
        minute = self.minute(request)
        if self.calm:
            return self.apply(request)
        if minute in OUTAGE:
            return self.hang_up("outage")
        if minute in THROTTLED and self.chance.random() < 0.7:
            self.happened["throttled"] += 1
            return 400, {"__type": "ThrottlingException", "message": "Rate exceeded"}
        lot = self.chance.random()
        if lot < 0.03 and minute not in SAFE:
            self.kill("killed before")
        elif lot < 0.06 and minute not in SAFE:
            self.apply(request)
            self.kill("killed after")
        elif lot < 0.09:
            self.apply(request)
            self.hang_up("answer lost")
        elif lot < 0.12:
            self.happened["failed"] += 1
            return 500, {"__type": "InternalFailure"}
        return self.apply(request)

    def apply(self, request):
        for datum in request.json()["MetricData"]:
            dimensions = {one["Name"]: one["Value"] for one in datum["Dimensions"]}
            self.applied[dimensions["window"], dimensions["n"]] += 1
            assert [1, 1] == datum["Counts"]
        return 200, {}

    def kill(self, why):
        os.kill(self.client, signal.SIGKILL)
        self.hang_up(why)

    def hang_up(self, why):
        self.happened[why] += 1
        raise ConnectionResetError

    def minute(self, request):
        at = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return int((at - NOON).total_seconds() // 60)


def run_client(chaos, url, folder, run, seed):
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.agent.chaos", url, str(folder), run, str(seed), str(MINUTES)], cwd=ROOT
    )
    chaos.client = process.pid
    return process.wait(60)


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 3))])
def test_through_outage_throttling_kills_and_a_full_disk_nothing_is_missing_and_every_repeat_was_counted(
    tmp_path, seed
):
    chaos = Chaos(seed)
    with loopback(chaos) as server:
        runs = 0
        while (status := run_client(chaos, server.url, tmp_path, f"r{runs}", seed)) != 0:
            assert status == -signal.SIGKILL
            runs += 1
            assert runs < MOST_RUNS
        chaos.calm = True
        assert 0 == run_client(chaos, server.url, tmp_path, "last", seed)

    committed = (tmp_path / "committed").read_text().splitlines()
    expected = {(window, str(n)) for window in committed for n in range(SERIES)}
    assert set() == expected - set(chaos.applied), "missing"
    repeats: Counter[str] = Counter()
    for (window, _), times in chaos.applied.items():
        repeats[window] = max(repeats[window], times - 1)
    counts = json.loads((tmp_path / "counts").read_text())
    assert sum(repeats.values()) <= counts["resends"]
    assert {"resends"} == set(counts), "nothing was dropped, degraded or set aside"
    assert {str(minute) for minute in range(MINUTES)} == {window.split()[1] for window in committed}
    # The test is worth something only if all of it happened.
    assert {"outage", "throttled", "killed before", "killed after", "answer lost", "failed"} == set(chaos.happened)
    assert runs >= chaos.happened["killed before"] + chaos.happened["killed after"]
    assert sum(repeats.values()) > 0
    # Attempts that were noted and killed before they left are counted too.
    assert chaos.resends <= counts["resends"] <= chaos.resends + runs * LOOK_AHEAD
