"""How much an alert flaps: a score of its starts that decays, kept as one number and the instant it is of.

`score(t)` is the sum of exp(-(t - t_i) / 30 min) over the starts t_i. From 2 on the alert flaps (three starts at most
14 minutes apart, or one each 20 minutes for long): people are told once, and it counts as firing all the while. That
ends when the score is back at 1 and the alert has stood still for `hold`: at rest, it has ended; firing, it is told
again.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.values import changed, maker, quick

DECAY = timedelta(minutes=30)
BEGIN, END = 2.0, 1.0
FRESH = math.exp(-1)
"""A start that finds less than this of earlier ones (the last one 30 minutes ago) begins a new count of episodes."""
HOLD = timedelta(minutes=10)
_SECONDS = DECAY.total_seconds()
_NONE = timedelta()


@quick
@dataclass(frozen=True, slots=True)
class Flap:
    """The score at `at`, the newest start; and the episodes since `since`, `in_alarm` those that have ended, in all."""

    score: float
    at: datetime
    since: datetime
    episodes: int = 1
    in_alarm: timedelta = _NONE
    flapping: bool = False


_flap = maker(Flap)


def decayed(flap: Flap, now: datetime) -> float:
    """The score at `now`."""
    return flap.score * math.exp(-max((now - flap.at).total_seconds(), 0.0) / _SECONDS)


def started(flap: Flap | None, at: datetime, *, counts: bool) -> Flap:
    """With one more start at `at`, which may be late; `counts` off never makes it flap."""
    if flap is None:
        return _flap(1.0, at, at)
    if at < flap.at:
        score = flap.score + math.exp(-(flap.at - at).total_seconds() / _SECONDS)
        flapping = flap.flapping or (counts and score >= BEGIN)
        return changed(flap, score=score, since=min(flap.since, at), episodes=flap.episodes + 1, flapping=flapping)
    earlier = flap.score * math.exp((flap.at - at).total_seconds() / _SECONDS)
    if earlier < FRESH and not flap.flapping:
        return _flap(earlier + 1, at, at)
    flapping = flap.flapping or (counts and earlier + 1 >= BEGIN)
    return _flap(earlier + 1, at, flap.since, flap.episodes + 1, flap.in_alarm, flapping)


def ended(flap: Flap, lasted: timedelta) -> Flap:
    """With the episode that `lasted` so long."""
    in_alarm = flap.in_alarm + lasted if lasted > _NONE else flap.in_alarm
    return _flap(flap.score, flap.at, flap.since, flap.episodes, in_alarm, flap.flapping)


def hold(period: timedelta) -> timedelta:
    """How long an alert on data of this period must stand still before it has stopped flapping."""
    return max(HOLD, 2 * period)


def over(flap: Flap, *, still_since: datetime, wait: timedelta, now: datetime) -> bool:
    """Whether the flapping of an alert that has stood still since then is over."""
    return decayed(flap, now) <= END and now - still_since >= wait
