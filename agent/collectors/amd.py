"""AMD GPUs through `amd-smi`, or the older `rocm-smi`, where one of them is installed; once a minute, as JSON.

Source: the ROCm documentation, "Using AMD SMI CLI tool" and "ROCm SMI CLI". Versions of amd-smi differ in what wraps
the list of GPUs and in how a value is written: {"value": 5, "unit": "%"}, or the number alone.
"""

import json
from collections.abc import Iterator
from typing import Any

from agent import programs
from agent.background import Background
from agent.collectors.gpu import Growing, samples_of
from agent.context import Context
from agent.gpu import Reading
from agent.sample import FOR_GOOD, NoData, Sample
from core.catalogue import gpu
from core.catalogue.metric import Metric

SECONDS = 60.0
RUN_SECONDS = 10.0
_MEBIBYTE = 2**20
_COMMANDS = {
    "amd-smi": ("metric", "--json"),
    "rocm-smi": ("--showuse", "--showmemuse", "--showmeminfo", "vram", "--showtemp", "--showpower", "--json"),
}

# amd-smi's group and names of each metric; the first that is a number.
_AMD_SMI: tuple[tuple[Metric, str, tuple[str, ...]], ...] = (
    (gpu.AMD_GPU_UTILIZATION, "usage", ("gfx_activity", "gfx_usage")),
    (gpu.AMD_GPU_UTILIZATION_MEMORY, "usage", ("umc_activity", "mem_usage")),
    (gpu.AMD_GPU_TEMPERATURE, "temperature", ("hotspot", "edge")),
    (gpu.AMD_GPU_TEMPERATURE_MEMORY, "temperature", ("mem",)),
    (gpu.AMD_GPU_POWER_DRAW, "power", ("socket_power", "average_socket_power", "current_power")),
)
_ROCM_SMI: tuple[tuple[Metric, tuple[str, ...]], ...] = (
    (gpu.AMD_GPU_UTILIZATION, ("GPU use (%)",)),
    (gpu.AMD_GPU_UTILIZATION_MEMORY, ("GPU Memory Read/Write Activity (%)",)),
    (gpu.AMD_GPU_TEMPERATURE, ("Temperature (Sensor junction) (C)", "Temperature (Sensor edge) (C)")),
    (gpu.AMD_GPU_TEMPERATURE_MEMORY, ("Temperature (Sensor memory) (C)",)),
    (
        gpu.AMD_GPU_POWER_DRAW,
        ("Current Socket Graphics Package Power (W)", "Average Graphics Package Power (W)"),
    ),
)


def parse(text: str) -> tuple[Reading, ...]:
    """Every GPU of either program's answer. Raises ValueError for what is neither."""
    try:
        told = json.loads(text)
    except ValueError:
        raise ValueError(f"amd-smi told no JSON: {text[:80]!r}") from None
    if isinstance(told, dict) and isinstance(told.get("gpu_data"), list):
        told = told["gpu_data"]
    if isinstance(told, list):
        return tuple(_from_amd_smi(index, one) for index, one in enumerate(told))
    if isinstance(told, dict) and any(name.startswith("card") for name in told):
        cards = sorted((int(name[4:]), one) for name, one in told.items() if name[:4] == "card" and name[4:].isdigit())
        return tuple(_from_rocm_smi(index, one) for index, one in cards)
    raise ValueError("neither a list of GPUs, as amd-smi tells, nor cards by name, as rocm-smi does")


def _from_amd_smi(index: int, told: dict[str, Any]) -> Reading:
    gauges: list[tuple[Metric, float]] = []
    for metric, group, names in _AMD_SMI:
        value = _first(told.get(group), names)
        if value is not None:
            gauges.append((metric, value))
    gauges += _memory(
        *(_times(_first(told.get("mem_usage"), (name,)), _MEBIBYTE) for name in ("used_vram", "total_vram"))
    )
    counters = tuple(
        (metric, int(count))
        for metric, name in (
            (gpu.AMD_GPU_ECC_UNCORRECTED, "total_uncorrectable_count"),
            (gpu.AMD_GPU_ECC_CORRECTED, "total_correctable_count"),
        )
        for count in (_first(told.get("ecc"), (name,)),)
        if count is not None
    )
    return Reading(int(_first(told, ("gpu",)) or index), tuple(gauges), counters)


def _from_rocm_smi(index: int, told: dict[str, Any]) -> Reading:
    gauges = [(metric, value) for metric, names in _ROCM_SMI if (value := _first(told, names)) is not None]
    names = ("VRAM Total Used Memory (B)", "VRAM Total Memory (B)")
    return Reading(index, (*gauges, *_memory(*(_first(told, (name,)) for name in names))))


def _memory(used: float | None, total: float | None) -> Iterator[tuple[Metric, float]]:
    if used is not None:
        yield gpu.AMD_GPU_MEMORY_USED, used
        if total:
            yield gpu.AMD_GPU_MEMORY_USED_PERCENT, min(100.0, 100.0 * used / total)


def _times(value: float | None, factor: int) -> float | None:
    return None if value is None else value * factor


def _first(group: object, names: tuple[str, ...]) -> float | None:
    """The first number under these names; None where the group, or every one, is missing or "N/A"."""
    if not isinstance(group, dict):
        return None
    for name in names:
        value: Any = group.get(name)
        if isinstance(value, dict):
            value = value.get("value")
        try:
            return float(value)
        except (TypeError, ValueError):
            continue
    return None


def run() -> str:
    """What the installed program says. Raises OSError or SubprocessError."""
    import subprocess  # here, as in other collectors of programs: most hosts have none, and do without it

    for name, arguments in _COMMANDS.items():
        program = programs.find(name)
        if program:
            command = [program, *arguments]
            return subprocess.run(command, capture_output=True, timeout=RUN_SECONDS, check=True, text=True).stdout
    raise FileNotFoundError(2, "not installed", "amd-smi")


class Amd:
    """Silent where neither program is installed."""

    def __init__(self, context: Context, runs: Background[str] | None = None) -> None:
        """`runs` are the program's, for tests."""
        if runs is None and context.gpu == "auto" and any(map(programs.find, _COMMANDS)):
            runs = Background("amd-smi", run, every_seconds=SECONDS, monotonic=context.monotonic)
        self._runs = runs
        self._growing = Growing()

    def collect(self) -> Iterator[Sample]:
        """Every GPU once a minute; raises NoData between."""
        if self._runs is None:
            raise NoData(FOR_GOOD)
        readings = parse(self._runs.take())
        yield Sample(gpu.AMD_GPU_COUNT, len(readings))
        for reading in readings:
            yield from samples_of(reading, self._growing)
