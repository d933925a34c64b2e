"""GPUs, each on its own and folded over the host, from NVML or, when told so, simulated."""

import logging
from collections.abc import Iterator, Mapping

from agent.context import Context
from agent.gpu import Reading, Report, Source, XidClass, classify
from agent.guarded import Guarded
from agent.nvml import Nvml
from agent.sample import NoData, Sample
from agent.simulated_gpu import GPUS, SimulatedGpus
from core.catalogue import host
from core.catalogue.metric import Metric

log = logging.getLogger(__name__)

READ_SECONDS = 2.0
"""How long the driver may take for all GPUs before the round goes on without them."""

_MEBIBYTE = 2**20


def parse_report(report: Report, *, errors_before: dict[int, int]) -> tuple[Sample, ...]:
    """The samples of one look. `errors_before` are the ECC counters of the previous look, by GPU.

    A metric that the fold carries comes twice: with the GPU's index, and without, so that the folded series has one
    sample a GPU and its maximum is the worst of them.
    """
    samples = [Sample(host.GPU_VISIBLE_COUNT, len(report.readings))]
    for reading in report.readings:
        dimensions = (("index", str(reading.index)),)
        for metric, value, folded in _values(reading, errors_before.get(reading.index)):
            if value is not None:
                samples.append(Sample(metric, value, dimensions))
                if folded:
                    samples.append(Sample(metric, value))
    return tuple(samples)


def _values(reading: Reading, errors_before: int | None) -> Iterator[tuple[Metric, float | None, bool]]:
    used, total = reading.memory_used_bytes, reading.memory_total_bytes
    yield host.NVIDIA_SMI_UTILIZATION_GPU, reading.utilization_percent, True
    yield host.NVIDIA_SMI_UTILIZATION_MEMORY, reading.memory_utilization_percent, False
    # As nvidia-smi prints them: MiB, under the unit that CloudWatch calls Megabytes.
    yield host.NVIDIA_SMI_MEMORY_USED, used / _MEBIBYTE if used is not None else None, False
    yield host.NVIDIA_SMI_MEMORY_TOTAL, total / _MEBIBYTE if total is not None else None, False
    yield host.GPU_MEMORY_USED_PERCENT, 100.0 * used / total if used is not None and total else None, True
    yield host.NVIDIA_SMI_TEMPERATURE_GPU, reading.temperature_celsius, True
    yield host.NVIDIA_SMI_POWER_DRAW, reading.power_watts, False
    yield host.GPU_ECC_UNCORRECTED, _growth(errors_before, reading.uncorrected_errors), True


def parse_faults(faults: Mapping[int, tuple[int, ...]]) -> Iterator[Sample]:
    """Counts by class, zero included, so that the first fault is a change and not a beginning."""
    for index, xids in faults.items():
        dimensions = (("index", str(index)),)
        classes = [classify(xid) for xid in xids]
        critical = classes.count(XidClass.CRITICAL)
        yield Sample(host.GPU_XID_CRITICAL, critical, dimensions)
        yield Sample(host.GPU_XID_CRITICAL, critical)
        yield Sample(host.GPU_XID_APPLICATION, classes.count(XidClass.APPLICATION), dimensions)


def _growth(before: int | None, now: int | None) -> int | None:
    if before is None or now is None or now < before:
        return None  # the first look, or the driver was reloaded
    return now - before


class Gpu:
    """Reads the source from one thread of its own, because a driver's call may never return."""

    def __init__(self, context: Context, source: Source | None = None) -> None:
        """`source` is for tests; else the context says which."""
        if source is None and context.gpu != "off":
            source = (
                SimulatedGpus(context.monotonic) if context.gpu == "simulated" else Nvml(monotonic=context.monotonic)
            )
        self._source = source
        self._guarded = Guarded("gpu", source.read, budget_seconds=READ_SECONDS) if source is not None else None
        self._errors: dict[int, int] = {}
        self._lost: frozenset[int] = frozenset()
        if source is not None and source.simulated:
            log.warning("GPUs are SIMULATED: their numbers are made up", extra={"gpus": GPUS})

    def collect(self) -> Iterator[Sample]:
        """Every GPU's faults, then its values; raises Stuck while the driver hangs."""
        if self._source is None or self._guarded is None:
            raise NoData
        yield from parse_faults(self._source.take_faults())
        report = self._guarded.ask()
        lost = frozenset(report.lost)
        for index in lost - self._lost:
            log.error("GPU lost", extra={"gpu": index, "error": report.lost[index]})
        self._lost = lost
        errors_before = self._errors
        self._errors = {
            reading.index: reading.uncorrected_errors
            for reading in report.readings
            if reading.uncorrected_errors is not None
        }
        yield from parse_report(report, errors_before=errors_before)
        if self._source.simulated:
            yield Sample(host.AGENT_SIMULATED_GPUS, len(report.readings))
