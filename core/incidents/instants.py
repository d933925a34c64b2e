"""Instants as AWS writes them: ISO 8601 with Z, +0000 or +00:00, RFC 1123, and epoch seconds or milliseconds."""

import math
import re
from datetime import UTC, datetime

WANTED = "an instant (ISO 8601, RFC 1123, or epoch seconds or milliseconds)"
FIRST_MILLISECONDS = 100_000_000_000
"""Epoch numbers from here on are milliseconds: as seconds this is the year 5138."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC_1123 = re.compile(r"[A-Z][a-z]{2}, (\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) (?:GMT|UTC|\+0000)")
"""AWS Health's form, such as `Fri, 27 Jan 2023 06:02:51 GMT`."""


def parse(value: object) -> datetime:
    """The aware UTC instant of `value` (str, int, float or datetime); raises ValueError saying what was found.

    A naive time is taken as UTC. Epoch numbers may come as text (SageMaker's endpoint events do that).
    """
    if isinstance(value, str):
        try:
            # The usual form first; what has a zone is never a number.
            instant = datetime.fromisoformat(value)
        except ValueError:
            instant = None
        if instant is not None and instant.tzinfo is UTC:
            return instant
        if value[4:5] == "-":
            return _iso(value)
        text = value.strip()
        if not (text.isascii() and text.replace(".", "", 1).isdecimal()):
            return _rfc_1123(text) or _iso(text)
        value = float(text)
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{str(value)[:40]!r} is not {WANTED}")  # noqa: TRY004 - bad data, not a wrong call
    if not math.isfinite(value):
        raise ValueError(f"{value!r} is not an instant")
    seconds = value / 1000 if abs(value) >= FIRST_MILLISECONDS else value
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise ValueError(f"{value!r} is outside the calendar") from error


def _iso(text: str) -> datetime:
    try:
        # AWS's own sample of a composite's action has blanks in its times: `2023-08-04T12: 56: 46.138+0000`.
        instant = datetime.fromisoformat(text.replace(": ", ":"))
        return instant if instant.tzinfo is UTC else _utc(instant)
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is not {WANTED}") from None


def _utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _rfc_1123(text: str) -> datetime | None:
    found = _RFC_1123.fullmatch(text)
    if found is None or found[2] not in _MONTHS:
        return None
    day, month, year, hour, minute, second = found.groups()
    date = int(year), _MONTHS.index(month) + 1, int(day)
    try:
        return datetime(*date, int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None


def show(instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z: sorts as text in the order of time."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
