"""StateReason and StateReasonData in AWS's own words.

The forms are those of the samples in the User Guide (Alarm events and EventBridge, Lambda alarm actions).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.catalogue.alarm import Comparison, MissingData
from core.cloudwatch.anomaly import Band, BandComparison
from core.cloudwatch.evaluation import Condition
from core.cloudwatch.limits import MAX_STATE_REASON_DATA
from core.cloudwatch.state import State

_LISTED = 5
"""From this many datapoints on, the text lists only the newest that many, in a sentence of its own."""

_KEPT = 100
"""How many of the newest datapoints are kept where all of them would not fit."""

INITIAL = "Unchecked: Initial alarm creation"

_WORDS = {
    Comparison.GREATER: "greater than",
    Comparison.GREATER_OR_EQUAL: "greater than or equal to",
    Comparison.LESS: "less than",
    Comparison.LESS_OR_EQUAL: "less than or equal to",
}
_TREATED = {
    MissingData.BREACHING: "Breaching",
    MissingData.NOT_BREACHING: "NonBreaching",
    MissingData.MISSING: "Missing",
    MissingData.IGNORE: "Ignore",
}


@dataclass(frozen=True, slots=True)
class Datapoint:
    """One period of an evaluation range: its start, its value, and how many samples it had where that is known."""

    at: datetime
    value: float | None
    samples: float | None = None
    band: tuple[float, float] | None = None
    """The lower and the upper threshold of an alarm with a band."""


def timestamp(at: datetime) -> str:
    """`2019-10-02T17:04:40.989+0000`."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"


def spoken_time(at: datetime) -> str:
    """`Friday 22 July, 2022 15:57:45 UTC`."""
    return f"{at.astimezone(UTC):%A %d %B, %Y %H:%M:%S} UTC"


