"""Time intervals as text, as Alertmanager writes them: `09:00-17:00`, `monday:friday`, `-3:-1`, `january:march`."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from core.cloudwatch import zones
from core.incidents.intervals import MINUTES_A_DAY, Interval, Range

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_TIMES = re.compile(r"(\d{2}):(\d{2})-(\d{2}):(\d{2})")


class Texts(Protocol):
    """An interval as the configuration has it."""

    @property
    def name(self) -> str: ...
    @property
    def times(self) -> tuple[str, ...]: ...
    @property
    def weekdays(self) -> tuple[str, ...]: ...
    @property
    def days_of_month(self) -> tuple[str, ...]: ...
    @property
    def months(self) -> tuple[str, ...]: ...
    @property
    def years(self) -> tuple[str, ...]: ...
    @property
    def location(self) -> str: ...


def read(texts: Texts) -> Interval:
    """The interval; raises ValueError saying what is wrong."""
    return Interval(
        texts.name,
        tuple(_time(text) for text in texts.times),
        tuple(_weekday(text) for text in texts.weekdays),
        tuple(_day(text) for text in texts.days_of_month),
        tuple(_month(text) for text in texts.months),
        tuple(_year(text) for text in texts.years),
        texts.location,
    )


def problems(texts: Texts) -> Iterator[tuple[str, str]]:
    """A key and what is wrong with it, for each wrong text."""
    readers: tuple[tuple[str, Iterable[str], Callable[[str], Range]], ...] = (
        ("times", texts.times, _time),
        ("weekdays", texts.weekdays, _weekday),
        ("days_of_month", texts.days_of_month, _day),
        ("months", texts.months, _month),
        ("years", texts.years, _year),
    )
    for key, values, reader in readers:
        for index, text in enumerate(values):
            try:
                reader(text)
            except ValueError as error:
                yield f"{key}[{index}]", str(error)
    if zones.named(texts.location) is None:
        yield "location", f"{texts.location!r} is no time zone; one such as Europe/Berlin would be right"


def _time(text: str) -> Range:
    match = _TIMES.fullmatch(text)
    if match:
        start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
        if start < end <= MINUTES_A_DAY and int(match[2]) < 60 and int(match[4]) < 60:
            return start, end
    raise ValueError(f"{text!r} is no range of times; one such as 09:00-17:00, the end at most 24:00, would be right")


def _weekday(text: str) -> Range:
    return _range(text, lambda part: _DAYS.index(part) + 1, "days such as monday:friday")


def _month(text: str) -> Range:
    def number(part: str) -> int:
        value = int(part) if part.isdecimal() else _MONTHS.index(part) + 1
        if not 1 <= value <= 12:
            raise ValueError(part)
        return value

    return _range(text, number, "months such as january:march or 1:3")


def _year(text: str) -> Range:
    return _range(text, int, "years such as 2026:2028")


def _day(text: str) -> Range:
    def number(part: str) -> int:
        value = int(part)
        if value == 0 or abs(value) > 31:
            raise ValueError(part)
        return value

    right = "days of the month such as 1:5 or -3:-1, 1 to 31 or -31 to -1"
    first, end = _range(text, number, right, ordered=False)
    if (first > 0) == (end > 0) and end < first:
        raise ValueError(f"{text!r} runs backwards; {right} would be right")
    if first < 0 < end:
        raise ValueError(f"{text!r} begins before the month's end and ends after its start; {right} would be right")
    return first, end


def _range(text: str, number: Callable[[str], int], right: str, *, ordered: bool = True) -> Range:
    first, colon, end = text.strip().lower().partition(":")
    try:
        found = number(first), number(end if colon else first)
    except ValueError:
        raise ValueError(f"{text!r} is malformed; {right} would be right") from None
    if ordered and found[1] < found[0]:
        raise ValueError(f"{text!r} runs backwards; {right} would be right")
    return found
