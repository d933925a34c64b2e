"""Windows on their way to the sinks: one thread takes what waits in the store, packs, sends, and notes each answer.

An attempt is committed before its request, so a window is applied once, unless the answer to an earlier attempt was
never known: that resend is counted.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from agent.clock import Clock
from agent.database import SpoolError
from agent.lane import REPEAT_LOG_SECONDS, Lane
from agent.packing import gather
from agent.request import Requests
from agent.sample import Window
from agent.sinks import Durable, Live
from agent.store import Store

log = logging.getLogger(__name__)

SEND_SECONDS = 10.0
LAST_SEND_SECONDS = 2.5
IDLE_SECONDS = 90.0
"""Longer than windows are apart: while they come, their coming is enough."""
OLDEST_EVERY = 4
"""Every fourth request begins with the oldest window rather than the newest, so that none ages out behind others."""
FAILED_SECONDS = 30.0
"""After what nobody foresaw."""
LIVE_WINDOWS = 4


class Delivery:
    """`offer` from the sampling thread; one thread of its own calls the durable sinks, and one more the live ones."""

    def __init__(
        self,
        store: Store,
        sinks: Sequence[Durable],
        *,
        live: Sequence[Live] = (),
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        """`chance` gives numbers in [0, 1) for the jitter."""
        self._store = store
        self._lanes = [Lane(sink, clock) for sink in sinks]
        self._live = live
        self._clock = clock
        self._chance = chance
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._shown: queue.Queue[Window | None] = queue.Queue(LIVE_WINDOWS)
        self._threads = [threading.Thread(target=self._run, name="delivery", daemon=True)] if self._lanes else []
        if live:
            self._threads.append(threading.Thread(target=self._show, name="live", daemon=True))
        self._failed_at = float("-inf")
        self._requests = Requests(store, clock=clock, chance=chance, pause=self._pause)

    @property
    def reason(self) -> str:
        """Why the last request that was not taken was not."""
        return self._requests.reason

    @property
    def at_work(self) -> bool:
        """Whether none of the threads that were started has ended before it was told to."""
        started = [thread for thread in self._threads if thread.ident is not None]
        return self._stopping.is_set() or all(thread.is_alive() for thread in started)

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def offer(self, window: Window) -> None:
        """Commit a window to the store, from where it is sent; live sinks that lag miss it.

        One that the store cannot hold is lost, logged and counted: those before and after it are not.
        """
        if self._lanes:
            try:
                self._store.add(window)
            except Exception:
                log.exception("window lost: the store cannot hold it", extra={"start": window.start})
                self._store.lost()
            self._wake.set()
        if self._live:
            try:
                self._shown.put_nowait(window)
            except queue.Full:
                log.warning("window not shown: the reader is slow", extra={"start": window.start})

    def finish(self, *, within_seconds: float) -> int:
        """Try once more, give up after `within_seconds`; returns how many windows wait (of the sink with most)."""
        self._stopping.set()
        self._wake.set()
        if self._live:
            with suppress(queue.Full):
                self._shown.put_nowait(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(within_seconds)
        return self.left()

    def left(self) -> int:
        """How many windows wait, for the sink with the longest queue."""
        return max((self._store.depth(lane.sink.name) for lane in self._lanes), default=0)

    def once(self) -> bool:
        """For a single run, without threads: every sink is offered all that waits; whether each took it."""
        while not self._shown.empty() and (window := self._shown.get_nowait()) is not None:
            self._show_one(window)
        for lane in self._lanes:
            lane.quiet = True  # the caller says `reason`
        drained = [self._drain(lane) for lane in self._lanes]
        return all(drained)

    def _drain(self, lane: Lane) -> bool:
        while self._store.depth(lane.sink.name):
            if not self._send_some(lane, LAST_SEND_SECONDS):
                return False
        return not self.reason

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                wait = self.turn()
            except Exception as error:  # noqa: BLE001  nobody else would send what waits
                self._unforeseen(error)
                wait = FAILED_SECONDS
            if not self._stopping.is_set():
                self._clock.sleep(wait, self._wake)
        for lane in self._lanes:  # once more, and briefly
            self._attempt(lane, LAST_SEND_SECONDS)

    def turn(self) -> float:
        """A request for every sink whose turn it is; seconds until the next."""
        self._store.tend()
        wait = IDLE_SECONDS
        for lane in self._lanes:
            now = self._clock.monotonic()
            if lane.pace.wait(now) == 0 and self._attempt(lane, SEND_SECONDS) is None:
                continue
            wait = min(wait, lane.pace.wait(self._clock.monotonic()))
        return wait

    def _attempt(self, lane: Lane, timeout_seconds: float) -> bool | None:
        """One request, or the few that find what spoils it: whether all was settled; None where nothing waits."""
        try:
            return self._send_some(lane, timeout_seconds)
        except SpoolError as error:
            self._store.failed(error)
            return None
        except Exception as error:  # noqa: BLE001  the other sinks go on
            self._unforeseen(error)
            lane.pace.failed(self._clock.monotonic(), self._chance())
            return False

    def _unforeseen(self, error: Exception) -> None:
        now = self._clock.monotonic()
        if now - self._failed_at >= REPEAT_LOG_SECONDS:
            self._failed_at = now
            log.error("delivery failed", exc_info=error)

    def _send_some(self, lane: Lane, timeout_seconds: float) -> bool | None:
        newest = (lane.requests + 1) % OLDEST_EVERY != 0
        latest = lane.latest()
        for spool in self._store.spools:
            batch = gather(spool, lane.sink, newest_first=newest, latest=latest) or gather(
                spool, lane.sink, newest_first=not newest, latest=latest
            )
            if batch is not None:
                self._requests.settle(lane, spool, batch.done)
                if not batch.entries:
                    return True
                lane.requests += 1
                spool.checkpoint()
                return self._requests.offer(lane, spool, batch.entries, timeout_seconds)
        return None

    def _pause(self, lane: Lane) -> None:
        """Until the lane may call again, amid a search; meanwhile the others have their turns."""
        lane.searching = True
        try:
            for other in self._lanes:
                if not other.searching and other.pace.wait(self._clock.monotonic()) == 0:
                    self._attempt(other, SEND_SECONDS)
        finally:
            lane.searching = False
        self._clock.sleep(lane.pace.wait(self._clock.monotonic()), self._stopping)

    def _show(self) -> None:
        while (window := self._shown.get()) is not None:
            self._show_one(window)

    def _show_one(self, window: Window) -> None:
        for sink in self._live:
            try:
                sink.show(window)
            except Exception as error:  # noqa: BLE001  the other sinks, and the next window, are shown
                log.warning("window not shown", extra={"sink": sink.name, "error": str(error)})
