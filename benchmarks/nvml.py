"""What each of the agent's NVML calls takes on this host: `python -m benchmarks.nvml [--looks 120] [--fake]`.

Looks at the GPUs once a second, as the agent does, through the driver's own library; `--fake` shows how it prints where
there is none.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from typing import Any, ClassVar

from agent import nvml_device
from agent.nvml import Nvml
from agent.nvml_calls import Calls
from agent.sample import NoData
from benchmarks import fake_gpus
from benchmarks.contenders import GPUS, MOST_VALUES
from benchmarks.report import table


class Timed(Calls):
    """Notes the CPU and the wall microseconds of each call."""

    taken: ClassVar[defaultdict[str, list[tuple[float, float]]]] = defaultdict(list)

    def __call__(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """As the agent makes it."""
        cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
        try:
            return super().__call__(name, function, *arguments)
        finally:
            spent = (time.thread_time_ns() - cpu) / 1000, (time.perf_counter_ns() - wall) / 1000
            self.taken[getattr(function, "__name__", name)].append(spent)


def main() -> None:
    """Look and print. Exits with 1 where there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", type=int, default=120)
    parser.add_argument("--fake", action="store_true", help=f"{GPUS} GPUs that are not there")
    options = parser.parse_args()
    if options.fake:
        fake_gpus.put(GPUS, MOST_VALUES)
    looks = look(options.looks)
    if not looks:
        sys.exit("no GPU answers here: the driver's library is missing, or has none")
    cpu, wall = (median(each) for each in zip(*looks, strict=True))
    print(f"{len(looks)} looks: {cpu:.2f} ms CPU and {wall:.2f} ms each\n")
    table(
        ("call", "a look", "CPU median us", "median us", "longest us"),
        [
            (
                name,
                f"{len(spent) / len(looks):.1f}",
                f"{median(cpu for cpu, _ in spent):.1f}",
                f"{median(wall for _, wall in spent):.1f}",
                f"{max(wall for _, wall in spent):.1f}",
            )
            for name, spent in sorted(Timed.taken.items(), key=lambda one: -sum(wall for _, wall in one[1]))
        ],
    )


def look(count: int) -> list[tuple[float, float]]:
    """CPU and wall milliseconds of each look but the first two, which find out what there is."""
    vars(nvml_device)["Calls"] = Timed  # what the agent makes for each GPU
    source = Nvml(monotonic=time.monotonic)
    looks = []
    try:
        for number in range(count + 2):
            if number == 2:
                Timed.taken.clear()
            cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
            source.read()
            looks.append(((time.thread_time_ns() - cpu) / 1e6, (time.perf_counter_ns() - wall) / 1e6))
            time.sleep(1)
    except NoData:
        return []
    finally:
        source.close()
    return looks[2:]


if __name__ == "__main__":
    main()
