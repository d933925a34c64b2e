"""Instants as AWS writes them: ISO 8601 with Z, +0000 or +00:00, and epoch seconds or milliseconds."""

import math
from datetime import UTC, datetime

WANTED = "an instant (ISO 8601, or epoch seconds or milliseconds)"
FIRST_MILLISECONDS = 100_000_000_000
"""Epoch numbers from here on are milliseconds: as seconds this is the year 5138."""


def parse(value: object) -> datetime:
    """The aware UTC instant of `value` (str, int or float); raises ValueError saying what was found.

    A naive ISO time is taken as UTC. Epoch numbers may come as text (SageMaker's endpoint events do that).
    """
    if isinstance(value, str):
        text = value.strip()
        if not text.replace(".", "", 1).isdecimal():
            return _iso(text)
        value = float(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{str(value)[:40]!r} is not {WANTED}")  # noqa: TRY004 - bad data, not a wrong call
    if not math.isfinite(value):
        raise ValueError(f"{value!r} is not an instant")
    seconds = value / 1000 if abs(value) >= FIRST_MILLISECONDS else value
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(f"{value!r} is outside the calendar") from error


def _iso(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not {WANTED}") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def show(instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z: sorts as text in the order of time."""
    utc = instant.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
