"""SIMULATED GPUs, for demonstrations on machines that have none: made-up numbers, never a measurement.

Only `gpu = "simulated"` in the configuration turns them on. The agent then logs a warning at its start and sends
`agent_simulated_gpus`, so that nobody takes the numbers for a device's.
"""

import math
from collections.abc import Callable

from agent.gpu import Reading, Report, memory
from core.catalogue import gpu

GPUS = 2
MEMORY_BYTES = 24 * 2**30
PERIOD_SECONDS = 600.0


class SimulatedGpus:
    """Two invented GPUs under a slow wave of load; a function of time alone, so that it repeats."""

    simulated = True
    seconds = 2.0
    ready = True

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic

    def read(self) -> Report:
        """The invented readings of this instant."""
        return Report(tuple(simulate(index, self._monotonic()) for index in range(GPUS)))

    def take_faults(self) -> dict[int, tuple[int, ...]]:
        """Invented GPUs do not break."""
        return dict.fromkeys(range(GPUS), ())

    def close(self) -> None:
        """Nothing is held."""

    def notify(self, ring: Callable[[], None]) -> None:
        """There is nothing to tell."""

    def faults_waiting(self) -> bool:
        """Never."""
        return False


def simulate(index: int, seconds: float) -> Reading:
    """The invented reading of one GPU, `seconds` into the simulation."""
    load = 0.5 + 0.35 * math.sin(2 * math.pi * (seconds / PERIOD_SECONDS + index / GPUS))
    used = int(MEMORY_BYTES * (0.35 + 0.3 * load))
    return Reading(
        index=index,
        gauges=(
            (gpu.NVIDIA_SMI_UTILIZATION_GPU, round(100 * load)),
            (gpu.NVIDIA_SMI_UTILIZATION_MEMORY, round(60 * load)),
            *memory(used, MEMORY_BYTES, MEMORY_BYTES - used, None),
            (gpu.NVIDIA_SMI_TEMPERATURE_GPU, round(38 + 34 * load)),
            (gpu.NVIDIA_SMI_POWER_DRAW, round(60 + 190 * load, 1)),
        ),
        counters=((gpu.GPU_ECC_UNCORRECTED, 0),),
    )
