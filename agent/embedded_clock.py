"""The embedded AWS's time, whose minutes may pass faster."""

import http.client
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from agent.clock import ClockError


class EmbeddedClock:
    """The embedded AWS's clock, read from its control route, so that windows close on virtual minutes.

    Asks at most once per `poll_seconds` of wall time. Once it has answered, a server that goes away leaves time
    running on from the last answer at wall speed. Raises ClockError at the start only.
    """

    def __init__(self, url: str, *, poll_seconds: float = 0.05) -> None:
        """`url` is the embedded AWS's, `http://127.0.0.1:PORT`."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ClockError(f"clock_url: {url!r} is not the embedded AWS's address; say http://127.0.0.1:PORT")
        self._path = f"{parts.path.rstrip('/')}/_mlwarden/clock"
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=2)
        self._poll_seconds = poll_seconds
        self._lock = threading.Lock()
        try:
            self._instant = self._ask()
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            raise ClockError(f"clock_url: {url}/_mlwarden/clock does not answer: {error}") from None
        self._start = self._instant
        self._asked_at = time.monotonic()

    def now(self) -> datetime:
        """The embedded AWS's present instant, at most `poll_seconds` old."""
        with self._lock:
            elapsed = time.monotonic() - self._asked_at
            if elapsed >= self._poll_seconds:
                try:
                    self._instant = max(self._instant, self._ask())
                except (OSError, http.client.HTTPException, ValueError, KeyError):
                    self._connection.close()
                    self._instant += timedelta(seconds=elapsed)
                self._asked_at = time.monotonic()
            return self._instant

    def monotonic(self) -> float:
        """Virtual seconds since the clock was first read."""
        return (self.now() - self._start).total_seconds()

    def sleep(self, seconds: float, wake: threading.Event) -> None:
        """Return once `seconds` have passed on the embedded clock, or as soon as `wake` is set."""
        until = self.now() + timedelta(seconds=seconds)
        while not wake.is_set() and self.now() < until:
            wake.wait(self._poll_seconds)

    def close(self) -> None:
        """Close the connection; time runs on at wall speed or asks anew."""
        with self._lock:
            self._connection.close()

    def _ask(self) -> datetime:
        self._connection.request("GET", self._path)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != http.client.OK:
            raise ValueError(f"status {response.status}")
        return datetime.fromisoformat(json.loads(body)["now"]).astimezone(UTC)
