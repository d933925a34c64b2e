"""NVML at its C interface: what pynvml loads as libnvidia-ml.so.1, with devices that can be broken."""

import ctypes
import queue
import threading
from dataclasses import dataclass, field
from typing import Any

_ADDRESS = 0x1000
_PARTS = 0x2000
_ALL_LINKS = 0xFFFFFFFF
NOT_SUPPORTED, NOT_FOUND, INSUFFICIENT_SIZE, FUNCTION_NOT_FOUND, TIMEOUT, LOST = 3, 6, 7, 13, 10, 15
UNKNOWN, VERSION_MISMATCH, DRIVER_NOT_LOADED = 999, 18, 9
GIB = 2**30


@dataclass
class FakeGpu:
    """One device of the fake driver. `errors` maps an NVML function to the code that it returns.

    `fields` are those of nvmlDeviceGetFieldValues by id; an id that is not there is not supported. `parts` are MIG
    devices: (GPU instance, bytes used, bytes total), or None for a number that is not given.
    """

    utilization: int = 50
    memory_utilization: int = 20
    memory_total: int = 80 * GIB
    memory_used: int = 20 * GIB
    temperature: int = 60
    margin: int = 27
    milliwatts: int = 250_000
    limit: int = 700_000
    millijoules: int = 1_000_000
    clock: int = 990
    full_clock: int = 1980
    reasons: int = 0
    uncorrected: int = 0
    corrected: int = 0
    rows: tuple[int, int, int, int] = (0, 0, 0, 0)
    state: int = 0
    pages: int = 0
    fabric: int = 0
    processes: int = 1
    fields: dict[int, int] = field(default_factory=dict)
    parts: list[tuple[int, int, int] | None] | None = None
    activity: dict[int, float] | None = None
    event_types: int = 0x8
    errors: dict[str, int] = field(default_factory=dict)


