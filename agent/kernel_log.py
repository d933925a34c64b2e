"""XIDs in the kernel's log, for GPUs of which the driver's library does not tell them.

/dev/kmsg is open to root, or with CAP_SYSLOG, or to all where kernel.dmesg_restrict is 0 (Documentation/ABI/testing/
dev-kmsg). Source of the line: NVIDIA, "XID Errors": `NVRM: Xid (PCI:0000:3b:00): 79, pid=...`.
"""

import logging
import os
import re
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

LOG = Path("/dev/kmsg")
WAIT_SECONDS = 30.0
"""A record ends the wait at once: this is how long a log that is read no more keeps its thread."""
_LONGEST_RECORD = 8192
_XID = re.compile(rb"NVRM: Xid \(PCI:([0-9a-fA-F:]+)[^)]*\): (\d+)")


def place(bus: str) -> str:
    """A GPU's place on the bus, without its function and with four digits of its domain: 0000:3b:00."""
    domain, _, rest = bus.lower().partition(":")
    return f"{domain[-4:]}:{rest.partition('.')[0]}"


class KernelLog:
    """What is logged from now on."""

    def __init__(self, path: Path = LOG) -> None:
        self._descriptor = -1
        self._emptied = threading.Event()
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            log.info("XIDs are not read from the kernel's log", extra={"error": str(error)})
            return
        with suppress(OSError):  # what cannot be passed over, as of a pipe, is read
            os.lseek(self._descriptor, 0, os.SEEK_END)

    @property
    def readable(self) -> bool:
        """Whether this process may read it."""
        return self._descriptor >= 0

    def xids(self) -> Iterator[tuple[str, int]]:
        """Each XID since the last time: the GPU's place, and the code. Never blocks."""
        while self.readable:
            try:
                record = os.read(self._descriptor, _LONGEST_RECORD)
            except BrokenPipeError:  # the oldest were overwritten before they were read
                continue
            except OSError:  # no more for now
                record = b""
            if not record:
                self._emptied.set()
                return
            for bus, code in _XID.findall(record):
                yield place(bus.decode()), int(code)

    def notify(self, ring: Callable[[], None]) -> None:
        """Call `ring`, from a thread of its own, whenever there is more to read."""
        if not self.readable:
            return
        waits = select.epoll()
        try:
            waits.register(self._descriptor, select.EPOLLIN)
        except PermissionError:  # a plain file, which is always ready
            waits.close()
            return
        threading.Thread(target=self._wait, args=(waits, ring), name="kernel-log", daemon=True).start()

    def _wait(self, waits: select.epoll, ring: Callable[[], None]) -> None:
        with waits:
            while self.readable:
                self._emptied.clear()
                if waits.poll(WAIT_SECONDS) and self.readable:
                    ring()
                    self._emptied.wait(WAIT_SECONDS)

    def close(self) -> None:
        """Read no more."""
        if self.readable:
            os.close(self._descriptor)
            self._descriptor = -1
