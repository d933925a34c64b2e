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
from agent.packing import Entry, gather, pieces_of, renewed
from agent.sample import Window
from agent.sinks import Answer, Durable, Live, Verdict
from agent.spool import Spool
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
        self.reason = ""
        """Why the last request that was not taken was not."""

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

        One that the store cannot hold is lost and logged: those before and after it are not.
        """
        if self._lanes:
            try:
                self._store.add(window)
            except Exception:
                log.exception("window lost: the store cannot hold it", extra={"start": window.start})
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
        drained = [self._drain(lane) for lane in self._lanes]
        return all(drained)

    def _drain(self, lane: Lane) -> bool:
        lane.quiet = True  # the caller says `reason`
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
                self._settle(lane, spool, batch.done)
                if not batch.entries:
                    return True
                lane.requests += 1
                spool.checkpoint()
                return self._offer(lane, spool, batch.entries, timeout_seconds)
        return None

    def _offer(self, lane: Lane, spool: Spool, entries: Sequence[Entry], timeout_seconds: float) -> bool:
        """A request, and those that find what spoils it: whether all of it was settled."""
        answer = self._ask(lane, spool, entries, timeout_seconds)
        if answer.verdict is Verdict.TAKEN:
            self._accept(lane, spool, entries)
        elif answer.verdict is Verdict.REFUSED:
            answer = self._sift(lane, spool, entries, answer, timeout_seconds)
        if answer.verdict is Verdict.TAKEN:
            return True
        now = self._clock.monotonic()
        throttled = answer.verdict is Verdict.THROTTLED
        (lane.pace.throttled if throttled else lane.pace.failed)(now, self._chance())
        self.reason = answer.reason
        lane.complain(answer.reason, waiting=self._store.depth(lane.sink.name))
        return False

    def _ask(
        self, lane: Lane, spool: Spool, entries: Sequence[Entry], timeout_seconds: float, *, refused: bool = False
    ) -> Answer:
        """One request, noted; what it takes is not settled yet. `refused`: so were all the entries, just before."""
        pieces = pieces_of(entries)
        again = spool.attempt(lane.sink.name, pieces, refused=refused)
        if again:
            log.warning("windows sent again: an earlier answer was lost", extra={"windows": again})
        lane.pace.called(self._clock.monotonic())
        answer = lane.sink.send(
            [entry.item for entry in entries if entry.item is not None], timeout_seconds=timeout_seconds
        )
        if answer.verdict is Verdict.TAKEN:
            lane.taken()
            if answer.reason:
                log.error("request taken in part", extra={"sink": lane.sink.name, "reason": answer.reason})
        elif answer.verdict is not Verdict.UNKNOWN:
            spool.not_taken(lane.sink.name, pieces)
        if answer.verdict is Verdict.REFUSED and not lane.due(entries):
            return Answer(Verdict.LATER, f"this clock is ahead of the service's: {answer.reason}")
        return answer

    def _sift(
        self, lane: Lane, spool: Spool, entries: Sequence[Entry], answer: Answer, timeout_seconds: float
    ) -> Answer:
        """What becomes of a refused request: halve it until a part is taken, then set aside what alone is not.

        Where no part is taken, the request may be refused as a whole (a wrong path, a proxy's page): all of it waits,
        but for the first datum if the sink has taken other requests since it last refused that datum alone.
        """
        reason, patience = answer.reason, lane.patience()
        spans, refusals, alone = [(0, len(entries))], 0, False
        while spans and refusals < patience:
            begin, end = spans.pop()
            if refusals:
                self._clock.sleep(lane.pace.wait(self._clock.monotonic()), self._stopping)
                part = renewed(spool, lane.sink.name, entries[begin:end])
                answer = self._ask(lane, spool, part, timeout_seconds)
            if answer.verdict is Verdict.TAKEN:
                # Everything may have been refused until now: what is before it is asked for again, and settled first.
                answer = self._halve(lane, spool, entries[:begin], timeout_seconds, refused=True)
                if answer.verdict is Verdict.TAKEN:
                    self._accept(lane, spool, renewed(spool, lane.sink.name, entries[begin:end]))
                    answer = self._halve(lane, spool, entries[end:], timeout_seconds)
                return answer
            if answer.verdict is not Verdict.REFUSED:
                return answer
            refusals += 1
            middle = (begin + end) // 2
            alone = alone or middle == begin
            spans += [(middle, end), (begin, middle)] if middle > begin else []
        if alone and lane.convicts(entries[0]):
            self._settle(lane, spool, [entries[0].refused(reason)])
            if len(entries) == 1:
                return Answer(Verdict.TAKEN)
        return Answer(Verdict.LATER, f"refused as a whole: {reason}")

    def _halve(
        self, lane: Lane, spool: Spool, entries: Sequence[Entry], timeout_seconds: float, *, refused: bool = False
    ) -> Answer:
        """Send the entries in as large parts as the sink takes, and set aside what it refuses alone."""
        left = [entries] if entries else []
        while left:
            self._clock.sleep(lane.pace.wait(self._clock.monotonic()), self._stopping)
            part = renewed(spool, lane.sink.name, left.pop())
            answer = self._ask(lane, spool, part, timeout_seconds, refused=refused)
            if answer.verdict is Verdict.TAKEN:
                self._accept(lane, spool, part)
            elif answer.verdict is not Verdict.REFUSED:
                return answer
            elif len(part) == 1:
                self._settle(lane, spool, [part[0].refused(answer.reason)])
            else:
                left += [part[len(part) // 2 :], part[: len(part) // 2]]
        return Answer(Verdict.TAKEN)

    def _accept(self, lane: Lane, spool: Spool, entries: Sequence[Entry]) -> None:
        """The sink has the entries."""
        self._settle(lane, spool, entries)
        lane.tell_sent(pieces_of(entries), waiting=self._store.depth(lane.sink.name))

    def _settle(self, lane: Lane, spool: Spool, entries: Sequence[Entry]) -> None:
        """Move the cursors behind the entries, and set aside what they found unfit."""
        unfit = [(entry.held, datum, reason) for entry in entries for datum, reason in entry.unfit]
        if entries:
            spool.taken(lane.sink.name, pieces_of(entries), unfit)
        for held, datum, reason in unfit:
            self.reason = f"{datum.metric.name}: {reason}"
            facts = {"sink": lane.sink.name, "start": held.start, "reason": self.reason}
            log.error("datum refused for good", extra=facts)

    def _show(self) -> None:
        while (window := self._shown.get()) is not None:
            self._show_one(window)

    def _show_one(self, window: Window) -> None:
        for sink in self._live:
            try:
                sink.show(window)
            except Exception as error:  # noqa: BLE001  the other sinks, and the next window, are shown
                log.warning("window not shown", extra={"sink": sink.name, "error": str(error)})