class FakeNvml:
    """Methods have the library's names and fill the structures they are given, as the library does.

    A name without a method is a symbol that the library lacks. While `hang` is set, looks at any GPU do not return.
    """

    def __init__(self, *gpus: FakeGpu) -> None:
        self.gpus = list(gpus)
        self.errors: dict[str, int] = {}
        self.calls: list[str] = []
        self.opened = 0
        self.hang: threading.Event | None = None
        self.xids: queue.Queue[tuple[int, ...] | int] = queue.Queue()
        """(GPU, XID), (GPU, data, kind of event), or what the wait returns instead."""
        self.gpm: list[Any] = []
        self.gpm_freed: list[int] = []
        self.references = 0
        self.waits = 0
        self.event_sets: set[int] = set()
        self._sets_made = 0
        self.misuse: list[str] = []
        """What the real library does not survive."""
        self._counting = threading.Lock()

    def break_everything(self, code: int) -> None:
        self.errors = dict.fromkeys(["nvmlInitWithFlags", "nvmlDeviceGetUtilizationRates"], code)

    # ------------------------------------------------------------ the library

    def nvmlInitWithFlags(self, flags: int) -> int:
        opened = not self.errors.get("nvmlInitWithFlags")
        with self._counting:
            self.opened += opened
            self.references += opened
        return self._answer("nvmlInitWithFlags")

    def nvmlShutdown(self) -> int:
        with self._counting:
            self.references -= 1
            if self.references < 0:
                self.misuse.append("shut down more often than opened")
            if self.references == 0 and self.waits:
                self.misuse.append("shut down under a thread that waits for events")
        return self._answer("nvmlShutdown")

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = len(self.gpus)
        return self._answer("nvmlDeviceGetCount_v2")

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, device: Any) -> int:
        _point(device._obj, _ADDRESS + index.value)
        return self._answer("nvmlDeviceGetHandleByIndex_v2", self.gpus[index.value])

    def nvmlDeviceGetUUID(self, device: Any, buffer: Any, size: Any) -> int:
        if _value(device) >= _PARTS:
            buffer.value = f"MIG-{_value(device) - _PARTS}".encode()
            return self._answer("nvmlDeviceGetUUID")
        buffer.value = f"GPU-{self.gpus.index(self._gpu(device))}".encode()
        return self._answer("nvmlDeviceGetUUID", self._gpu(device))

    # ------------------------------------------------------------ gauges

    def nvmlDeviceGetUtilizationRates(self, device: Any, rates: Any) -> int:
        if self.hang is not None:
            self.hang.wait(20)
        gpu = self._gpu(device)
        rates._obj.gpu, rates._obj.memory = gpu.utilization, gpu.memory_utilization
        return self._answer("nvmlDeviceGetUtilizationRates", gpu)

    def nvmlDeviceGetMemoryInfo(self, device: Any, memory: Any) -> int:
        return self._memory("nvmlDeviceGetMemoryInfo", device, memory._obj)

    def nvmlDeviceGetMemoryInfo_v2(self, device: Any, memory: Any) -> int:
        memory._obj.reserved = GIB
        return self._memory("nvmlDeviceGetMemoryInfo_v2", device, memory._obj)

    def nvmlDeviceGetTemperature(self, device: Any, sensor: Any, degrees: Any) -> int:
        return self._give("nvmlDeviceGetTemperature", device, degrees, self._gpu(device).temperature)

    def nvmlDeviceGetMarginTemperature(self, device: Any, margin: Any) -> int:
        margin._obj.marginTemperature = self._gpu(device).margin
        return self._answer("nvmlDeviceGetMarginTemperature", self._gpu(device))

    def nvmlDeviceGetPowerUsage(self, device: Any, milliwatts: Any) -> int:
        return self._give("nvmlDeviceGetPowerUsage", device, milliwatts, self._gpu(device).milliwatts)

    def nvmlDeviceGetEnforcedPowerLimit(self, device: Any, milliwatts: Any) -> int:
        return self._give("nvmlDeviceGetEnforcedPowerLimit", device, milliwatts, self._gpu(device).limit)

    def nvmlDeviceGetClockInfo(self, device: Any, kind: Any, clock: Any) -> int:
        return self._give("nvmlDeviceGetClockInfo", device, clock, self._gpu(device).clock)

    def nvmlDeviceGetMaxClockInfo(self, device: Any, kind: Any, clock: Any) -> int:
        return self._give("nvmlDeviceGetMaxClockInfo", device, clock, self._gpu(device).full_clock)

    def nvmlDeviceGetPerformanceState(self, device: Any, state: Any) -> int:
        return self._give("nvmlDeviceGetPerformanceState", device, state, self._gpu(device).state)

    def nvmlDeviceGetCurrentClocksEventReasons(self, device: Any, reasons: Any) -> int:
        return self._give("nvmlDeviceGetCurrentClocksEventReasons", device, reasons, self._gpu(device).reasons)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, device: Any, reasons: Any) -> int:
        return self._give("nvmlDeviceGetCurrentClocksThrottleReasons", device, reasons, self._gpu(device).reasons)

    def nvmlDeviceGetRemappedRows(self, device: Any, *rows: Any) -> int:
        for place, count in zip(rows, self._gpu(device).rows, strict=True):
            place._obj.value = count
        return self._answer("nvmlDeviceGetRemappedRows", self._gpu(device))

    def nvmlDeviceGetRetiredPages(self, device: Any, cause: Any, count: Any, pages: Any) -> int:
        gpu = self._gpu(device)
        code = self._answer("nvmlDeviceGetRetiredPages", gpu)
        wanted = gpu.pages if cause.value else 0
        enough = pages is not None and count._obj.value >= wanted
        count._obj.value = wanted
        return code or (0 if enough or not wanted else INSUFFICIENT_SIZE)

    def nvmlDeviceGetRetiredPagesPendingStatus(self, device: Any, pending: Any) -> int:
        gpu = self._gpu(device)
        return self._give("nvmlDeviceGetRetiredPagesPendingStatus", device, pending, int(gpu.pages > 0))

    def nvmlDeviceGetGpuFabricInfoV(self, device: Any, fabric: Any) -> int:
        assert fabric._obj.version & 0xFFFFFF == ctypes.sizeof(fabric._obj)
        fabric._obj.state, fabric._obj.status = self._gpu(device).fabric, 0
        return self._answer("nvmlDeviceGetGpuFabricInfoV", self._gpu(device))

    def nvmlDeviceGetCurrPcieLinkGeneration(self, device: Any, generation: Any) -> int:
        return self._give("nvmlDeviceGetCurrPcieLinkGeneration", device, generation, 5)

    def nvmlDeviceGetCurrPcieLinkWidth(self, device: Any, width: Any) -> int:
        return self._give("nvmlDeviceGetCurrPcieLinkWidth", device, width, 16)

    def nvmlDeviceGetEncoderUtilization(self, device: Any, share: Any, period: Any) -> int:
        return self._give("nvmlDeviceGetEncoderUtilization", device, share, 3)

    def nvmlDeviceGetDecoderUtilization(self, device: Any, share: Any, period: Any) -> int:
        return self._give("nvmlDeviceGetDecoderUtilization", device, share, 4)

    def nvmlDeviceGetJpgUtilization(self, device: Any, share: Any, period: Any) -> int:
        return self._give("nvmlDeviceGetJpgUtilization", device, share, 5)

    def nvmlDeviceGetOfaUtilization(self, device: Any, share: Any, period: Any) -> int:
        return self._give("nvmlDeviceGetOfaUtilization", device, share, 6)

    def nvmlDeviceGetComputeRunningProcesses_v3(self, device: Any, count: Any, found: Any) -> int:
        gpu = self._gpu(device)
        code = self._answer("nvmlDeviceGetComputeRunningProcesses_v3", gpu)
        if code or not gpu.processes:
            count._obj.value = 0
            return code
        if found is None or count._obj.value < gpu.processes:
            count._obj.value = gpu.processes
            return INSUFFICIENT_SIZE
        count._obj.value = gpu.processes
        return 0

    # ------------------------------------------------------------ counters

    def nvmlDeviceGetTotalEccErrors(self, device: Any, kind: Any, counter: Any, count: Any) -> int:
        gpu = self._gpu(device)
        return self._give(
            "nvmlDeviceGetTotalEccErrors", device, count, gpu.uncorrected if kind.value == 1 else gpu.corrected
        )

    def nvmlDeviceGetTotalEnergyConsumption(self, device: Any, millijoules: Any) -> int:
        return self._give("nvmlDeviceGetTotalEnergyConsumption", device, millijoules, self._gpu(device).millijoules)

    def nvmlDeviceGetFieldValues(self, device: Any, count: Any, values: Any) -> int:
        gpu = self._gpu(device)
        for value in values._obj:
            asked = value.fieldId
            of_all_links = asked not in {138, 139} or value.scopeId == _ALL_LINKS
            if asked in gpu.fields and of_all_links:
                value.nvmlReturn, value.valueType, value.value.ullVal = 0, 3, gpu.fields[asked]
            else:
                value.nvmlReturn = gpu.errors.get("field", NOT_SUPPORTED)
        return self._answer("nvmlDeviceGetFieldValues", gpu)

    # ------------------------------------------------------------ MIG and GPM

    def nvmlDeviceGetMigMode(self, device: Any, current: Any, pending: Any) -> int:
        if self._gpu(device).parts is None:
            return NOT_SUPPORTED
        return self._give("nvmlDeviceGetMigMode", device, current, 1)

    def nvmlDeviceGetMaxMigDeviceCount(self, device: Any, count: Any) -> int:
        return self._give("nvmlDeviceGetMaxMigDeviceCount", device, count, 7)

    def nvmlDeviceGetMigDeviceHandleByIndex(self, device: Any, index: Any, part: Any) -> int:
        gpu = self._gpu(device)
        parts = gpu.parts or []
        if index.value >= len(parts) or parts[index.value] is None:
            return NOT_FOUND
        _point(part._obj, _PARTS + 16 * self.gpus.index(gpu) + index.value)
        return 0

    def nvmlDeviceGetGpuInstanceId(self, part: Any, number: Any) -> int:
        number._obj.value = self._part(part)[0]
        return 0

    def nvmlGpmQueryDeviceSupport(self, device: Any, support: Any) -> int:
        support._obj.isSupportedDevice = self._gpu(device).activity is not None
        return self._answer("nvmlGpmQueryDeviceSupport", self._gpu(device))

    def nvmlGpmSampleAlloc(self, sample: Any) -> int:
        self.gpm.append(None)
        _point(sample._obj, 0x3000 + len(self.gpm) - 1)
        return self._answer("nvmlGpmSampleAlloc")

    def nvmlGpmSampleGet(self, device: Any, sample: Any) -> int:
        self.gpm[_value(sample) - 0x3000] = self._gpu(device)
        return self._answer("nvmlGpmSampleGet", self._gpu(device))

    def nvmlGpmMigSampleGet(self, device: Any, instance: int, sample: Any) -> int:
        assert instance in {part[0] for part in self._gpu(device).parts or [] if part is not None}
        self.gpm[_value(sample) - 0x3000] = self._gpu(device)
        return self._answer("nvmlGpmMigSampleGet", self._gpu(device))

    def nvmlGpmSampleFree(self, sample: Any) -> int:
        self.gpm_freed.append(_value(sample) - 0x3000)
        return self._answer("nvmlGpmSampleFree")

    def nvmlGpmMetricsGet(self, request: Any) -> int:
        asked = request._obj
        gpu = self.gpm[_value(asked.sample2) - 0x3000]
        assert self.gpm[_value(asked.sample1) - 0x3000] is gpu
        assert _value(asked.sample1) != _value(asked.sample2)
        for place in range(asked.numMetrics):
            answer = asked.metrics[place]
            value = gpu.activity.get(answer.metricId)
            answer.nvmlReturn, answer.value = (NOT_SUPPORTED, 0.0) if value is None else (0, value)
        return self._answer("nvmlGpmMetricsGet", gpu)

    # ------------------------------------------------------------ events

    def nvmlDeviceGetSupportedEventTypes(self, device: Any, types: Any) -> int:
        types._obj.value = self._gpu(device).event_types
        return self._answer("nvmlDeviceGetSupportedEventTypes", self._gpu(device))

    def nvmlEventSetCreate(self, events: Any) -> int:
        self._sets_made += 1
        self.event_sets.add(0x4000 + self._sets_made)
        _point(events._obj, 0x4000 + self._sets_made)
        return self._answer("nvmlEventSetCreate")

    def nvmlDeviceRegisterEvents(self, device: Any, types: Any, events: Any) -> int:
        self._know(events)
        return self._answer("nvmlDeviceRegisterEvents", self._gpu(device))

    def nvmlEventSetFree(self, events: Any) -> int:
        self._know(events)
        self.event_sets.discard(_value(events))
        return self._answer("nvmlEventSetFree")

    def nvmlEventSetWait_v2(self, events: Any, data: Any, milliseconds: Any) -> int:
        self._know(events)
        with self._counting:
            self.waits += 1
        try:
            event = self.xids.get(timeout=milliseconds.value / 1000)
        except queue.Empty:
            return TIMEOUT
        finally:
            with self._counting:
                self.waits -= 1
        self.xids.task_done()
        if isinstance(event, int):
            return event
        index, xid, *kind = event
        _point(data._obj, _ADDRESS + index)  # the structure begins with the device
        data._obj.eventType, data._obj.eventData = kind[0] if kind else 0x8, xid
        return 0

    # ------------------------------------------------------------ inside

    def _know(self, events: Any) -> None:
        if _value(events) not in self.event_sets:
            self.misuse.append("a set of events was used after it was freed")

    def _gpu(self, device: Any) -> FakeGpu:
        return self.gpus[_value(device) - _ADDRESS]

    def _part(self, device: Any) -> tuple[int, int, int]:
        gpu, index = divmod(_value(device) - _PARTS, 16)
        part = (self.gpus[gpu].parts or [])[index]
        assert part is not None
        return part

    def _memory(self, function: str, device: Any, memory: Any) -> int:
        if _value(device) >= _PARTS:
            _, memory.used, memory.total = self._part(device)
            return 0
        gpu = self._gpu(device)
        memory.total, memory.used = gpu.memory_total, gpu.memory_used
        memory.free = gpu.memory_total - gpu.memory_used
        return self._answer(function, gpu)

    def _give(self, function: str, device: Any, place: Any, value: int) -> int:
        place._obj.value = value
        return self._answer(function, self._gpu(device))

    def _answer(self, function: str, gpu: FakeGpu | None = None) -> int:
        self.calls.append(function)
        return self.errors.get(function, 0) or (gpu.errors.get(function, 0) if gpu is not None else 0)


def _value(pointer: Any) -> int:
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


def _point(pointer: Any, address: int) -> None:
    ctypes.memmove(ctypes.addressof(pointer), ctypes.byref(ctypes.c_void_p(address)), 8)


def let_go(source: Any) -> None:
    """End a source's watch, and wait for its thread before another driver is loaded: it calls whichever is."""
    source._watch.stop()
    assert source._watch.ended(20)