def number(value: float) -> str:
    """A number as Java prints a double, which is what CloudWatch does: `50.0`, `1.0E9`, `1.0E-4`."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        digits = repr(value)
        return digits if "e" not in digits else f"{value:.17f}".rstrip("0")
    mantissa, _, exponent = f"{value!r}".partition("e")
    if not exponent:
        whole, _, fraction = mantissa.lstrip("-").partition(".")
        digits = (whole + fraction).lstrip("0")
        power = len(whole) - 1 if whole.strip("0") else len(fraction.lstrip("0")) - len(fraction) - 1
        digits = digits.rstrip("0") or "0"
        sign = "-" if value < 0 else ""
        return f"{sign}{digits[0]}.{digits[1:] or '0'}E{power}"
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def considered(points: Sequence[Datapoint], condition: Condition) -> tuple[Datapoint, ...]:
    """The datapoints that decide, oldest first: the newest N there are, with no missing one among them."""
    return tuple(point for point in points if point.value is not None)[-condition.periods :]


def reason(
    points: Sequence[Datapoint], condition: Condition, state: State, *, explicit: bool, band: Band | None = None
) -> str:
    """Why the alarm is in `state`. `explicit`: the alarm states its DatapointsToAlarm, which changes the words.

    `band` is that of an anomaly detection alarm, whose datapoints without thresholds count as missing.
    """
    real = considered(points, condition)
    filled = condition.periods - len(real)
    if state is State.INSUFFICIENT_DATA:
        return f"Insufficient Data: {_counted(condition.periods)} {_was(condition.periods)} unknown."
    if filled and condition.missing in (MissingData.BREACHING, MissingData.NOT_BREACHING):
        received = _counted(len(real)) if real else "no datapoints"
        verb = _was(len(real)) if real else "were"
        treated = f"[{_TREATED[condition.missing]}]"
        gap = f"{filled} missing {'datapoint' if filled == 1 else 'datapoints'} {_was(filled)} treated as {treated}"
        return f"Threshold Crossed: {received} {verb} received for {_periods(condition.periods)} and {gap}."
    crossed = _crossed(real, condition, state, explicit=explicit, band=band)
    return f"{'Threshold' if band is None else 'Thresholds'} Crossed: {crossed}."


def _crossed(
    real: Sequence[Datapoint], condition: Condition, state: State, *, explicit: bool, band: Band | None
) -> str:
    alarming = state is State.ALARM
    telling = [point for point in reversed(real) if condition.breaches(_watched(point, band)) is alarming]
    listed = ", ".join(f"{number(point.value or 0.0)} ({_short(point.at)})" for point in telling[:_LISTED])
    counted = f"{len(telling)} out of the last {condition.periods} datapoints" if explicit else _counted(len(telling))
    verb = f"{_was(len(telling))}{'' if alarming else ' not'}"
    if band is None:
        held = f"{_WORDS[condition.comparison]} the threshold ({number(condition.threshold)})"
    else:
        held = _thresholds(telling[:_LISTED], band, alarming=alarming)
    compared = f"{verb} {held}"
    if len(telling) < _LISTED:
        text = f"{counted} [{listed}] {compared}"
    else:
        text = f"{counted} {compared}. The most recent datapoints which crossed the threshold: [{listed}]"
    if not explicit:
        return text
    needed = condition.datapoints if alarming else condition.periods - condition.datapoints + 1
    change = "OK -> ALARM" if alarming else "ALARM -> OK"
    return f"{text} (minimum {_counted(needed)} for {change} transition)"


def _watched(point: Datapoint, band: Band | None) -> float:
    """What the condition holds against its threshold: the value, or how far it is out of the band."""
    value = point.value or 0.0
    return value if band is None or point.band is None else band.excess(value, *point.band)


def _thresholds(telling: Sequence[Datapoint], band: Band, *, alarming: bool) -> str:
    lower, upper = (
        ", ".join(number(point.band[side]) for point in telling if point.band is not None) for side in (0, 1)
    )
    below, above = f"less than the lower thresholds [{lower}]", f"greater than the upper thresholds [{upper}]"
    match band.comparison:
        case BandComparison.BELOW:
            return below
        case BandComparison.ABOVE:
            return above
        case BandComparison.OUTSIDE:
            return f"{below} or {above}" if alarming else f"{below} or not {above}"


def reason_data(
    points: Sequence[Datapoint],
    condition: Condition,
    *,
    now: datetime,
    period: timedelta,
    statistic: str | None,
    unit: str | None,
    banded: bool = False,
) -> str:
    """StateReasonData: JSON with the datapoints that decided, the newest of them where all would not fit.

    `statistic` is None for metric math. An alarm that is `banded` has thresholds of each datapoint.
    """
    real = considered(points, condition)
    data: dict[str, object] = {"version": "1.0", "queryDate": timestamp(now)}
    if real:
        data["startDate"] = timestamp(real[0].at)
    if unit is not None:
        data["unit"] = unit
    if statistic is not None:
        data["statistic"] = statistic
    data["period"] = int(period.total_seconds())
    data |= _recent(real, condition, banded=banded)
    shown = real or tuple(points)[-condition.periods :]
    data["evaluatedDatapoints"] = [_evaluated(point) for point in reversed(shown)]
    text = json.dumps(data, separators=(",", ":"))
    if len(text) > MAX_STATE_REASON_DATA:
        data |= _recent(real[-_KEPT // 3 if banded else -_KEPT :], condition, banded=banded)
        data["evaluatedDatapoints"] = [_evaluated(point) for point in shown[: -_LISTED - 1 : -1]]
        text = json.dumps(data, separators=(",", ":"))
    return text


def _recent(real: Sequence[Datapoint], condition: Condition, *, banded: bool) -> dict[str, object]:
    recent: dict[str, object] = {"recentDatapoints": [point.value for point in real]}
    if not banded:
        return recent | {"threshold": condition.threshold}
    bands = [point.band for point in real if point.band is not None]
    return recent | {
        "recentLowerThresholds": [lower for lower, _ in bands],
        "recentUpperThresholds": [upper for _, upper in bands],
    }


def compared(condition: Condition) -> str:
    """The comparison in words: `greater than`."""
    return _WORDS[condition.comparison]


def _evaluated(point: Datapoint) -> Mapping[str, object]:
    found = {"timestamp": timestamp(point.at), "sampleCount": point.samples, "value": point.value}
    return {key: value for key, value in found.items() if value is not None}


def _short(at: datetime) -> str:
    return f"{at.astimezone(UTC):%d/%m/%y %H:%M:%S}"


def _counted(count: int) -> str:
    return f"{count} datapoint{'' if count == 1 else 's'}"


def _periods(count: int) -> str:
    return f"{count} period{'' if count == 1 else 's'}"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def is_json(text: str) -> bool:
    """Whether StateReasonData may be `text`."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
