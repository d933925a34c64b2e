"""Whether rounds are taken, for those who watch the agent: a file that is touched, and a page on the loopback."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

MISSED_ROUNDS = 3
LEAST_SECONDS = 30.0


class Health:
    """`beat` with each round, from the sampling thread, for as long as what the rounds give is delivered too."""

    def __init__(
        self,
        *,
        file: Path | None,
        port: int,
        sample_seconds: float,
        waiting: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        """`waiting` counts the windows that wait. Raises OSError where the port is taken; 0 is none."""
        self._file = file
        self._waiting = waiting
        self._monotonic = monotonic
        self._longest = max(LEAST_SECONDS, MISSED_ROUNDS * sample_seconds)
        self._beaten_at = monotonic()
        self._told = False
        self._server = None
        if port:
            from agent.health_page import serve  # a megabyte of server that most agents do without

            self._server = serve(self.state, port)
        self.port = self._server.server_port if self._server is not None else 0

    def beat(self) -> None:
        """A round was taken."""
        self._beaten_at = self._monotonic()
        if self._file is None:
            return
        try:
            os.close(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
            os.utime(self._file)
            self._told = False
        except OSError as error:
            if not self._told:
                self._told = True
                log.warning("heartbeat file not touched", extra={"file": self._file, "error": error.strerror})

    def state(self) -> tuple[bool, dict[str, float]]:
        """Whether rounds are taken, and the figures."""
        age = self._monotonic() - self._beaten_at
        return age <= self._longest, {"last_round_seconds": round(age, 1), "windows_waiting": self._waiting()}

    def close(self) -> None:
        """Stop listening; the file stays, and grows old."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
