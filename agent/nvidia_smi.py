"""NVIDIA GPUs through `nvidia-smi -q -x`, where the driver's library cannot be loaded but its program runs.

Source: the document's own DTDs, nvsmi_device_v11 to v13, of which later ones rename elements and add some. The program
takes seconds of processor time on a host with many GPUs, so it runs once a minute.
"""

import re
import subprocess
from collections.abc import Callable, Iterator
from xml.etree import ElementTree

from agent import programs
from agent.background import Background
from agent.gpu import THROTTLE_REASONS, Partition, Reading, Report, memory, throttling
from agent.kernel_log import KernelLog, place
from core.catalogue import gpu
from core.catalogue.metric import Metric

SECONDS = 60.0
RUN_SECONDS = 10.0
STUCK_SECONDS = 2 * RUN_SECONDS
"""A run that was killed and is still there by then waits in the driver."""
_PROGRAM = "nvidia-smi"
_MEBIBYTE = 2**20
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

# Where a value is, by schema: the first that is there and is a number.
_GAUGES: tuple[tuple[Metric, tuple[str, ...]], ...] = (
    (gpu.NVIDIA_SMI_UTILIZATION_GPU, ("utilization/gpu_util",)),
    (gpu.NVIDIA_SMI_UTILIZATION_MEMORY, ("utilization/memory_util",)),
    (gpu.GPU_ENCODER_UTILIZATION, ("utilization/encoder_util",)),
    (gpu.GPU_DECODER_UTILIZATION, ("utilization/decoder_util",)),
    (gpu.NVIDIA_SMI_TEMPERATURE_GPU, ("temperature/gpu_temp",)),
    (gpu.GPU_TEMPERATURE_MEMORY, ("temperature/memory_temp",)),
    (gpu.GPU_TEMPERATURE_MARGIN, ("temperature/gpu_temp_tlimit",)),
    (
        gpu.NVIDIA_SMI_POWER_DRAW,
        (
            "gpu_power_readings/average_power_draw",
            "gpu_power_readings/power_draw",
            "gpu_power_readings/instant_power_draw",
            "power_readings/power_draw",
        ),
    ),
    (gpu.GPU_POWER_INSTANT, ("gpu_power_readings/instant_power_draw",)),
    (
        gpu.GPU_POWER_LIMIT,
        (
            "gpu_power_readings/current_power_limit",
            "power_readings/enforced_power_limit",
            "power_readings/power_limit",
        ),
    ),
    (gpu.NVIDIA_SMI_CLOCKS_CURRENT_SM, ("clocks/sm_clock",)),
    (gpu.NVIDIA_SMI_CLOCKS_CURRENT_MEMORY, ("clocks/mem_clock",)),
    (gpu.GPU_PERFORMANCE_STATE, ("performance_state",)),
    (gpu.GPU_REMAPPED_ROWS_CORRECTED, ("remapped_rows/remapped_row_corr",)),
    (gpu.GPU_REMAPPED_ROWS_UNCORRECTED, ("remapped_rows/remapped_row_unc",)),
    (gpu.NVIDIA_SMI_PCIE_LINK_GEN_CURRENT, ("pci/pci_gpu_link_info/pcie_gen/current_link_gen",)),
    (gpu.NVIDIA_SMI_PCIE_LINK_WIDTH_CURRENT, ("pci/pci_gpu_link_info/link_widths/current_link_width",)),
)
# v11 and v12 name reasons of throttling, later ones reasons of a clock event.
_REASONS = {
    0x02: "applications_clocks_setting",
    0x04: "sw_power_cap",
    0x08: "hw_slowdown",
    0x10: "sync_boost",
    0x20: "sw_thermal_slowdown",
    0x40: "hw_thermal_slowdown",
    0x80: "hw_power_brake_slowdown",
    0x100: "display_clocks_setting",
}
_ACTIONS = {"none": 0, "reset": 1, "reboot": 2, "drain p2p": 3, "drain and reset": 4}


def run() -> bytes:
    """What the program says, also where it failed for one GPU and told of the others.

    Raises OSError or SubprocessError.
    """
    program = programs.find(_PROGRAM)
    if not program:
        raise FileNotFoundError(2, "not installed", _PROGRAM)
    done = subprocess.run([program, "-q", "-x"], capture_output=True, timeout=RUN_SECONDS, check=False)
    said = done.stdout.strip()
    if not (said.startswith(b"<") and said.endswith(b"</nvidia_smi_log>")):
        done.check_returncode()
    return said


class NvidiaSmi:
    """The host's NVIDIA GPUs, once a minute; XIDs come from the kernel's log, where it may be read."""

    simulated = False
    seconds = 2.0

    def __init__(self, runs: Background[bytes], kernel: KernelLog) -> None:
        """`runs` are the program's."""
        self._runs = runs
        self._kernel = kernel
        self._indexes: dict[str, int] = {}
        self._seen: dict[int, list[int]] = {}
        self.ready = False

    def read(self) -> Report:
        """What the last run said.

        Raises NoData between runs, OSError or SubprocessError where it fails, Stuck where it hangs.
        """
        report = parse(self._runs.take())
        self.ready = True
        self._indexes = {place(one.bus): one.index for one in report.readings} or self._indexes
        return report

    def take_faults(self) -> dict[int, tuple[int, ...]]:
        """The XIDs since the previous take, of every GPU whose faults are reported."""
        if not self._indexes or not self._kernel.readable:
            return {}
        self.faults_waiting()
        seen, self._seen = self._seen, {}
        return {index: tuple(seen.get(index, ())) for index in sorted({*self._indexes.values(), *seen})}

    def faults_waiting(self) -> bool:
        """Whether a GPU reported something since the previous take."""
        for bus, code in self._kernel.xids() if self._indexes else ():  # till then the log keeps them
            if bus in self._indexes:
                self._seen.setdefault(self._indexes[bus], []).append(code)
        return bool(self._seen)

    def notify(self, ring: Callable[[], None]) -> None:
        """Call `ring` when the log has more."""
        self._kernel.notify(ring)

    def close(self) -> None:
        """Read the log no more."""
        self._kernel.close()


