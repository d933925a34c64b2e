"""Incidents as a list and one incident's audit trail: for the command line, and as HTML for a dashboard."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from html import escape
from typing import Any

from core.incidents import instants

MAX_ROWS = 50
"""Of the widget: a dashboard shows the worst; the command line lists all."""
MAX_CELL = 120
_RANK = {"critical": 0, "warning": 1, "info": 2}
_COLORS = {"critical": "#d13212", "warning": "#b7791f", "info": "#0972d3"}


@dataclass(frozen=True, slots=True)
class Line:
    """One incident in a few words; `told` is the reason of its last message or decision, `firing` its alerts then."""

    id: str
    group: str
    receiver: str
    subject: str
    title: str
    owner: str
    severity: str
    opened_at: datetime
    resolved_at: datetime | None = None
    cause: str = ""
    firing: int = 0
    told: str = ""

    def age(self, now: datetime) -> timedelta:
        """How long it has run, or ran; never negative."""
        return max((self.resolved_at or now) - self.opened_at, timedelta(0))


class Kind(StrEnum):
    """What an entry of the audit trail is about."""

    EVENT = "event"
    DECISION = "decision"
    MESSAGE = "message"
    DELIVERY = "delivery"
    INVESTIGATION = "investigation"
    ACTION = "action"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened: `what` in a line, `facts` as names and values."""

    at: datetime
    kind: Kind
    what: str
    facts: tuple[tuple[str, str], ...] = ()


def ordered(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Worst first, then oldest."""
    return tuple(sorted(lines, key=lambda line: (_RANK.get(line.severity, 3), line.opened_at, line.id)))


def span(length: timedelta) -> str:
    """A length of time in at most two units: `45 s`, `6 min`, `2 h 5 min`, `3 d 4 h`."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


HEAD = ("severity", "age", "incident", "subject", "what", "owner", "cause", "state")


def cells(line: Line, now: datetime) -> tuple[str, ...]:
    """A line under HEAD."""
    state = f"resolved {instants.show(line.resolved_at)}" if line.resolved_at else f"{line.firing} firing"
    return (
        line.severity,
        span(line.age(now)),
        line.id,
        line.subject,
        line.title,
        line.owner or "-",
        line.cause or "not determined",
        state,
    )


def table(lines: Sequence[Line], now: datetime) -> str:
    """The list as text in columns."""
    rows = [HEAD, *(cells(line, now) for line in lines)]
    cut = [[printable(cell)[:MAX_CELL] for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cut) for column in range(len(HEAD))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cut)


def data(line: Line, now: datetime) -> dict[str, Any]:
    """A line as JSON."""
    return {
        "incident": line.id,
        "severity": line.severity,
        "subject": line.subject,
        "title": line.title,
        "owner": line.owner,
        "cause": line.cause or None,
        "group": line.group,
        "receiver": line.receiver,
        "opened_at": instants.show(line.opened_at),
        "resolved_at": instants.show(line.resolved_at) if line.resolved_at else None,
        "age_seconds": int(line.age(now).total_seconds()),
        "firing": line.firing,
        "last": line.told or None,
    }


def trail(entries: Iterable[Entry]) -> str:
    """An audit trail as text."""
    lines: list[str] = []
    for entry in entries:
        facts = "".join(f"  {name}={printable(value)}" for name, value in entry.facts if value)
        lines.append(f"{instants.show(entry.at)}  {entry.kind.value:<13}  {printable(entry.what)}{facts}")
    return "\n".join(lines)


def entry_data(entry: Entry) -> dict[str, Any]:
    """An entry as JSON."""
    return {"at": instants.show(entry.at), "kind": entry.kind.value, "what": entry.what, **dict(entry.facts)}


def printable(text: str) -> str:
    """Text for a terminal: what would move its cursor or change its colours is a space."""
    return "".join(char if char.isprintable() else " " for char in text)


def html(lines: Sequence[Line], now: datetime) -> str:
    """The open incidents as an HTML table; everything in it is escaped."""
    if not lines:
        return "<p>No open incidents.</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in HEAD)
    rows = "".join(_row(line, now) for line in lines[:MAX_ROWS])
    more = len(lines) - MAX_ROWS
    rest = f"<p>+{more} more: mlwarden incidents list</p>" if more > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{rest}"


def _row(line: Line, now: datetime) -> str:
    severity, *others = (escape(_cut(cell)) for cell in cells(line, now))
    color = _COLORS.get(line.severity, "inherit")
    first = f'<td style="color:{color};font-weight:bold">{severity}</td>'
    return "<tr>" + first + "".join(f"<td>{cell}</td>" for cell in others) + "</tr>"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"
