"""NVIDIA GPUs through NVML, the driver's own library. The only importer of pynvml.

NVML is held open in generations: a failure of the driver as a whole ends the generation, and the next one starts after
a pause that grows from 5 seconds to 5 minutes. Within a generation a call that a GPU does not support is not made
again, and a GPU that is lost does not keep the others from being read.
"""

import ctypes
import logging
from collections.abc import Callable
from typing import Any

from agent.gpu import Reading, Report
from agent.sample import NoData
from agent.xids import XidWatch

log = logging.getLogger(__name__)

LIBRARY = "libnvidia-ml.so.1"
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0

# nvml.h, nvmlReturn_t
_UNINITIALIZED, _NOT_SUPPORTED, _NO_PERMISSION, _NOT_FOUND, _DRIVER_NOT_LOADED = 1, 3, 4, 6, 9
_FUNCTION_NOT_FOUND, _GPU_IS_LOST, _RESET_REQUIRED, _LIB_RM_VERSION_MISMATCH = 13, 15, 16, 18
_ARGUMENT_VERSION_MISMATCH, _UNKNOWN = 25, 999
_UNAVAILABLE = frozenset({_NOT_SUPPORTED, _NO_PERMISSION, _FUNCTION_NOT_FOUND, _ARGUMENT_VERSION_MISMATCH})
_LOST = frozenset({_GPU_IS_LOST, _RESET_REQUIRED, _UNKNOWN})
_DRIVER_GONE = frozenset({_UNINITIALIZED, _DRIVER_NOT_LOADED, _LIB_RM_VERSION_MISMATCH})


class _Lost(Exception):
    """This GPU no longer answers."""


def driver_present() -> bool:
    """Whether the driver's library is on this host. Asked before pynvml is imported, which costs 3 MiB."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


class Nvml:
    """The host's NVIDIA GPUs."""

    simulated = False

    def __init__(self, *, monotonic: Callable[[], float], driver_present: Callable[[], bool] = driver_present) -> None:
        """`monotonic` times the pauses between generations."""
        self._monotonic = monotonic
        self._driver_present = driver_present
        self._nvml: Any = None
        self._handles: dict[int, Any] = {}
        self._count = 0
        self._disabled: set[tuple[int, str]] = set()
        self._watch = XidWatch()
        self._open = False
        self._retry_at = float("-inf")
        self._pause = FIRST_PAUSE_SECONDS
        self._had_gpus = False
        self._told_absent = False

    def read(self) -> Report:
        """Look at every GPU once.

        Raises NoData where there has been no GPU; where there were some and the driver has failed since, reports
        none and waits for the next generation.
        """
        if not self._open and not self._start():
            if not self._had_gpus:
                raise NoData
            return Report(())
        try:
            report = self._read_all()
        except self._nvml.NVMLError as error:
            self._end(error)
            return Report(())
        if report.readings:
            self._pause = FIRST_PAUSE_SECONDS
        else:
            self._end(RuntimeError("no GPU answers"))
        return report

    def take_faults(self) -> dict[int, tuple[int, ...]]:
        """The XIDs since the previous take, of every GPU whose faults are reported."""
        return self._watch.take()

    # ------------------------------------------------------------ generations

    def _start(self) -> bool:
        if self._monotonic() < self._retry_at:
            return False
        if not self._driver_present():
            self._tell_absent(f"{LIBRARY} is not there")
            self._retry_at = self._monotonic() + LONGEST_PAUSE_SECONDS
            return False
        import pynvml

        self._nvml = pynvml
        try:
            pynvml.nvmlInit()
            self._open = True
            self._count = pynvml.nvmlDeviceGetCount()
        except pynvml.NVMLError as error:
            self._end(error)
            return False
        if self._count == 0:
            self._end(RuntimeError("the driver has no GPU"))
            return False
        self._watch.start(pynvml)
        self._handles, self._disabled = {}, set()
        self._had_gpus = True
        log.info("NVML opened", extra={"gpus": self._count})
        return True

    def _end(self, error: Exception) -> None:
        if getattr(error, "value", None) == _LIB_RM_VERSION_MISMATCH:
            log.error("the driver was upgraded under the agent: restart the agent to read its GPUs")
        elif self._had_gpus:
            log.warning("NVML failed", extra={"error": str(error), "next_attempt_seconds": self._pause})
        else:
            self._tell_absent(str(error))
        self._watch.stop()
        if self._open:
            self._open = False
            try:
                self._nvml.nvmlShutdown()
            except self._nvml.NVMLError as failure:
                log.warning("NVML did not shut down", extra={"error": str(failure)})
        self._retry_at = self._monotonic() + self._pause
        self._pause = min(LONGEST_PAUSE_SECONDS, self._pause * 2)

    def _tell_absent(self, reason: str) -> None:
        if not self._told_absent:
            self._told_absent = True
            log.info("no NVIDIA GPU found", extra={"reason": reason})

    # ------------------------------------------------------------ readings

    def _read_all(self) -> Report:
        readings = []
        lost = {}
        for index in range(self._count):
            try:
                readings.append(self._read_one(index, self._handle(index)))
            except _Lost as error:
                lost[index] = str(error)
                self._handles.pop(index, None)  # looked up anew next time: a reset GPU comes back
        return Report(tuple(readings), lost)

    def _handle(self, index: int) -> Any:
        if index not in self._handles:
            try:
                self._handles[index] = self._nvml.nvmlDeviceGetHandleByIndex(index)
            except self._nvml.NVMLError as error:
                if error.value in _DRIVER_GONE:
                    raise
                raise _Lost(str(error)) from None
            self._watch.add(index, self._handles[index])
        return self._handles[index]

    def _read_one(self, index: int, handle: Any) -> Reading:
        nvml = self._nvml
        utilization = self._call(index, "utilization", nvml.nvmlDeviceGetUtilizationRates, handle)
        memory = self._memory(index, handle)
        milliwatts = self._call(index, "power", nvml.nvmlDeviceGetPowerUsage, handle)
        return Reading(
            index=index,
            utilization_percent=utilization.gpu if utilization is not None else None,
            memory_utilization_percent=utilization.memory if utilization is not None else None,
            memory_used_bytes=memory.used if memory is not None else None,
            memory_total_bytes=memory.total if memory is not None else None,
            temperature_celsius=self._call(
                index, "temperature", nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU
            ),
            power_watts=milliwatts / 1000 if milliwatts is not None else None,
            uncorrected_errors=self._call(
                index,
                "ecc",
                nvml.nvmlDeviceGetTotalEccErrors,
                handle,
                nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
                nvml.NVML_VOLATILE_ECC,
            ),
        )

    def _memory(self, index: int, handle: Any) -> Any:
        """Version 2 keeps what the driver reserves apart from `used`; drivers before R510 have only version 1."""
        read = self._nvml.nvmlDeviceGetMemoryInfo
        memory = self._call(index, "memory v2", read, handle, self._nvml.nvmlMemory_v2)
        return memory if memory is not None else self._call(index, "memory", read, handle)

    def _call(self, index: int, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """The call's answer, or None where this GPU does not support it, which is asked once a generation."""
        if (index, name) in self._disabled:
            return None
        try:
            return function(*arguments)
        except self._nvml.NVMLError as error:
            if error.value in _UNAVAILABLE:
                self._disabled.add((index, name))
                return None
            if error.value == _NOT_FOUND:
                return None
            if error.value in _LOST:
                raise _Lost(str(error)) from None
            raise