def on_this_host(monotonic: Callable[[], float]) -> NvidiaSmi:
    """With the program that is installed."""
    runs = Background(_PROGRAM, run, every_seconds=SECONDS, monotonic=monotonic, stuck_after=STUCK_SECONDS)
    return NvidiaSmi(runs, KernelLog())


def parse(document: bytes) -> Report:
    """Every GPU of the document. Raises ValueError for what is no such document."""
    try:
        root = ElementTree.fromstring(document)  # noqa: S314  the driver's own program wrote it
    except ElementTree.ParseError as error:
        raise ValueError(f"nvidia-smi: not XML: {error}") from None
    if root.tag != "nvidia_smi_log":
        raise ValueError(f"nvidia-smi: the document is {root.tag!r}, not nvidia_smi_log")
    return Report(tuple(_reading(index, found) for index, found in enumerate(root.iterfind("gpu"))))


def _reading(index: int, found: ElementTree.Element) -> Reading:
    counters = tuple(
        (metric, int(count))
        for metric, count in (
            (gpu.GPU_ECC_UNCORRECTED, _ecc(found, "uncorrectable", "double_bit")),
            (gpu.GPU_ECC_CORRECTED, _ecc(found, "correctable", "single_bit")),
            (gpu.GPU_PCIE_REPLAYS, _number(found, "pci/replay_counter")),
        )
        if count is not None
    )
    gauges = (*_plain(found), *memory(*_memory(found)), *_derived(found))
    return Reading(index, gauges, counters, found.findtext("uuid", ""), found.get("id", ""), tuple(_partitions(found)))


def _plain(found: ElementTree.Element) -> Iterator[tuple[Metric, float]]:
    for metric, paths in _GAUGES:
        value = next((value for value in (_number(found, path) for path in paths) if value is not None), None)
        if value is not None:
            yield metric, value


def _derived(found: ElementTree.Element) -> Iterator[tuple[Metric, float]]:
    clock, most = _number(found, "clocks/sm_clock"), _number(found, "max_clocks/sm_clock")
    if clock is not None and most:
        yield gpu.GPU_CLOCK_PERCENT, min(100.0, 100.0 * clock / most)
    reasons = _reasons(found)
    if reasons is not None:
        yield from throttling(reasons)
    for metric, name in (
        (gpu.GPU_REMAP_PENDING, "pending"),
        (gpu.GPU_REMAP_FAILED, "failure"),
    ):
        told = found.findtext(f"remapped_rows/remapped_row_{name}", "").strip().lower()
        if told in {"yes", "no"}:
            yield metric, told == "yes"
    action = found.findtext("gpu_recovery_action", "").strip().lower()
    if action in _ACTIONS:
        yield gpu.GPU_RECOVERY_ACTION, _ACTIONS[action]
    processes = found.find("processes")
    if processes is not None and not (processes.text or "").strip():
        yield gpu.GPU_PROCESSES, sum("C" in one.findtext("type", "") for one in processes.iterfind("process_info"))


def _memory(found: ElementTree.Element) -> tuple[int | None, ...]:
    mebibytes = (_number(found, f"fb_memory_usage/{name}") for name in ("used", "total", "free", "reserved"))
    return tuple(None if value is None else int(value) * _MEBIBYTE for value in mebibytes)


def _reasons(found: ElementTree.Element) -> int | None:
    for family in ("clocks_event_reasons", "clocks_event_reason", "clocks_throttle_reasons", "clocks_throttle_reason"):
        element = found.find(family)
        if element is not None:
            prefix = family.removesuffix("s")
            told = {
                bit: element.findtext(f"{prefix}_{name}", element.findtext(f"{prefix}s_{name}", "")).strip()
                for bit, name in _REASONS.items()
            }
            if any(told.values()):
                return sum(bit for bit in THROTTLE_REASONS if told[bit] == "Active")
    return None


def _ecc(found: ElementTree.Element, kind: str, old_kind: str) -> float | None:
    """The volatile count: a total in v11, of its parts in later ones; None where ECC is off."""
    volatile = found.find("ecc_errors/volatile")
    if volatile is None:
        return None
    total = _number(volatile, f"{old_kind}/total")
    if total is not None:
        return total
    counts = [
        value
        for element in volatile
        if element.tag.endswith(f"_{kind}") or element.tag.startswith(f"sram_{kind}_")
        for value in (_to_number(element.text),)
        if value is not None
    ]
    return sum(counts) if counts else None


def _partitions(found: ElementTree.Element) -> Iterator[Partition]:
    seen = set()
    for part in found.iterfind("mig_devices/mig_device"):
        number = _number(part, "gpu_instance_id")
        if number is not None and number not in seen:
            seen.add(number)
            shares = [one for one in memory(*_memory(part)) if one[0] is gpu.GPU_MEMORY_USED_PERCENT]
            if shares:
                yield Partition(int(number), ((gpu.GPU_MIG_MEMORY_USED_PERCENT, shares[0][1]),))


def _number(found: ElementTree.Element, path: str) -> float | None:
    return _to_number(found.findtext(path))


def _to_number(text: str | None) -> float | None:
    """The number in "85 C", "16x" or "P0"; None for N/A, [N/A], Requested functionality has been deprecated."""
    match = _NUMBER.search(text or "")
    return float(match[0]) if match else None
