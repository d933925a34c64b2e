"""One GPU through NVML: what is asked at each look.

NVML's GetPcieThroughput is not among the calls: it blocks for 20 ms a direction. The counters of PCIe and NVLink come
as fields, all in one call.
"""

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

from agent.every import Every
from agent.gpu import Reading, throttling
from agent.nvml_activity import Activity
from agent.nvml_calls import LOST, SUCCESS, UNAVAILABLE, Calls, Lost
from agent.nvml_seldom import Seldom
from core.catalogue import gpu
from core.catalogue.metric import Metric

COUNTERS_SECONDS = 10.0
"""Between looks at the counters that come as fields: their sums are the same as of more looks."""

# nvml.h, NVML_FI_*: id, scope, metric, and what one step of the counter is in the metric's unit.
_ALL_LINKS = 0xFFFFFFFF
_MEMORY_TEMPERATURE, _POWER_INSTANT, _RECOVERY_ACTION = 82, 186, 230
_COUNTER_FIELDS: dict[tuple[int, int], tuple[Metric, int]] = {
    (94, 0): (gpu.GPU_PCIE_REPLAYS, 1),
    (197, 0): (gpu.GPU_PCIE_TX_BYTES, 1),
    (198, 0): (gpu.GPU_PCIE_RX_BYTES, 1),
    (138, _ALL_LINKS): (gpu.GPU_NVLINK_TX_BYTES, 1024),
    (139, _ALL_LINKS): (gpu.GPU_NVLINK_RX_BYTES, 1024),
    (38, 0): (gpu.GPU_NVLINK_ERRORS, 1),  # CRC of flits
    (45, 0): (gpu.GPU_NVLINK_ERRORS, 1),  # CRC of data
    (52, 0): (gpu.GPU_NVLINK_ERRORS, 1),  # replays
    (59, 0): (gpu.GPU_NVLINK_ERRORS, 1),  # recoveries
}
# Blackwell's, in the place of those above where they are not supported.
_LATER_FIELDS: dict[tuple[int, int], tuple[Metric, int]] = {
    (202, _ALL_LINKS): (gpu.GPU_NVLINK_TX_BYTES, 1),
    (204, _ALL_LINKS): (gpu.GPU_NVLINK_RX_BYTES, 1),
}
# nvml.h, nvmlValueType_t, by the union's members
_MEMBERS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")


