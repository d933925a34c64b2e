"""Alarm mute rules: when one mutes, from its cron or at expression, duration, time zone and bounds.

User Guide, Alarm Mute Rules, and API reference, PutAlarmMuteRule. A window is half open: at its end the alarms are no
longer muted. A local time that a clock change skips starts its window as much later (02:30 as 03:30); one that occurs
twice starts it at the first. The duration is elapsed time.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from core.cloudwatch import cron, zones
from core.cloudwatch.datums import epoch
from core.cloudwatch.limits import MAX_ALARM_DESCRIPTION, MAX_MUTE, MAX_MUTED_ALARMS, MAX_NAME, MIN_MUTE
from core.cloudwatch.refusal import validation

_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2})\)")
_CRON = re.compile(r"cron\((.*)\)")
_DURATION = re.compile(r"P(?=.)(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_SEARCHED = timedelta(days=366 * 8 + 1)
"""How far ahead a window is looked for: the 29th of February may be eight years off."""


class Status(StrEnum):
    """A rule's status, as GetAlarmMuteRule gives it."""

    SCHEDULED = "SCHEDULED"
    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in which a rule mutes."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class MuteRule:
    """A mute rule. `schedule` is a local time for a rule of one window; `bounds` are StartDate and ExpireDate."""

    name: str
    alarms: frozenset[str]
    schedule: cron.Schedule | datetime
    duration: timedelta
    zone: tzinfo
    starts: datetime | None = None
    expires: datetime | None = None

    @property
    def is_recurring(self) -> bool:
        """Whether the rule may mute more than once."""
        return isinstance(self.schedule, cron.Schedule)

    def window(self, now: datetime) -> Window | None:
        """The window that `now` lies in; of several, the one that started last."""
        oldest = now - self.duration
        for start in self._starts_back(now):
            if start <= oldest:
                return None
            window = self._bounded(start)
            if window is not None and window.start <= now < window.end:
                return window
        return None

    def next_change(self, now: datetime) -> datetime | None:
        """The next instant after `now` at which a window starts or ends; None where there is none within 8 years."""
        window = self.window(now)
        upcoming = self._next_start(now)
        if window is None:
            return upcoming
        return window.end if upcoming is None else min(window.end, upcoming)

    def status(self, now: datetime) -> Status:
        """What the rule does at `now`."""
        if self.window(now) is not None:
            return Status.ACTIVE
        over = self.expires is not None and now >= self.expires
        if over or (not self.is_recurring and self._next_start(now) is None):
            return Status.EXPIRED
        return Status.SCHEDULED

    def _next_start(self, now: datetime) -> datetime | None:
        since = max(now, self.starts - self.duration) if self.starts else now
        for start in self._starts(since):
            window = self._bounded(start)
            if window is not None and window.start > now:
                return window.start
            if self.expires is not None and start >= self.expires:
                return None
        return None

    def _bounded(self, start: datetime) -> Window | None:
        """The window that starts at `start` as far as it lies within StartDate and ExpireDate."""
        first = max(start, self.starts) if self.starts else start
        end = start + self.duration
        last = min(end, self.expires) if self.expires else end
        return Window(first, last) if first < last else None

    def _starts(self, since: datetime) -> Iterator[datetime]:
        """The instants at which windows start, from a day before `since` on."""
        if isinstance(self.schedule, datetime):
            yield _instant(self.schedule, self.zone)
            return
        day = (since.astimezone(self.zone) - timedelta(days=1)).date()
        last = (since + _SEARCHED).astimezone(self.zone).date()
        while day <= last:
            yield from self._on(day)
            day += timedelta(days=1)

    def _starts_back(self, now: datetime) -> Iterator[datetime]:
        """The instants up to `now` at which windows start, newest first."""
        if isinstance(self.schedule, datetime):
            yield _instant(self.schedule, self.zone)
            return
        day = (now.astimezone(self.zone) + timedelta(days=1)).date()
        oldest = (now - self.duration).astimezone(self.zone).date() - timedelta(days=1)
        while day >= oldest:
            yield from (start for start in reversed(self._on(day)) if start <= now)
            day -= timedelta(days=1)

    def _on(self, day: date) -> list[datetime]:
        if not isinstance(self.schedule, cron.Schedule):
            return []
        local = (datetime.combine(day, time) for time in self.schedule.times(day))
        return sorted({_instant(one, self.zone) for one in local})


def rule(params: Mapping[str, Any]) -> MuteRule:
    """The rule that PutAlarmMuteRule's parameters state. Raises Refusal."""
    name = params.get("Name")
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME:
        raise validation(f"Name is required and has 1 to {MAX_NAME} characters")
    if len(params.get("Description") or "") > MAX_ALARM_DESCRIPTION:
        raise validation(f"Description must have at most {MAX_ALARM_DESCRIPTION} characters")
    schedule = (params.get("Rule") or {}).get("Schedule") or {}
    zone_name = schedule.get("Timezone") or "UTC"
    zone = zones.named(zone_name)
    if zone is None:
        raise validation(f"Rule.Schedule.Timezone {zone_name} is not a time zone such as Europe/London")
    starts, expires = _instant_of(params, "StartDate"), _instant_of(params, "ExpireDate")
    if starts is not None and expires is not None and starts >= expires:
        raise validation("ExpireDate must be after StartDate")
    return MuteRule(
        name=name,
        alarms=_targets(params.get("MuteTargets") or {}),
        schedule=_schedule(schedule.get("Expression")),
        duration=_duration(schedule.get("Duration")),
        zone=zone,
        starts=starts,
        expires=expires,
    )


def _schedule(text: object) -> cron.Schedule | datetime:
    if not isinstance(text, str) or not text:
        raise validation("Rule.Schedule.Expression is required: cron(...) with five fields, or at(yyyy-MM-ddThh:mm)")
    if (match := _AT.fullmatch(text)) is not None:
        try:
            return datetime.fromisoformat(match[1])
        except ValueError as error:
            raise validation(f"Rule.Schedule.Expression {text} names no time: {error}") from error
    if (match := _CRON.fullmatch(text)) is not None:
        try:
            return cron.parse(match[1])
        except ValueError as error:
            raise validation(f"Rule.Schedule.Expression {text}: {error}") from error
    raise validation(
        f"Rule.Schedule.Expression {text} is neither cron(Minutes Hours Day-of-month Month Day-of-week) nor "
        "at(yyyy-MM-ddThh:mm)"
    )


def _duration(text: object) -> timedelta:
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise validation(f"Rule.Schedule.Duration {text} is not an ISO 8601 duration such as PT4H or P2DT12H")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not MIN_MUTE <= duration <= MAX_MUTE:
        raise validation(f"Rule.Schedule.Duration {text} must be between PT1M and P15D")
    return duration


def _targets(targets: Mapping[str, Any]) -> frozenset[str]:
    names = targets.get("AlarmNames") or []
    if len(names) > MAX_MUTED_ALARMS:
        raise validation(f"MuteTargets.AlarmNames must have at most {MAX_MUTED_ALARMS} entries, not {len(names)}")
    for name in names:
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME:
            raise validation(f"MuteTargets.AlarmNames: {name!r} must have 1 to {MAX_NAME} characters")
    return frozenset(names)


def _instant_of(params: Mapping[str, Any], field: str) -> datetime | None:
    if params.get(field) is None:
        return None
    try:
        return datetime.fromtimestamp(epoch(params[field]), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise validation(f"{field} {params[field]} is not a timestamp") from error


def _instant(local: datetime, zone: tzinfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)
