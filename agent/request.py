"""One request to a sink: noted before it is sent, settled when it is taken, sifted when it is refused."""

import logging
from collections.abc import Callable, Sequence

from agent.clock import Clock
from agent.lane import Lane
from agent.packing import Entry, pieces_of, renewed
from agent.sinks import Answer, Verdict
from agent.spool import Spool
from agent.store import Store

log = logging.getLogger("agent.delivery")


class Requests:
    """From the delivering thread only. Every call raises SpoolError as the spool does."""

    def __init__(
        self, store: Store, *, clock: Clock, chance: Callable[[], float], pause: Callable[[Lane], None]
    ) -> None:
        """`chance` gives numbers in [0, 1) for the jitter; `pause` returns when a lane may call again."""
        self._store = store
        self._clock = clock
        self._chance = chance
        self._pause = pause
        self.reason = ""
        """Why the last request that was not taken was not."""

    def offer(self, lane: Lane, spool: Spool, entries: Sequence[Entry], timeout_seconds: float) -> bool:
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
                self._pause(lane)
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
            self.settle(lane, spool, [entries[0].refused(reason)])
            if len(entries) == 1:
                return Answer(Verdict.TAKEN)
        return Answer(Verdict.LATER, f"refused as a whole: {reason}")

    def _halve(
        self, lane: Lane, spool: Spool, entries: Sequence[Entry], timeout_seconds: float, *, refused: bool = False
    ) -> Answer:
        """Send the entries in as large parts as the sink takes, and set aside what it refuses alone."""
        left = [entries] if entries else []
        while left:
            self._pause(lane)
            part = renewed(spool, lane.sink.name, left.pop())
            answer = self._ask(lane, spool, part, timeout_seconds, refused=refused)
            if answer.verdict is Verdict.TAKEN:
                self._accept(lane, spool, part)
            elif answer.verdict is not Verdict.REFUSED:
                return answer
            elif len(part) == 1:
                self.settle(lane, spool, [part[0].refused(answer.reason)])
            else:
                left += [part[len(part) // 2 :], part[: len(part) // 2]]
        return Answer(Verdict.TAKEN)

    def _accept(self, lane: Lane, spool: Spool, entries: Sequence[Entry]) -> None:
        """The sink has the entries."""
        self.settle(lane, spool, entries)
        lane.tell_sent(pieces_of(entries), waiting=self._store.depth(lane.sink.name))

    def settle(self, lane: Lane, spool: Spool, entries: Sequence[Entry]) -> None:
        """Move the cursors behind the entries, and set aside what they found unfit."""
        unfit = [(entry.held, datum, reason) for entry in entries for datum, reason in entry.unfit]
        if entries:
            spool.taken(lane.sink.name, pieces_of(entries), unfit)
        for held, datum, reason in unfit:
            self.reason = f"{datum.metric.name}: {reason}"
            facts = {"sink": lane.sink.name, "start": held.start, "reason": self.reason}
            log.error("datum refused for good", extra=facts)
