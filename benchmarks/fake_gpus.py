"""The agent on a host with GPUs that are not there: `python -m benchmarks.fake_gpus COUNT VALUES run`.

The fake is NVML at its C interface, in Python, under NVIDIA's own binding: what it costs beside the driver's library is
in the agent's figures, and told apart by `fake_seconds`.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import pynvml

from agent import __main__, nvml
from agent.gpu import Reading
from tests.agent.fake_nvml import GIB, NOT_SUPPORTED, FakeGpu, FakeNvml

FIELDS = {82: 71, 230: 0, 94: 0, 197: 0, 198: 0, 138: 0, 139: 0, 38: 0}
ACTIVITY = {2: 95.0, 3: 40.0, 5: 60.0, 10: 30.0}
OLD_LACKS = (
    "nvmlDeviceGetFieldValues",
    "nvmlDeviceGetMarginTemperature",
    "nvmlDeviceGetEncoderUtilization",
    "nvmlDeviceGetDecoderUtilization",
    "nvmlDeviceGetJpgUtilization",
    "nvmlDeviceGetOfaUtilization",
    "nvmlDeviceGetRemappedRows",
    "nvmlDeviceGetRetiredPages",
    "nvmlDeviceGetRetiredPagesPendingStatus",
    "nvmlDeviceGetGpuFabricInfoV",
)
REPLAYS = 300


class Forgetful(list[str]):
    """Takes notes and keeps none: a test's list of calls grows for ever."""

    def append(self, _: str) -> None:
        """Nothing."""


def hopper(number: int) -> FakeGpu:
    """A GPU of Hopper that supports everything but MIG: 48 values."""
    return FakeGpu(
        utilization=80 + number,
        memory_used=(40 + number) * GIB,
        temperature=60 + number,
        fields=dict(FIELDS),
        activity=dict(ACTIVITY),
        fabric=3,
    )


def old(number: int) -> FakeGpu:
    """A GPU that tells load, memory, power, clocks, throttling, processes, its link, ECC and energy: 26 values."""
    return FakeGpu(
        utilization=80 + number,
        memory_used=(40 + number) * GIB,
        temperature=60 + number,
        errors=dict.fromkeys(OLD_LACKS, NOT_SUPPORTED),
    )


KINDS: dict[int, Callable[[int], FakeGpu]] = {26: old, 48: hopper}
"""By how many values the agent reads of one."""


def put(count: int, values: int) -> FakeNvml:
    """Put the GPUs there."""
    fake = FakeNvml(*map(KINDS[values], range(count)))
    fake.calls = Forgetful()
    pynvml.nvmlLib = fake
    pynvml._nvmlGetFunctionPointer_cache.clear()
    nvml.driver_present.__code__ = (lambda: True).__code__
    return fake


class Recorder:
    """A library that notes each call and passes it on."""

    def __init__(self, fake: FakeNvml) -> None:
        self._fake = fake
        self.calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self._fake, name)

        def call(*arguments: Any) -> Any:
            self.calls.append((function, arguments))
            return function(*arguments)

        return call


def fake_seconds(count: int, values: int) -> float:
    """CPU seconds of the fake's own code in one look at all its GPUs: the calls of a look, made again without an agent.

    Raises SystemExit where the agent reads another number of values.
    """
    recorder = Recorder(put(count, values))
    pynvml.nvmlLib = recorder
    pynvml._nvmlGetFunctionPointer_cache.clear()
    now = 0.0
    source = nvml.Nvml(monotonic=lambda: now)
    first = source.read().readings[0]
    now = 1.0
    second = source.read().readings[0]
    found = len(names(first) | names(second))
    if found != values:
        raise SystemExit(f"the agent reads {found} values of a fake GPU, not {values}")
    now = 2.0
    recorder.calls.clear()
    source.read()
    calls = [(call, arguments) for call, arguments in recorder.calls if call.__name__ != "nvmlEventSetWait_v2"]
    source.close()
    before = time.process_time()
    for _ in range(REPLAYS):
        for call, arguments in calls:
            call(*arguments)
    return (time.process_time() - before) / REPLAYS


def names(reading: Reading) -> set[str]:
    """The metrics of a look."""
    return {metric.name for metric, _ in (*reading.gauges, *reading.counters)}


def main(count: int, values: int, arguments: list[str]) -> int:
    """Put the GPUs there, and run the agent."""
    put(count, values)
    return __main__.main(arguments)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
