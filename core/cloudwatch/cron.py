"""Cron expressions of five fields, as alarm mute rules have them: minute, hour, day of month, month, day of week.

`*`, `,` and `-` in every field, English names for months and days of the week, 0 and 7 for Sunday (User Guide, Alarm
Mute Rules). As in POSIX, a day fits where either of the two day fields fits, if both are restricted.
"""

from dataclasses import dataclass
from datetime import date, time

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minutes", 0, 59, {}),
    ("hours", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    ("day of week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_SUNDAY = 7


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a cron expression fires, in local time. `weekdays` are ISO's: 1 is Monday, 7 Sunday.

    A day field that is `*` is None.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None

    def times(self, day: date) -> tuple[time, ...]:
        """The times on one day, in order."""
        if day.month not in self.months or not self._fits(day):
            return ()
        return tuple(time(hour, minute) for hour in self.hours for minute in self.minutes)

    def _fits(self, day: date) -> bool:
        fitting = [
            value in wanted
            for value, wanted in ((day.day, self.days), (day.isoweekday(), self.weekdays))
            if wanted is not None
        ]
        return any(fitting) if fitting else True


def parse(text: str) -> Schedule:
    """The schedule that the five fields state. Raises ValueError, with the field that is wrong."""
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"five fields are needed (Minutes Hours Day-of-month Month Day-of-week), not {len(parts)}")
    fields = [_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = fields
    return Schedule(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=None if parts[2] == "*" else frozenset(days),
        months=frozenset(months),
        weekdays=None if parts[4] == "*" else frozenset(day or _SUNDAY for day in weekdays),
    )


def _values(text: str, what: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        if part == "*":
            found.update(range(low, high + 1))
            continue
        first, dash, last = part.partition("-")
        start = _number(first, what, low, high, names)
        end = _number(last, what, low, high, names) if dash else start
        if end == 0 and start > 0 and high == _SUNDAY:
            end = _SUNDAY
        if end < start:
            raise ValueError(f"the {what} {part} runs backwards")
        found.update(range(start, end + 1))
    return found


def _number(text: str, what: str, low: int, high: int, names: dict[str, int]) -> int:
    value = names.get(text.upper(), -1)
    if text.isascii() and text.isdigit():
        value = int(text)
    if not low <= value <= high:
        allowed = f"{low} to {high}" + (f" or {next(iter(names))} and so on" if names else "")
        raise ValueError(f"the {what} {text!r} must be {allowed}; only * , and - combine them")
    return value
