"""GPUs, each on its own and folded over the host: from NVML, from nvidia-smi or, when told so, simulated."""

import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from agent import programs
from agent.context import Context
from agent.gpu import Reading, Report, Source, XidClass, classify
from agent.guarded import Guarded, Stuck
from agent.nvml import Nvml, driver_present
from agent.sample import FOR_GOOD, Dimensions, NoData, Sample
from agent.simulated_gpu import GPUS, SimulatedGpus
from core.catalogue import agent_metric, gpu, host

log = logging.getLogger(__name__)

_FOLDED = frozenset(metric.name for metric in gpu.METRICS if set(agent_metric.HOST) <= set(metric.dimension_sets))
_OF_WORKLOADS = {
    gpu.NVIDIA_SMI_UTILIZATION_GPU.name: gpu.GPU_WORKLOAD_UTILIZATION,
    gpu.GPU_MEMORY_USED_PERCENT.name: gpu.GPU_WORKLOAD_MEMORY_USED_PERCENT,
    gpu.GPU_MIG_SM_ACTIVE.name: gpu.GPU_WORKLOAD_UTILIZATION,
    gpu.GPU_MIG_MEMORY_USED_PERCENT.name: gpu.GPU_WORKLOAD_MEMORY_USED_PERCENT,
}
_GIVEN = "NVIDIA_VISIBLE_DEVICES"
"""What NVIDIA's container runtime tells a container of the GPUs that it was given."""
ABSENT_SECONDS = 30.0
"""Between looks for GPUs where there are none: each is a turn for a second thread."""
_NVIDIA, _DISPLAY = "0x10de", "0x03"  # PCI's vendor and class codes


class Growing:
    """The counters of the previous look, by GPU."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, str], int] = {}

    def since(self, reading: Reading) -> Iterator[Sample]:
        """What each counter grew by; nothing at the first look, or where the driver was reloaded."""
        for metric, now in reading.counters:
            key = (reading.index, metric.name)
            before = self._before.get(key)
            self._before[key] = now
            if before is not None and now >= before:
                yield Sample(metric, now - before)


def parse_report(report: Report, growing: Growing, owners: Mapping[str, Collection[Dimensions]]) -> Iterator[Sample]:
    """The samples of one look.

    A metric that the fold carries comes twice: with the GPU's index, and without, so that the folded series has one
    sample a GPU and its maximum is the worst of them. `owners` are the workloads that GPUs are given to, by UUID:
    one that several share is each one's, for who uses how much of it nobody tells.
    """
    for reading in report.readings:
        yield from samples_of(reading, growing)
        if not owners:
            continue
        for uuids, gauges in (
            ((reading.uuid,), reading.gauges),
            *((one.uuids, one.gauges) for one in reading.partitions),
        ):
            for owner in {one for uuid in uuids for one in owners.get(uuid, ())}:
                for metric, value in gauges:
                    if metric.name in _OF_WORKLOADS:
                        yield Sample(_OF_WORKLOADS[metric.name], value, owner)


def samples_of(reading: Reading, growing: Growing) -> Iterator[Sample]:
    """One GPU's samples, and those for the fold."""
    dimensions = (("index", str(reading.index)),)
    folded = _FOLDED
    for metric, value in reading.gauges:
        yield Sample(metric, value, dimensions)
        if metric.name in folded:
            yield Sample(metric, value)
    for sample in growing.since(reading):
        yield Sample(sample.metric, sample.value, dimensions)
        if sample.metric.name in _FOLDED:
            yield sample
    for partition in reading.partitions:
        for metric, value in partition.gauges:
            yield Sample(metric, value, (*dimensions, ("mig", str(partition.number))))


def parse_faults(faults: Mapping[int, tuple[int, ...]]) -> Iterator[Sample]:
    """Counts by class, zero included, so that the first fault is a change and not a beginning; then each code's."""
    for index, xids in faults.items():
        dimensions = (("index", str(index)),)
        classes = [classify(xid) for xid in xids]
        for metric, kind in ((gpu.GPU_XID_CRITICAL, XidClass.CRITICAL), (gpu.GPU_XID_WARNING, XidClass.WARNING)):
            yield Sample(metric, classes.count(kind), dimensions)
            yield Sample(metric, classes.count(kind))
        yield Sample(gpu.GPU_XID_APPLICATION, classes.count(XidClass.APPLICATION), dimensions)
        for code in sorted(set(xids)):
            yield Sample(gpu.GPU_XID_ERRORS, xids.count(code), (*dimensions, ("code", str(code))))


