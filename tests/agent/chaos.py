"""The agent's store, delivery and CloudWatch sink on virtual time, in a process that is there to be killed.

`python -m tests.agent.chaos URL FOLDER RUN SEED UNTIL`: a window a minute from where the last run ended until minute
UNTIL, then until all is sent. FOLDER/committed has a line for each window that was committed. In the hours of FULL the
disk takes nothing. Kills itself amid a statement of SQLite now and then; RUN `last` does not.
"""

import json
import os
import random
import signal
import sys
from datetime import timedelta
from pathlib import Path

from agent.aws import Service
from agent.credentials import Provider
from agent.delivery import Delivery
from agent.sample import Datum, Window
from agent.sinks.cloudwatch import CloudWatch
from agent.store import Store
from core.catalogue import host
from tests.agent.fakes import NOON, FakeClock

MINUTE = timedelta(minutes=1)
SERIES = 3
FULL = range(5 * 60, 5 * 60 + 30)
"""The minutes in which the disk is full; nothing is killed in them and shortly after: memory does not outlive that."""
SAFE = range(FULL.start - 1, FULL.stop + 5)
KILLS_AFTER_INSTRUCTIONS = 40_000


def main(url: str, folder: Path, run: str, seed: int, until: int) -> None:
    chance = random.Random(f"{seed} {run}")
    committed = folder / "committed"
    lines = committed.read_text().splitlines() if committed.exists() else []
    minute = int(lines[-1].split()[1]) + 1 if lines else 0
    clock = FakeClock(NOON + minute * MINUTE)
    service = Service(
        url,
        name="monitoring",
        region="eu-west-1",
        protocol="1.0",
        target="GraniteServiceVersion20100801",
        provider=Provider(environment={"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}),
        now=clock.now,
    )
    sink = CloudWatch(service, namespace="CWAgent")
    store = Store(folder, sinks=[sink.name], limit_bytes=10**8, clock=clock, free=lambda _: (1, 1))
    delivery = Delivery(store, [sink], clock=clock, chance=chance.random)
    if run != "last":
        kill_amid_statements(store, chance, lambda: (clock.now() - NOON) // MINUTE not in SAFE)
    with committed.open("a", buffering=1) as log:
        while minute < until or delivery.left():
            if minute < until:
                disk_is_full(store, minute in FULL)
                delivery.offer(window(run, minute))
                log.write(f"{run} {minute}\n")
            minute += 1
            while (left := (NOON + minute * MINUTE - clock.now()).total_seconds()) > 0:
                clock.advance(min(max(delivery.turn(), 0.001), left))
    (folder / "counts").write_text(json.dumps(store.counts()))
    store.close()


def window(run: str, minute: int) -> Window:
    datums = tuple(
        Datum(host.SYSTEM_LOAD1, (("window", f"{run} {minute}"), ("n", str(n))), 1.0, 2.0, 3.0, 2, (1.0, 2.0), (1, 1))
        for n in range(SERIES)
    )
    return Window(NOON + minute * MINUTE, MINUTE, datums)


def disk_is_full(store: Store, full: bool) -> None:
    for spool in store.spools:
        if spool.path is not None:
            pages = spool._read("PRAGMA page_count", ())[0][0] if full else 2**30
            spool._read(f"PRAGMA max_page_count = {pages}", ())


def kill_amid_statements(store: Store, chance: random.Random, may_kill) -> None:
    left = [chance.randrange(KILLS_AFTER_INSTRUCTIONS)]

    def count() -> int:
        left[0] -= 1
        if left[0] <= 0 and may_kill():
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    for spool in store.spools:
        spool._database.set_progress_handler(count, 10)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
