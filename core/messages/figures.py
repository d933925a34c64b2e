"""Numbers, instants and ages as people read them; the same rounded numbers go into the data."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.catalogue.metric import Display

LARGEST = 2.0**360  # PutMetricData
HUGE = 1e15
"""From here on numbers are written with an exponent."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as it is shown: `number` is rounded exactly as `text` is."""

    number: float
    unit: str

    @property
    def text(self) -> str:
        """`812 ms`, `7.4 %`, `1,731 requests`, `1 request`, `0.5`."""
        counted = self.unit.endswith("s") and len(self.unit) > len("ms")
        unit = self.unit[:-1] if counted and self.number == 1 else self.unit
        return f"{plain(self.number)} {unit}".rstrip()


def figure(value: float | None, display: Display) -> Figure | None:
    """`value`, in CloudWatch's unit, as it is shown; None when there is none (or no finite one)."""
    if value is None or not math.isfinite(value) or abs(value * display.scale) > LARGEST:
        return None
    return Figure(rounded(value * display.scale), display.unit)


def rounded(number: float) -> float:
    """Three significant digits below 100, whole numbers from there on, three digits again where nobody counts."""
    size = abs(number)
    if size >= HUGE:
        return float(f"{number:.2e}")
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return round(number, places) + 0.0


def plain(number: float) -> str:
    """`1,731`, `7.4`, `0.001`: no trailing zeros, and no exponent below 10^15."""
    if abs(number) >= HUGE:
        return f"{number:.2e}"
    text = f"{number:,.3f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def clock(instant: datetime) -> str:
    """`14:02Z`."""
    return f"{instant.astimezone(UTC):%H:%M}Z"


def date(instant: datetime) -> str:
    """`2026-11-21 14:02Z`."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def moment(instant: datetime, now: datetime) -> str:
    """`14:02Z` where that tells the day too, as seen from `now`; else with its date."""
    return clock(instant) if abs(now - instant) < timedelta(days=1) else date(instant)


def age(duration: timedelta) -> str:
    """`45 s`, `6 min`, `2 h 5 min`, `1 d 3 h`; never negative."""
    seconds = max(int(duration.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
