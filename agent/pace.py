"""How fast a sink is called: two calls a second at most, half of that after each throttling, pauses after failures."""

MOST_CALLS_A_SECOND = 2.0
LEAST_CALLS_A_SECOND = 1 / 60
RECOVERY = 1.1
"""Each request that is taken raises the rate by this factor."""
FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 300.0


def backoff_seconds(failures: int, chance: float) -> float:
    """How long to wait after so many failures in a row: full jitter, `chance` being in [0, 1)."""
    return chance * min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures, 16))


class Pace:
    """One sink's. Instants are monotonic seconds."""

    def __init__(self) -> None:
        self.calls_a_second = MOST_CALLS_A_SECOND
        self._failures = 0
        self._not_before = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds until the next call; 0 for at once."""
        return max(0.0, self._not_before - now)

    def called(self, now: float) -> None:
        """A call begins. One that is a little late does not delay those after it."""
        between = 1 / self.calls_a_second
        self._not_before = max(self._not_before, now - between / 5) + between

    def taken(self) -> None:
        """It was taken."""
        self._failures = 0
        self.calls_a_second = min(MOST_CALLS_A_SECOND, self.calls_a_second * RECOVERY)

    def throttled(self, now: float, chance: float) -> None:
        """It was too much."""
        self.calls_a_second = max(LEAST_CALLS_A_SECOND, self.calls_a_second / 2)
        self.failed(now, chance)

    def failed(self, now: float, chance: float) -> None:
        """It was not taken, for whatever reason."""
        self._not_before = max(self._not_before, now + backoff_seconds(self._failures, chance))
        self._failures += 1