def on_bus(sys_root: Path, environment: Mapping[str, str] = os.environ) -> int:
    """How many NVIDIA GPUs the PCI bus has, whatever the driver says; 0 in a container that was given only some.

    Those that another driver has, as for a virtual machine, are not counted.
    """
    if environment.get(_GIVEN, "all") != "all":
        return 0
    return sum(
        _line(device / "vendor") == _NVIDIA
        and _line(device / "class").startswith(_DISPLAY)
        and (device / "driver").resolve().name in {"nvidia", "driver"}  # the last: none has it
        for device in (sys_root / "bus/pci/devices").glob("*")
    )


def _line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def source_of(context: Context) -> Source | None:
    """Where the context says readings come from; nvidia-smi where the driver's library is not to be had."""
    match context.gpu:
        case "off":
            return None
        case "simulated":
            return SimulatedGpus(context.monotonic)
        case "auto" if driver_present() or not programs.find("nvidia-smi"):
            return Nvml(monotonic=context.monotonic)
        case "auto" | "nvidia-smi":
            from agent import nvidia_smi  # with an XML parser, which most hosts do without

            return nvidia_smi.on_this_host(context.monotonic)


class Gpu:
    """Reads the source from one thread of its own, because a driver's call may never return."""

    def __init__(self, context: Context, source: Source | None = None) -> None:
        """`source` is for tests; else the context says which."""
        source = source or source_of(context)
        self._source = source
        self._guarded = Guarded("gpu", source.read, budget_seconds=source.seconds) if source is not None else None
        self._owners = context.owners
        self._growing = Growing()
        self._lost: frozenset[int] = frozenset()
        self._expected = max(context.gpus, on_bus(context.sys_root)) if source and not source.simulated else 0
        self._seen = False
        self._owes_look = False
        if source is not None and source.simulated:
            log.warning("GPUs are SIMULATED: their numbers are made up", extra={"gpus": GPUS})

    def collect(self) -> Iterator[Sample]:
        """Every GPU's faults, then its values; raises Stuck while the driver hangs.

        With new faults there are no values: the driver may hang at what it just told of, and they do not wait for it.
        """
        if self._source is None or self._guarded is None:
            raise NoData(FOR_GOOD)
        faults = self._source.take_faults()
        if faults:
            yield from parse_faults(faults)
        self._owes_look = any(faults.values()) and not self._owes_look
        if self._owes_look:
            return
        try:
            report = self._ask(self._guarded)
        except Stuck:
            yield Sample(gpu.GPU_DRIVER_HUNG, 1)
            raise
        except NoData:
            if self._expected and not self._seen and self._source.ready:
                yield from self._counts(0)  # there are GPUs, and no driver for them
                return
            raise
        self._seen = True
        yield Sample(gpu.GPU_DRIVER_HUNG, 0)
        yield from self._counts(len(report.readings))
        yield from self._losses(report)
        yield from parse_report(report, self._growing, self._owners.by_uuid)
        if self._source.simulated:
            yield Sample(host.AGENT_SIMULATED_GPUS, len(report.readings))

    def _ask(self, guarded: Guarded[Report]) -> Report:
        try:
            return guarded.ask()
        except NoData:
            absent = not self._seen and self._source is not None and self._source.ready
            raise NoData(ABSENT_SECONDS if absent else 0.0) from None

    def close(self) -> None:
        """Let go of the driver, in the one thread that may hang with it."""
        if self._source is not None and self._guarded is not None:
            self._guarded.close(self._source.close)

    def pressing(self) -> bool:
        """Whether the next look should not wait for its time: faults came, or values are owed since."""
        return self._owes_look or (self._source is not None and self._source.faults_waiting())

    def notify(self, ring: Callable[[], None]) -> None:
        """Call `ring` when faults come."""
        if self._source is not None:
            self._source.notify(ring)

    def _counts(self, visible: int) -> Iterator[Sample]:
        self._expected = max(self._expected, visible)
        yield Sample(gpu.GPU_VISIBLE_COUNT, visible)
        yield Sample(gpu.GPU_EXPECTED_COUNT, self._expected)

    def _losses(self, report: Report) -> Iterator[Sample]:
        """Each loss once, when it happens."""
        lost = frozenset(report.lost)
        for index in sorted(lost - self._lost):
            log.error("GPU lost", extra={"gpu": index, "error": report.lost[index]})
        for index in sorted(lost | {reading.index for reading in report.readings}):
            happened = int(index in lost - self._lost)
            yield Sample(gpu.GPU_LOST, happened, (("index", str(index)),))
            yield Sample(gpu.GPU_LOST, happened)
        if lost or report.readings:  # else the driver is closed for a while, and nothing is known of any GPU
            self._lost = lost
