"""A backtest's outcomes as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.catalogue.alarm import Alarm, Comparison, MetricAlarm
from local.backtest.fetch import Range
from local.backtest.replay import Outcome

SIGNS = {
    Comparison.GREATER: ">",
    Comparison.GREATER_OR_EQUAL: ">=",
    Comparison.LESS: "<",
    Comparison.LESS_OR_EQUAL: "<=",
}
_HEAD = ("alarm", "pages", "fired", "in ALARM", "flaps", "threshold", "came to", "suggested")
_WEEK = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Summary:
    """The pages of all alarms; `budget` is in pages a week, None without one."""

    start: datetime
    end: datetime
    days: float
    pages: int
    pages_per_week: float
    budget: float | None

    @property
    def exceeded(self) -> bool:
        """Whether there is a budget, and more pages than it has."""
        return self.budget is not None and self.pages_per_week > self.budget


def summary(outcomes: Sequence[Outcome], span: Range, *, budget: float | None) -> Summary:
    """What all outcomes come to, over the time that the longest-looking alarm was evaluated."""
    tracks = [outcome.track for outcome in outcomes if outcome.track is not None]
    start = min((track.start for track in tracks), default=span.start)
    end = max((track.end for track in tracks), default=span.end)
    pages = sum(outcome.track.fired for outcome in outcomes if outcome.pages and outcome.track is not None)
    length = max(end - start, 1)
    return Summary(
        start=datetime.fromtimestamp(start, UTC),
        end=datetime.fromtimestamp(end, UTC),
        days=round(length / 86_400, 2),
        pages=pages,
        pages_per_week=round(pages * _WEEK / length, 2),
        budget=budget,
    )


def table(outcomes: Sequence[Outcome], total: Summary) -> str:
    """One line an alarm, then the pages."""
    rows = [_HEAD, *(_row(outcome) for outcome in outcomes if outcome.track is not None)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    skipped: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.track is None:
            skipped.setdefault(outcome.note, []).append(outcome.alarm.name)
    lines += [f"not replayed, {note}: {', '.join(names)}" for note, names in skipped.items()]
    lines += ["", _pages(total)]
    return "\n".join(lines)


def _pages(total: Summary) -> str:
    line = (
        f"{total.pages} pages in {total.days:g} days ({total.start:%Y-%m-%d %H:%M} to {total.end:%Y-%m-%d %H:%M} UTC), "
        f"{total.pages_per_week:g} a week"
    )
    if total.budget is None:
        return line
    return f"{line}; the budget of {total.budget:g} a week is {'exceeded' if total.exceeded else 'kept'}"


def _row(outcome: Outcome) -> tuple[str, ...]:
    alarm, track = outcome.alarm, outcome.track
    if track is None:
        return (alarm.name, *[""] * (len(_HEAD) - 1))
    suggested = ""
    if outcome.suggested is not None:
        suggested = f"{_limit(alarm, outcome.suggested)} (fires {outcome.fires_then})"
    return (
        alarm.name,
        "yes" if outcome.pages else "",
        str(track.fired),
        _minutes(track.minutes),
        str(track.flaps),
        _limit(alarm, alarm.threshold) if isinstance(alarm, MetricAlarm) else "",
        _shown(alarm, outcome.came_to),
        suggested,
    )


def _minutes(minutes: float) -> str:
    return f"{minutes:g} min" if minutes < 600 else f"{minutes / 60:.1f} h"


def _limit(alarm: Alarm, threshold: float) -> str:
    sign = SIGNS[alarm.comparison] if isinstance(alarm, MetricAlarm) else ""
    return f"{sign} {_shown(alarm, threshold)}"


def _shown(alarm: Alarm, value: float | None) -> str:
    if value is None or not isinstance(alarm, MetricAlarm):
        return ""
    return f"{value * alarm.display.scale:.4g} {alarm.display.unit}"


def as_json(outcomes: Sequence[Outcome], total: Summary) -> dict[str, Any]:
    """The same as data; thresholds and values are in the unit that `unit` names."""
    return {
        "start": total.start.isoformat().replace("+00:00", "Z"),
        "end": total.end.isoformat().replace("+00:00", "Z"),
        "days": total.days,
        "pages": total.pages,
        "pages_per_week": total.pages_per_week,
        "budget_pages_per_week": total.budget,
        "over_budget": total.exceeded,
        "alarms": [_alarm(outcome) for outcome in outcomes],
    }


def _alarm(outcome: Outcome) -> dict[str, Any]:
    alarm, track = outcome.alarm, outcome.track
    found: dict[str, Any] = {"alarm": alarm.name, "severity": alarm.severity.value, "pages": outcome.pages}
    if track is None:
        return found | {"replayed": False, "note": outcome.note}
    found |= {
        "replayed": True,
        "fired": track.fired,
        "minutes_in_alarm": track.minutes,
        "flaps": track.flaps,
        "alarms": [{"start": _instant(span.start), "end": _instant(span.end)} for span in track.alarms],
    }
    if isinstance(alarm, MetricAlarm):
        scale = alarm.display.scale
        found |= {
            "unit": alarm.display.unit,
            "comparison": alarm.comparison.value,
            "threshold": alarm.threshold * scale,
            "came_to": outcome.came_to * scale if outcome.came_to is not None else None,
            "suggested_threshold": outcome.suggested * scale if outcome.suggested is not None else None,
            "fires_at_suggested": outcome.fires_then,
        }
    return found


def _instant(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
