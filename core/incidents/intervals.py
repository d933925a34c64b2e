"""Recurring time intervals in local time, as Alertmanager's `time_intervals` have them.

https://prometheus.io/docs/alerting/latest/configuration/#time_interval-0. A clock change needs no case of its own: an
instant is turned into the zone's local time, so a range that the clocks skip never begins, and one that they repeat
holds twice.
"""

import calendar
from dataclasses import dataclass
from datetime import datetime

from core.cloudwatch import zones

MINUTES_A_DAY = 1440
Range = tuple[int, int]
"""First and last, both included."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Holds at an instant that fits every field; an empty field fits all.

    `times` are minutes of the day, the end excluded; `weekdays` are ISO's, Monday 1 to Sunday 7; `days` are those of
    the month, negative ones from its end; `location` is an IANA zone.
    """

    name: str
    times: tuple[Range, ...] = ()
    weekdays: tuple[Range, ...] = ()
    days: tuple[Range, ...] = ()
    months: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()
    location: str = "UTC"

    def holds(self, now: datetime) -> bool:
        """Whether `now` is within; raises ValueError for an unknown zone."""
        zone = zones.named(self.location)
        if zone is None:
            raise ValueError(f"interval {self.name}: {self.location!r} is no time zone")
        local = now.astimezone(zone)
        minute = local.hour * 60 + local.minute
        return (
            (not self.times or any(first <= minute < end for first, end in self.times))
            and _within(self.weekdays, local.isoweekday())
            and (not self.days or self._fits_day(local))
            and _within(self.months, local.month)
            and _within(self.years, local.year)
        )

    def _fits_day(self, local: datetime) -> bool:
        last = calendar.monthrange(local.year, local.month)[1]
        return any(_day(first, last) <= local.day <= _day(end, last) for first, end in self.days)


def _within(ranges: tuple[Range, ...], value: int) -> bool:
    return not ranges or any(first <= value <= end for first, end in ranges)


def _day(number: int, last: int) -> int:
    """A day of the month: -1 is the last; one that the month does not have is cut to its edge."""
    return max(1, last + 1 + number) if number < 0 else min(number, last + 1)
