"""Where the periods lie that an alarm evaluates: sliding with the evaluation, or on the wall clock.

User Guide, Alarm evaluation and Alarm evaluation window. Instants are epoch seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any

from core.cloudwatch import evaluation, zones
from core.cloudwatch.limits import WALL_CLOCK_PERIODS
from core.cloudwatch.refusal import validation

_MINUTE = 60
_HOUR = 3_600
_DAY = 86_400
_WEEK = 604_800


@dataclass(frozen=True, slots=True)
class WallClock:
    """Periods aligned to the local clock: minutes, hours, midnights, Mondays."""

    zone: tzinfo


def read(window: Mapping[str, Any] | None) -> WallClock | None:
    """What PutMetricAlarm's EvaluationWindow states; None for a sliding window. Raises Refusal."""
    if window is None:
        return None
    kinds = [kind for kind in ("SlidingWindow", "WallClockWindow") if window.get(kind) is not None]
    if len(kinds) != 1:
        raise validation("EvaluationWindow must have exactly one of SlidingWindow and WallClockWindow")
    if kinds == ["SlidingWindow"]:
        return None
    name = window["WallClockWindow"].get("Timezone") or "UTC"
    zone = zones.read(name)
    if zone is None:
        raise validation(
            f"Timezone {name} of the WallClockWindow is neither an IANA time zone nor an offset such as +05:30, a "
            "multiple of five minutes"
        )
    return WallClock(zone)


def check_period(period: int) -> None:
    """Refuse a period that no wall-clock window may have."""
    if period not in WALL_CLOCK_PERIODS:
        supported = ", ".join(map(str, WALL_CLOCK_PERIODS))
        raise validation(f"Period {period} is not supported with a WallClockWindow; supported periods: {supported}")


def sliding_end(now: datetime, delay: timedelta, period: int, periods: int) -> int:
    """When the newest period of a sliding window ends, if datums take `delay` to arrive.

    On the minute; on the tenth second below a minute; on the hour where the window spans more than a day.
    """
    grain = 10 if period < _MINUTE else _MINUTE
    if evaluation.is_daily(timedelta(seconds=period), periods):
        grain = _HOUR
    newest = int((now - delay).timestamp())
    return newest - newest % grain


def edges(clock: WallClock, now: datetime, delay: timedelta, period: int, count: int) -> tuple[int, ...]:
    """The boundaries of the newest `count` periods that have ended: the starts, oldest first, and the last one's end.

    Days and weeks are calendar ones, so that a clock change makes one an hour shorter or longer.
    """
    newest = now - delay
    if period < _DAY:
        offset = int((newest.astimezone(clock.zone).utcoffset() or timedelta()).total_seconds())
        local = int(newest.timestamp()) + offset
        end = local - local % period - offset
        return tuple(end - period * number for number in range(count, -1, -1))
    day = newest.astimezone(clock.zone).date()
    if period == _WEEK:
        day -= timedelta(days=day.weekday())
    days = (day - timedelta(days=number * (period // _DAY)) for number in range(count, -1, -1))
    midnights = (datetime(one.year, one.month, one.day, tzinfo=clock.zone) for one in days)
    return tuple(int(midnight.astimezone(UTC).timestamp()) for midnight in midnights)


def is_even(boundaries: Sequence[int]) -> bool:
    """Whether all periods are of one length."""
    return len({end - start for start, end in pairwise(boundaries)}) == 1
