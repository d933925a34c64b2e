"""The mute rules there are, and the one that mutes an alarm now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.cloudwatch.mute import MuteRule
from local.cloudwatch.notices import Mute


@dataclass(frozen=True, slots=True)
class Kept:
    """A mute rule as PutAlarmMuteRule took it."""

    rule: MuteRule
    arn: str
    params: dict[str, Any]
    updated: datetime


class Mutes:
    """Mute rules by name."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.by_name: dict[str, Kept] = {}

    def now(self, alarm: str) -> Mute | None:
        """The rule that mutes the alarm of that name now; of several, the one that does so for longest."""
        now = self._now()
        found = [
            Mute(kept.arn, window)
            for kept in self.by_name.values()
            if alarm in kept.rule.alarms and (window := kept.rule.window(now)) is not None
        ]
        return max(found, key=lambda mute: mute.window.end, default=None)
