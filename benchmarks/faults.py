"""How long a GPU's fault takes from the driver's event to the spool: `python -m benchmarks.faults`."""

import logging
import queue
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from agent.clock import Bell, SystemClock
from agent.config import Config
from agent.job import loop_of
from agent.sample import Window
from agent.spool import FILE, Spool
from benchmarks import fake_gpus
from benchmarks.contenders import GPUS, VALUES
from benchmarks.report import table

FAULTS = 50
APART_SECONDS = 0.3
LONGEST_SECONDS = 30.0
XID, OFF_THE_BUS = 0x8, 79  # nvml.h, nvmlEventTypeXidCriticalError; NVIDIA, "XID Errors"


def main() -> None:
    """Run and print."""
    logging.disable()  # of each fault
    rows = []
    for seconds in (1, 15, 60):
        took = sorted(fault_milliseconds(seconds))
        rows.append((seconds, len(took), f"{took[len(took) // 2]:.1f}", f"{took[-1]:.1f}"))
    table(("seconds between samples", "faults", "median ms", "longest ms"), rows)


def fault_milliseconds(sample_seconds: int) -> list[float]:
    """Of each fault, from the event of a fake driver until its window is committed, beside the host's collectors."""
    fake = fake_gpus.put(GPUS, VALUES)
    committed: queue.SimpleQueue[float] = queue.SimpleQueue()
    first, bell = threading.Event(), Bell()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as made:
        spool = Spool(Path(folder) / FILE, sinks=["cloudwatch"])
        made.callback(spool.close)

        def hand_on(window: Window) -> None:
            spool.add(window)
            if any(datum.is_fault for datum in window.datums):
                committed.put(time.monotonic())

        loop = loop_of(
            Config(sample_seconds=sample_seconds),
            SystemClock(),
            (("host", "benchmark"),),
            hand_on=hand_on,
            round_taken=first.set,
            made=made,
        )
        thread = threading.Thread(target=loop.run, args=(bell,), daemon=True)
        thread.start()
        first.wait(LONGEST_SECONDS)
        took = []
        for number in range(FAULTS):
            time.sleep(APART_SECONDS)
            told = time.monotonic()
            fake.xids.put((number % GPUS, OFF_THE_BUS, XID))
            took.append(1000 * (committed.get(timeout=LONGEST_SECONDS) - told))
        bell.end()
        thread.join(LONGEST_SECONDS)
    return took


if __name__ == "__main__":
    main()
