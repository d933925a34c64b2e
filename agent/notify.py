"""What systemd is told: readiness, reloads, that rounds go on (systemd, sd_notify(3)). Silent where it does not ask."""

import os
import socket
import time
from collections.abc import Callable, Mapping


class Notifier:
    """Datagrams to NOTIFY_SOCKET. Never raises: a supervisor that is gone is no reason to stop."""

    def __init__(self, environment: Mapping[str, str], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        meant = environment.get("WATCHDOG_PID", "") in {"", str(os.getpid())}
        microseconds = environment.get("WATCHDOG_USEC", "")
        # Four signs in each of the watchdog's intervals, of which one would do.
        self._sign_every = int(microseconds) / 4e6 if meant and microseconds.isdecimal() else 0.0
        self._monotonic = monotonic
        self._signed_at = float("-inf")

    def ready(self) -> None:
        """Started, or reloaded."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """A new configuration is being read; `ready` says that it was."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """On the way out."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """A round was taken; the watchdog hears of it as often as it needs to."""
        if not self._sign_every:
            return
        now = self._monotonic()
        if now - self._signed_at >= self._sign_every:
            self._signed_at = now
            self._tell("WATCHDOG=1")

    def _tell(self, *assignments: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(1.0)
            try:
                sender.sendto("\n".join(assignments).encode(), self._address)
            except OSError:
                return
