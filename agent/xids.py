"""The GPU's fault events (XIDs), waited for in a thread of their own: NVML gives each event once, to whoever waits."""

import ctypes
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from agent.nvml_calls import GPU_IS_LOST

log = logging.getLogger(__name__)

WAIT_MILLISECONDS = 60_000
"""An event ends the wait at once: this is how long a generation that has ended keeps its thread, and NVML open.

Only an event or the time ends a wait, and each end of a wait takes processor time: hence no shorter one.
"""
PAUSE_SECONDS = 1.0
_TIMEOUT = 10  # nvml.h, NVML_ERROR_TIMEOUT: no event within the wait
# nvml.h, nvmlEventType*: an XID has its code; the others say only that it is time for a look.
_XID, _UNAVAILABLE, _RECOVERY_ACTION = 0x8, 0x4000, 0x8000


class _Wait:
    """The thread of one generation: until it is over, NVML may not be shut down."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.over = threading.Event()
        self.over.set()  # until it begins
        self.last: Callable[[], None] | None = None


class XidWatch:
    """Keeps the XIDs of each GPU until they are taken, across generations of NVML.

    GPUs are known by the address of their handle, noted while they answer: a lost GPU no longer tells its name.
    """

    def __init__(self) -> None:
        self._nvml: Any = None
        self._events: Any = None
        self._present = _Wait()
        self._lock = threading.Lock()
        self._indexes: dict[int | None, int] = {}
        self._known: dict[int | None, int] = {}
        """Those of a generation that ended too: its last wait may still bring what ended it."""
        self._seen: dict[int, list[int]] = {}
        self._stirred = False
        self.ring: Callable[[], None] = lambda: None
        """Called, in the thread that waits, once something came."""

    @property
    def waiting(self) -> bool:
        """Whether something came since the previous take."""
        return self._stirred or bool(self._seen)

    def start(self, nvml: Any) -> None:
        """Begin a generation. `nvml` is the pynvml module, initialized."""
        self._nvml = nvml
        self._events = None
        self._known = {}
        self._present = _Wait()

    def add(self, index: int, handle: Any) -> None:
        """Watch one GPU, if its driver can report faults."""
        nvml = self._nvml
        if self._events is not None and self._present.over.is_set():
            return  # nobody waits any more
        try:
            wanted = nvml.nvmlDeviceGetSupportedEventTypes(handle) & (_XID | _UNAVAILABLE | _RECOVERY_ACTION)
            if not wanted & _XID:
                return
            if self._events is None:
                self._events = nvml.nvmlEventSetCreate()
                self._present.over.clear()
                arguments = (nvml, self._events, self._present)
                threading.Thread(target=self._run, args=arguments, name="xid", daemon=True).start()
            nvml.nvmlDeviceRegisterEvents(handle, wanted, self._events)
        except nvml.NVMLError as error:
            log.info("XIDs are not reported", extra={"gpu": index, "error": str(error)})
            return
        with self._lock:
            self._indexes[address(handle)] = self._known[address(handle)] = index

    def take(self) -> dict[int, tuple[int, ...]]:
        """The XIDs since the previous take, of every GPU that is watched or had one."""
        with self._lock:
            seen, self._seen = self._seen, {}
            self._stirred = False
            indexes = {*self._indexes.values(), *seen}
        return {index: tuple(seen.get(index, ())) for index in sorted(indexes)}

    def stop(self, last: Callable[[], None] = lambda: None) -> None:
        """End the generation. `last`, which shuts NVML down, is called by its thread after the present wait.

        Without a thread that waits it is called here.
        """
        with self._lock:
            self._indexes = {}
            waits = not self._present.over.is_set()
            if waits and self._present.last is None:
                self._present.last = last
        self._present.stopped.set()
        if not waits:
            if self._events is not None:
                _free(self._nvml, self._events)
                self._events = None
            last()

    def ended(self, within_seconds: float) -> bool:
        """Whether nobody waits any more for the events of a generation that was stopped."""
        return self._present.over.wait(within_seconds)

    def _run(self, nvml: Any, events: Any, present: _Wait) -> None:
        try:
            self._wait(nvml, events, present.stopped)
        finally:
            with self._lock:
                last = present.last
                if last is None:  # it failed: `stop` frees its set
                    present.over.set()
            if last is not None:
                self._events = None
                _free(nvml, events)
                last()
                present.over.set()

    def _wait(self, nvml: Any, events: Any, stopped: threading.Event) -> None:
        while not stopped.is_set():
            try:
                event = nvml.nvmlEventSetWait_v2(events, WAIT_MILLISECONDS)
            except nvml.NVMLError as error:
                if error.value == _TIMEOUT:
                    continue
                if error.value == GPU_IS_LOST:  # said of the whole set; the others' events still come
                    stopped.wait(PAUSE_SECONDS)
                    continue
                if not stopped.is_set():
                    log.warning("XIDs are no longer reported", extra={"error": str(error)})
                    with self._lock:
                        self._indexes = {}
                return
            xid = int(event.eventData) if event.eventType & _XID else None
            self._note(address(event.device), xid)

    def _note(self, address: int | None, xid: int | None) -> None:
        with self._lock:
            index = self._known.get(address)
            self._stirred = True
            if index is not None and xid is not None:
                self._seen.setdefault(index, []).append(xid)
        if xid is not None:
            log.warning("GPU reported an XID", extra={"gpu": index, "xid": xid})
        self.ring()


def _free(nvml: Any, events: Any) -> None:
    with suppress(nvml.NVMLError, nvml.NVMLLibraryMismatchError):
        nvml.nvmlEventSetFree(events)


def address(handle: Any) -> int | None:
    """What tells one handle from another."""
    return ctypes.cast(handle, ctypes.c_void_p).value
