"""The GPU's fault events (XIDs), waited for in a thread of their own: NVML gives each event once, to whoever waits."""

import ctypes
import logging
import threading
from typing import Any

log = logging.getLogger(__name__)

WAIT_MILLISECONDS = 1000
_TIMEOUT = 10  # nvml.h, NVML_ERROR_TIMEOUT: no event within the wait


class XidWatch:
    """Keeps the XIDs of each GPU until they are taken, across generations of NVML.

    GPUs are known by the address of their handle, noted while they answer: a lost GPU no longer tells its name.
    """

    def __init__(self) -> None:
        self._nvml: Any = None
        self._events: Any = None
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._indexes: dict[int | None, int] = {}
        self._seen: dict[int, list[int]] = {}

    def start(self, nvml: Any) -> None:
        """Begin a generation. `nvml` is the pynvml module, initialized."""
        self._nvml = nvml
        self._events = None
        self._stopped = threading.Event()

    def add(self, index: int, handle: Any) -> None:
        """Watch one GPU, if its driver can report faults."""
        nvml = self._nvml
        wanted = nvml.nvmlEventTypeXidCriticalError
        try:
            if not nvml.nvmlDeviceGetSupportedEventTypes(handle) & wanted:
                return
            if self._events is None:
                self._events = nvml.nvmlEventSetCreate()
                arguments = (nvml, self._events, self._stopped)
                threading.Thread(target=self._wait, args=arguments, name="xid", daemon=True).start()
            nvml.nvmlDeviceRegisterEvents(handle, wanted, self._events)
        except nvml.NVMLError as error:
            log.info("XIDs are not reported", extra={"gpu": index, "error": str(error)})
            return
        with self._lock:
            self._indexes[_address(handle)] = index

    def take(self) -> dict[int, tuple[int, ...]]:
        """The XIDs since the previous take, of every GPU that is watched or had one."""
        with self._lock:
            seen, self._seen = self._seen, {}
            indexes = {*self._indexes.values(), *seen}
        return {index: tuple(seen.get(index, ())) for index in sorted(indexes)}

    def stop(self) -> None:
        """End the generation; its thread ends after its present wait."""
        self._stopped.set()
        with self._lock:
            self._indexes = {}

    def _wait(self, nvml: Any, events: Any, stopped: threading.Event) -> None:
        while not stopped.is_set():
            try:
                event = nvml.nvmlEventSetWait_v2(events, WAIT_MILLISECONDS)
            except nvml.NVMLError as error:
                if error.value == _TIMEOUT:
                    continue
                if not stopped.is_set():
                    log.warning("XIDs are no longer reported", extra={"error": str(error)})
                    with self._lock:
                        self._indexes = {}
                return
            self._note(_address(event.device), int(event.eventData))

    def _note(self, address: int | None, xid: int) -> None:
        with self._lock:
            index = self._indexes.get(address)
            if index is not None:
                self._seen.setdefault(index, []).append(xid)
        log.warning("GPU reported an XID", extra={"gpu": index, "xid": xid})


def _address(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value
