"""Which collectors look at a round."""

from collections.abc import Sequence

from agent.sample import Collector, Deferring


class Turn:
    """When a collector looks: at the first two rounds, as what is counted needs two looks, then at its own pace."""

    __slots__ = ("_again", "_between", "collector", "look", "name", "next")

    def __init__(self, name: str, collector: Collector, seconds: float, sample_seconds: float) -> None:
        """`seconds` is its own pace; at or below `sample_seconds`, the rounds', it looks at each."""
        self.name = name
        self.collector = collector
        self.look = collector.look if isinstance(collector, Deferring) else None
        self._between = seconds - sample_seconds / 2 if seconds > sample_seconds else 0.0  # rounds are never quite even
        self.next = float("-inf")
        self._again = False

    @property
    def each_round(self) -> bool:
        """Whether it looks as often as it can."""
        return not self._between

    def taken(self, now: float) -> None:
        """It looks now."""
        if self._again and self._between:
            self.next = now + self._between
        self._again = True


class Timetable:
    """Whose turn it is. Most rounds are those of the collectors that look each time, and are found without a search."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        """`turns` in the order in which they are to be taken."""
        self._turns = turns
        self.each_round: Sequence[Turn] = ()
        """Those of the rounds that have no other."""
        self._changes = float("-inf")

    def due(self, now: float) -> Sequence[Turn]:
        """In their order."""
        if now < self._changes:
            return self.each_round
        due = [turn for turn in self._turns if turn.next <= now]
        for turn in due:
            turn.taken(now)
        self.each_round = [turn for turn in due if turn.each_round]
        self._changes = min((turn.next for turn in self._turns if turn not in self.each_round), default=float("inf"))
        return due

    def rest(self, turn: Turn, until: float) -> None:
        """The collector need not look before then."""
        turn.next = max(turn.next, until)
        self._changes = float("-inf")
