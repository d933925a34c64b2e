"""EventBridge's rule schedules: rate(...) and cron(...) in UTC, as values that know when they fire next.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MAX_YEAR = 2199  # the last year that a cron expression can name

_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}


class ScheduleError(Exception):
    """A schedule expression that EventBridge would refuse; says which part and what it may be."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Every `every`, counted from when the rule was made or enabled."""

    every: timedelta

    def after(self, instant: datetime, *, since: datetime) -> datetime | None:
        """The first firing later than `instant` of a rule enabled at `since`."""
        passed = max((instant - since) // self.every, 0)
        return since + (passed + 1) * self.every


@dataclass(frozen=True, slots=True)
class Cron:
    """Six fields, UTC. Days are sets of numbers, or the specials `L`, `<n>W`, `LW`, `<d>L`, `<d>#<n>`."""

    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    day_of_month: str
    day_of_week: str

    def after(self, instant: datetime, *, since: datetime) -> datetime | None:
        """The first firing later than `instant`; None when there is none before the year 2200."""
        day = max(instant, since).date()
        while day.year <= MAX_YEAR:
            if day.year not in self.years:
                day = day.replace(year=day.year + 1, month=1, day=1)
                continue
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if self._on(day.year, day.month, day.day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
                        if at > instant and at >= since:
                            return at
            day += timedelta(days=1)
        return None

    def _on(self, year: int, month: int, day: int) -> bool:
        if self.day_of_month != "?":
            return day in _days_of_month(self.day_of_month, year, month)
        return day in _days_of_week(self.day_of_week, year, month)


Schedule = Rate | Cron


def parse(expression: str) -> Schedule:
    """Read `rate(5 minutes)` or `cron(0 12 * * ? *)`; raises ScheduleError naming what is wrong."""
    if match := re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", expression):
        value = int(match[1])
        if value < 1 or (value == 1) != (match[3] == ""):
            raise ScheduleError(f"{expression}: write rate(1 {match[2]}) or rate(N {match[2]}s) with N above 1")
        return Rate(timedelta(**{f"{match[2]}s": value}))
    if match := re.fullmatch(r"cron\((.*)\)", expression):
        return _cron(expression, match[1].split())
    raise ScheduleError(f"{expression!r} is neither rate(value unit) nor cron(minutes hours day month weekday year)")


def _cron(expression: str, fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise ScheduleError(
            f"{expression} has {len(fields)} fields; cron has 6: minutes hours day-of-month month day-of-week year"
        )
    minutes, hours, day_of_month, months, day_of_week, years = (field.upper() for field in fields)
    if (day_of_month == "?") == (day_of_week == "?"):
        raise ScheduleError(f"{expression}: exactly one of day-of-month and day-of-week must be ?")
    _days_of_month(day_of_month, 2024, 1, expression)
    _days_of_week(day_of_week, 2024, 1, expression)
    return Cron(
        minutes=_field(expression, "minutes", minutes, 0, 59),
        hours=_field(expression, "hours", hours, 0, 23),
        months=_field(expression, "month", months, 1, 12, _MONTHS),
        years=_field(expression, "year", years, 1970, MAX_YEAR),
        day_of_month=day_of_month,
        day_of_week=day_of_week,
    )


def _field(
    expression: str, name: str, text: str, low: int, high: int, words: dict[str, int] | None = None
) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?", part)
        if not match:
            raise ScheduleError(f"{expression}: {part!r} is no {name} ({low}-{high}, and , - * /)")
        first, last, step = match.groups()
        if first == "*":
            start, end = low, high
        else:
            start = _number(expression, name, first, low, high, words)
            end = _number(expression, name, last, low, high, words) if last else high if step else start
        if start > end:
            raise ScheduleError(f"{expression}: {part!r} in {name} runs backwards")
        if step == "0":
            raise ScheduleError(f"{expression}: {part!r} in {name} has a step of 0")
        values.update(range(start, end + 1, int(step or 1)))
    return frozenset(values)


def _number(expression: str, name: str, text: str, low: int, high: int, words: dict[str, int] | None) -> int:
    value = (words or {}).get(text, int(text) if text.isdigit() else -1)
    if not low <= value <= high:
        raise ScheduleError(f"{expression}: {text!r} is no {name}; it goes from {low} to {high}")
    return value


def _days_of_month(text: str, year: int, month: int, expression: str = "") -> frozenset[int]:
    last = calendar.monthrange(year, month)[1]
    if text == "?":
        return frozenset()
    if text == "L":
        return frozenset({last})
    if text == "LW":
        return frozenset({_weekday_near(year, month, last)})
    if match := re.fullmatch(r"(\d+)W", text):
        wanted = int(match[1])
        return frozenset({_weekday_near(year, month, wanted)}) if 1 <= wanted <= last else frozenset()
    return _field(expression or text, "day-of-month", text, 1, 31)


def _days_of_week(text: str, year: int, month: int, expression: str = "") -> frozenset[int]:
    last = calendar.monthrange(year, month)[1]
    if text == "?":
        return frozenset()
    if match := re.fullmatch(r"(\w+)#([1-5])", text):
        day = _number(expression or text, "day-of-week", match[1], 1, 7, _DAYS)
        return frozenset(_of_weekday(year, month, day)[int(match[2]) - 1 : int(match[2])])
    if match := re.fullmatch(r"([1-7]|[A-Z]{3})L", text):
        day = _number(expression or text, "day-of-week", match[1], 1, 7, _DAYS)
        return frozenset(_of_weekday(year, month, day)[-1:])
    wanted = _field(expression or text, "day-of-week", "7" if text == "L" else text, 1, 7, _DAYS)
    return frozenset(day for day in range(1, last + 1) if _aws_weekday(year, month, day) in wanted)


def _aws_weekday(year: int, month: int, day: int) -> int:
    """1 is Sunday."""
    return (calendar.weekday(year, month, day) + 1) % 7 + 1


def _of_weekday(year: int, month: int, weekday: int) -> list[int]:
    last = calendar.monthrange(year, month)[1]
    return [day for day in range(1, last + 1) if _aws_weekday(year, month, day) == weekday]


def _weekday_near(year: int, month: int, day: int) -> int:
    """The Monday to Friday nearest to a day, in the same month."""
    last = calendar.monthrange(year, month)[1]
    match calendar.weekday(year, month, day):
        case calendar.SATURDAY:
            return day - 1 if day > 1 else day + 2
        case calendar.SUNDAY:
            return day + 1 if day < last else day - 2
        case _:
            return day
