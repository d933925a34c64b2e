"""NVIDIA GPUs through NVML, the driver's own library. The only importer of pynvml.

NVML is held open in generations: a failure of the driver as a whole ends the generation, and the next one starts after
a pause that grows from 5 seconds to 5 minutes. Within a generation a call that a GPU does not support is not made
again, and a GPU that is lost does not keep the others from being read.
"""

import ctypes
import logging
import os
import signal
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from agent.gpu import Report
from agent.nvml_calls import DRIVER_GONE, LIB_RM_VERSION_MISMATCH, Lost
from agent.sample import NoData
from agent.xids import XidWatch

if TYPE_CHECKING:
    from agent.nvml_device import Device

log = logging.getLogger(__name__)

LIBRARY = "libnvidia-ml.so.1"
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0
ENDING_SECONDS = 0.1
"""How long a look waits for the end of the generation before; it comes at the latest after a wait for XIDs."""


def driver_present() -> bool:
    """Whether the driver's library is on this host. Asked before pynvml is imported, which costs 3 MiB."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


def _restart() -> None:
    """Ask the process to stop in its usual way; whoever supervises it starts it again."""
    os.kill(os.getpid(), signal.SIGTERM)


def _shut_down(nvml: Any) -> None:
    try:
        nvml.nvmlShutdown()
    except nvml.NVMLError as failure:
        log.warning("NVML did not shut down", extra={"error": str(failure)})


class Nvml:
    """The host's NVIDIA GPUs."""

    simulated = False
    seconds = 2.0
    ready = True

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        driver_present: Callable[[], bool] = driver_present,
        restart: Callable[[], None] = _restart,
    ) -> None:
        """`monotonic` times the pauses between generations; `restart` is for tests."""
        self._restart = restart
        self._monotonic = monotonic
        self._driver_present = driver_present
        self._nvml: Any = None
        self._devices: dict[int, Device] = {}
        self._count = 0
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

    def close(self) -> None:
        """Let go of the driver, once nothing waits in it."""
        self._shut_down()

    def faults_waiting(self) -> bool:
        """Whether a GPU reported something since the previous take."""
        return self._watch.waiting

    def notify(self, ring: Callable[[], None]) -> None:
        """Call `ring` when a GPU reports something."""
        self._watch.ring = ring

    # ------------------------------------------------------------ generations

    def _start(self) -> bool:
        if self._monotonic() < self._retry_at:
            return False
        if not self._watch.ended(ENDING_SECONDS):  # only NVML's last shutdown lets go of a driver that failed
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
        self._had_gpus = True
        log.info("NVML opened", extra={"gpus": self._count})
        return True

    def _end(self, error: Exception) -> None:
        if getattr(error, "value", None) == LIB_RM_VERSION_MISMATCH:
            log.error("the driver was upgraded under the agent, which restarts to load the new one")
            if self._had_gpus:
                self._restart()
        elif self._had_gpus:
            log.warning("NVML failed", extra={"error": str(error), "next_attempt_seconds": self._pause})
        else:
            self._tell_absent(str(error))
        self._shut_down()
        self._retry_at = self._monotonic() + self._pause
        self._pause = min(LONGEST_PAUSE_SECONDS, self._pause * 2)

    def _shut_down(self) -> None:
        """NVML counts those who opened it: another source that has it open meanwhile keeps it."""
        for device in self._devices.values():
            device.close()
        self._devices = {}
        if self._open:
            self._open = False
            self._watch.stop(partial(_shut_down, self._nvml))

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
                readings.append(self._device(index).read())
            except Lost as error:
                lost[index] = str(error)
                dropped = self._devices.pop(index, None)  # looked up anew next time: a reset GPU comes back
                if dropped is not None:
                    dropped.close()
        return Report(tuple(readings), lost)

    def _device(self, index: int) -> "Device":
        device = self._devices.get(index)
        if device is None:
            try:
                handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
            except self._nvml.NVMLError as error:
                if error.value in DRIVER_GONE:
                    raise
                raise Lost(str(error)) from None
            from agent.nvml_device import Device  # which hosts without GPUs do without

            device = self._devices[index] = Device(self._nvml, index, handle, self._monotonic)
            self._watch.add(index, handle)
        return device
