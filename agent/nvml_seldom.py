"""What changes slowly about a GPU, or costs much to ask for: rows, links, processes, engines, the fabric, MIG."""

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

from agent.every import Every
from agent.gpu import Partition, Values
from agent.nvml_activity import Activity
from agent.nvml_calls import SUCCESS, Calls
from core.catalogue import gpu
from core.catalogue.metric import Metric

SECONDS = 30.0
"""Between looks."""

# nvml.h
_NO_STATE = 32  # NVML_PSTATE_UNKNOWN
_FABRIC_SUPPORTED, _FABRIC_DONE = 1, 3  # nvmlGpuFabricState_t: 0 is not supported, 1 not started, 2 in progress
_PLAIN: tuple[tuple[Metric, str, tuple[int, ...]], ...] = (
    (gpu.GPU_TEMPERATURE_MARGIN, "nvmlDeviceGetMarginTemperature", ()),
    (gpu.NVIDIA_SMI_CLOCKS_CURRENT_MEMORY, "nvmlDeviceGetClockInfo", (2,)),  # NVML_CLOCK_MEM
    (gpu.NVIDIA_SMI_PCIE_LINK_GEN_CURRENT, "nvmlDeviceGetCurrPcieLinkGeneration", ()),
    (gpu.NVIDIA_SMI_PCIE_LINK_WIDTH_CURRENT, "nvmlDeviceGetCurrPcieLinkWidth", ()),
)
_ENGINES = (
    (gpu.GPU_ENCODER_UTILIZATION, "nvmlDeviceGetEncoderUtilization"),
    (gpu.GPU_DECODER_UTILIZATION, "nvmlDeviceGetDecoderUtilization"),
    (gpu.GPU_JPEG_UTILIZATION, "nvmlDeviceGetJpgUtilization"),
    (gpu.GPU_OFA_UTILIZATION, "nvmlDeviceGetOfaUtilization"),
)


class Seldom:
    """Silent between looks."""

    def __init__(self, calls: Calls, handle: Any, monotonic: Callable[[], float]) -> None:
        """`handle` is the GPU's."""
        self._call = calls
        self._nvml = calls.nvml
        self._handle = handle
        self._monotonic = monotonic
        self._due = Every(SECONDS, monotonic, first=2)
        self._activities: dict[int, Activity] = {}

    def read(self) -> tuple[Values, tuple[Partition, ...]]:
        """The GPU's gauges, and its MIG instances'. Raises Lost, and NVMLError where the driver as a whole fails."""
        if not self._due.due():
            return (), ()
        partitions = self._partitions()
        instances = () if partitions is None else ((gpu.GPU_MIG_DEVICES, sum(len(one.uuids) for one in partitions)),)
        return (*self._plain(), *self._memory_health(), *self._fabric(), *instances), partitions or ()

    def close(self) -> None:
        """Give back what NVML holds for the instances of MIG."""
        for activity in self._activities.values():
            activity.close()
        self._activities = {}

    def _plain(self) -> Iterator[tuple[Metric, float]]:
        nvml, handle = self._nvml, self._handle
        milliwatts = self._call("limit", nvml.nvmlDeviceGetEnforcedPowerLimit, handle)
        if milliwatts is not None:
            yield gpu.GPU_POWER_LIMIT, milliwatts / 1000
        processes = self._call("processes", nvml.nvmlDeviceGetComputeRunningProcesses, handle)
        if processes is None:  # drivers before R510
            processes = self._call("old processes", nvml.nvmlDeviceGetComputeRunningProcesses_v2, handle)
        if processes is not None:
            yield gpu.GPU_PROCESSES, len(processes)
        state = self._call("state", nvml.nvmlDeviceGetPerformanceState, handle)
        if state is not None and state != _NO_STATE:
            yield gpu.GPU_PERFORMANCE_STATE, state
        for metric, name, arguments in _PLAIN:
            value = self._call(name, getattr(nvml, name), handle, *arguments)
            if value is not None:
                yield metric, value
        for metric, name in _ENGINES:
            found = self._call(name, getattr(nvml, name), handle)
            if found is not None:
                yield metric, found[0]

    def _memory_health(self) -> Iterator[tuple[Metric, float]]:
        """Rows put in the place of broken ones; before Ampere whole pages are given up instead."""
        nvml, handle = self._nvml, self._handle
        rows = self._call("rows", nvml.nvmlDeviceGetRemappedRows, handle)
        if rows is not None:
            yield gpu.GPU_REMAPPED_ROWS_CORRECTED, rows[0]
            yield gpu.GPU_REMAPPED_ROWS_UNCORRECTED, rows[1]
            yield gpu.GPU_REMAP_PENDING, rows[2]
            yield gpu.GPU_REMAP_FAILED, rows[3]
            return
        by_cause = [
            self._call("pages", nvml.nvmlDeviceGetRetiredPages, handle, cause)
            for cause in range(nvml.NVML_PAGE_RETIREMENT_CAUSE_COUNT)
        ]
        if None not in by_cause:
            yield gpu.GPU_RETIRED_PAGES, sum(map(len, by_cause))
        pending = self._call("pages pending", nvml.nvmlDeviceGetRetiredPagesPendingStatus, handle)
        if pending is not None:
            yield gpu.GPU_RETIRED_PAGES_PENDING, pending

    def _fabric(self) -> Iterator[tuple[Metric, float]]:
        """Whether the GPU has its place among those that NVSwitch joins: without it no program starts there."""
        fabric = self._nvml.c_nvmlGpuFabricInfo_v2_t()
        told = self._call("fabric", self._nvml.nvmlDeviceGetGpuFabricInfoV, self._handle, ctypes.byref(fabric))
        if told is not None and fabric.state >= _FABRIC_SUPPORTED:
            yield gpu.GPU_FABRIC_READY, fabric.state == _FABRIC_DONE and fabric.status == SUCCESS

    def _partitions(self) -> tuple[Partition, ...] | None:
        """Memory by GPU instance, once for each however many compute instances share it; None without MIG."""
        nvml, handle = self._nvml, self._handle
        mode = self._call("MIG", nvml.nvmlDeviceGetMigMode, handle)
        if mode is None or not mode[0]:
            self.close()
            return None
        found: dict[int, Partition] = {}
        for index in range(self._call("most MIG", nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
            part = self._call("MIG device", nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
            if part is None:
                continue  # numbers have gaps
            number = self._call("MIG id", nvml.nvmlDeviceGetGpuInstanceId, part)
            uuid = self._call("MIG uuid", nvml.nvmlDeviceGetUUID, part) or ""
            if number in found:
                found[number] = Partition(number, found[number].gauges, (*found[number].uuids, uuid))
            elif number is not None:
                found[number] = Partition(number, tuple(self._of_instance(number, part)), (uuid,))
        for number in self._activities.keys() - found:
            self._activities.pop(number).close()
        return tuple(found.values())

    def _of_instance(self, number: int, part: Any) -> Iterator[tuple[Metric, float]]:
        for metric, value in self._call.memory(part, "MIG "):
            if metric is gpu.GPU_MEMORY_USED_PERCENT:
                yield gpu.GPU_MIG_MEMORY_USED_PERCENT, value
        if number not in self._activities:
            self._activities[number] = Activity(self._call, self._handle, self._monotonic, instance=number)
        for metric, value in self._activities[number].read():
            if metric is gpu.GPU_SM_ACTIVE:
                yield gpu.GPU_MIG_SM_ACTIVE, value
