"""When a composite alarm's actions are held back, as a state machine of time and of its suppressor's state.

User Guide, Alarm suppression, examples 1 to 6. A change of the composite's state starts an episode: the actions wait
for the suppressor to alarm (WaitPeriod), are held back while it does (Alarm) and for a while after (ExtensionPeriod),
and then those of the state the composite is in by then are taken. An episode that has ended is not taken up again:
what the suppressor does later matters only at the next change of the composite.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Hold(StrEnum):
    """What holds the actions back, CloudWatch's ActionsSuppressedBy."""

    WAIT = "WaitPeriod"
    ALARM = "Alarm"
    EXTENSION = "ExtensionPeriod"


@dataclass(frozen=True, slots=True)
class Suppressor:
    """The alarm that suppresses a composite's actions, by name, and how long it is waited for and waited after."""

    name: str
    wait: timedelta
    extension: timedelta


@dataclass(frozen=True, slots=True)
class Suppression:
    """Actions held back, until an instant unless the suppressor decides."""

    by: Hold
    until: datetime | None = None


def begun(suppressor: Suppressor, *, alarming: bool, now: datetime) -> Suppression | None:
    """The composite changed its state: whatever held its actions back is discarded, and this holds them instead.

    `alarming`: the suppressor is in ALARM.
    """
    if alarming:
        return Suppression(Hold.ALARM)
    return _until(Hold.WAIT, suppressor.wait, now)


def continued(
    current: Suppression | None, suppressor: Suppressor, *, alarming: bool, now: datetime
) -> Suppression | None:
    """Time passed or the suppressor changed its state, and the composite did not. None: the actions may run."""
    if current is None:
        return None
    if alarming:
        return Suppression(Hold.ALARM)
    if current.until is None:
        return _until(Hold.EXTENSION, suppressor.extension, now)
    return current if now < current.until else None


def replaced(current: Suppression | None, *, alarming: bool) -> Suppression | None:
    """Another suppressor, or none, took the former one's place: a running period is discarded."""
    return Suppression(Hold.ALARM) if current is not None and alarming else None


def _until(by: Hold, period: timedelta, now: datetime) -> Suppression | None:
    return Suppression(by, now + period) if period > timedelta() else None