class Device:
    """One GPU of one generation of NVML."""

    def __init__(self, nvml: Any, index: int, handle: Any, monotonic: Callable[[], float]) -> None:
        """`nvml` is the pynvml module, initialized. Raises Lost."""
        self._nvml = nvml
        self._index = index
        self._handle = handle
        self._call = call = Calls(nvml)
        self._gauge_fields = [(_MEMORY_TEMPERATURE, 0), (_POWER_INSTANT, 0), (_RECOVERY_ACTION, 0)]
        self._counter_fields = [*_COUNTER_FIELDS, *_LATER_FIELDS]
        self._counted = Every(COUNTERS_SECONDS, monotonic, first=2)
        self._seldom = Seldom(call, handle, monotonic)
        # Now, for once it is lost it does not tell.
        self._uuid: str = call("uuid", nvml.nvmlDeviceGetUUID, handle) or ""
        self._full_clock = call("full clock", nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_SM)
        self._activity = Activity(call, handle, monotonic)

    def read(self) -> Reading:
        """Look at it. Raises Lost, and NVMLError where the driver as a whole fails."""
        counted = self._field_values(self._counter_fields) if self._counted.due() else {}
        fields = self._field_values(self._gauge_fields)
        seldom, partitions = self._seldom.read()
        gauges = (*self._load(), *self._condition(fields), *self._activity.read(), *seldom)
        return Reading(self._index, gauges, self._counters(counted), self._uuid, partitions=partitions)

    def close(self) -> None:
        """Give back what NVML holds for it."""
        self._activity.close()
        self._seldom.close()

    # ------------------------------------------------------------ gauges

    def _load(self) -> Iterator[tuple[Metric, float]]:
        utilization = self._call("utilization", self._nvml.nvmlDeviceGetUtilizationRates, self._handle)
        if utilization is not None:
            yield gpu.NVIDIA_SMI_UTILIZATION_GPU, utilization.gpu
            yield gpu.NVIDIA_SMI_UTILIZATION_MEMORY, utilization.memory
        yield from self._call.memory(self._handle)

    def _condition(self, fields: dict[tuple[int, int], float]) -> Iterator[tuple[Metric, float]]:
        nvml, handle = self._nvml, self._handle
        degrees = self._call("temperature", nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU)
        if degrees is not None:
            yield gpu.NVIDIA_SMI_TEMPERATURE_GPU, degrees
        if fields.get((_MEMORY_TEMPERATURE, 0)):  # 0: memory without a sensor
            yield gpu.GPU_TEMPERATURE_MEMORY, fields[_MEMORY_TEMPERATURE, 0]
        if (_RECOVERY_ACTION, 0) in fields:
            yield gpu.GPU_RECOVERY_ACTION, fields[_RECOVERY_ACTION, 0]
        if (_POWER_INSTANT, 0) in fields:
            yield gpu.GPU_POWER_INSTANT, fields[_POWER_INSTANT, 0] / 1000
        milliwatts = self._call("power", nvml.nvmlDeviceGetPowerUsage, handle)
        if milliwatts is not None:
            yield gpu.NVIDIA_SMI_POWER_DRAW, milliwatts / 1000
        clock = self._call("clock", nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM)
        if clock is not None:
            yield gpu.NVIDIA_SMI_CLOCKS_CURRENT_SM, clock
            if self._full_clock:
                yield gpu.GPU_CLOCK_PERCENT, min(100.0, 100.0 * clock / self._full_clock)
        reasons = self._call("reasons", nvml.nvmlDeviceGetCurrentClocksEventReasons, handle)
        if reasons is None:  # drivers before R535 have it under its old name
            reasons = self._call("old reasons", self._old_reasons)
        if reasons is not None:
            yield from throttling(reasons)

    def _old_reasons(self) -> int:
        """By the library's old symbol, which the binding's function of that name no longer calls."""
        nvml = self._nvml
        reasons = ctypes.c_ulonglong()
        code = nvml._nvmlGetFunctionPointer("nvmlDeviceGetCurrentClocksThrottleReasons")(
            self._handle, ctypes.byref(reasons)
        )
        if code != SUCCESS:
            raise nvml.NVMLError(code)
        return reasons.value

    # ------------------------------------------------------------ counters

    def _counters(self, fields: dict[tuple[int, int], float]) -> tuple[tuple[Metric, int], ...]:
        nvml, handle = self._nvml, self._handle
        found = self._sums(fields)
        for metric, name, kind in (
            (gpu.GPU_ECC_UNCORRECTED, "ecc", nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
            (gpu.GPU_ECC_CORRECTED, "ecc corrected", nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED),
        ):
            count = self._call(name, nvml.nvmlDeviceGetTotalEccErrors, handle, kind, nvml.NVML_VOLATILE_ECC)
            if count is not None:
                found[metric.name] = (metric, count)
        millijoules = self._call("energy", nvml.nvmlDeviceGetTotalEnergyConsumption, handle)
        if millijoules is not None:
            found[gpu.GPU_ENERGY.name] = (gpu.GPU_ENERGY, millijoules // 1000)
        return tuple(found.values())

    def _sums(self, fields: dict[tuple[int, int], float]) -> dict[str, tuple[Metric, int]]:
        """By metric, where all its fields answered: a sum of some would leap once the others answer again."""
        found: dict[str, tuple[Metric, int]] = {}
        missing, of_before = set(), set()
        for field, (metric, step) in _COUNTER_FIELDS.items():
            if field in self._counter_fields:
                of_before.add(metric.name)
            if field in fields:
                before = found.get(metric.name, (metric, 0))[1]
                found[metric.name] = (metric, before + int(fields[field]) * step)
            elif field in self._counter_fields:  # it has it, but did not tell it now
                missing.add(metric.name)
        for field, (metric, step) in _LATER_FIELDS.items():
            if field in fields and metric.name not in of_before:
                found[metric.name] = (metric, int(fields[field]) * step)
        return {name: one for name, one in found.items() if name not in missing}

    def _field_values(self, wanted: list[tuple[int, int]]) -> dict[tuple[int, int], float]:
        """By field and scope, of those that this GPU has; the others are not asked for again."""
        if not wanted:
            return {}
        values = self._call("fields", self._nvml.nvmlDeviceGetFieldValues, self._handle, wanted)
        if values is None:
            return {}
        found = {}
        for field, value in zip(tuple(wanted), values, strict=True):
            if value.nvmlReturn == SUCCESS:
                found[field] = getattr(value.value, _MEMBERS[value.valueType])
            elif value.nvmlReturn in LOST:
                raise Lost(str(self._nvml.NVMLError(value.nvmlReturn)))
            elif value.nvmlReturn in UNAVAILABLE:
                wanted.remove(field)
        return found
