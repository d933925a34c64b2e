"""Time zones as CloudWatch takes them: IANA names, and where a page says so, fixed offsets."""

import re
import zoneinfo
from datetime import UTC, timedelta, timezone, tzinfo

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{2}):(\d{2})")
_GRAIN = timedelta(minutes=5)
_LARGEST = timedelta(hours=18)


def named(name: str) -> tzinfo | None:
    """The zone of an IANA name; None where there is none of that name."""
    if name in ("UTC", "Z"):
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def read(text: str) -> tzinfo | None:
    """An IANA name, `+05:30`, `Z`, `UTC+05:30` or `GMT-08:00`; None for anything else.

    A fixed offset must be a multiple of five minutes, as those of IANA zones are today (User Guide, Alarm evaluation
    window).
    """
    match = _OFFSET.fullmatch(text)
    if match is None:
        return named(text)
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    if int(match[3]) >= 60 or offset > _LARGEST or offset % _GRAIN:
        return None
    return timezone(-offset if match[1] == "-" else offset)
