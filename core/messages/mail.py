"""One incident as a mail: subject, text and the same figures as data."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.catalogue.dashboards import dashboard_name
from core.incidents import instants
from core.incidents.notification import Reason
from core.messages import headline, layout, links
from core.messages.figures import age, clock, date, plain, rounded
from core.messages.story import Item, Story

LEAD_IN = timedelta(hours=1)
LEAD_OUT = timedelta(minutes=30)
"""The dashboard link shows from an hour before the first symptom to half an hour after the message or the end."""

_WHY = {
    Reason.FIRST: "first message of this incident",
    Reason.NEW_ALERTS: "an alert fires that was not told of before",
    Reason.ALL_RESOLVED: "all alerts are resolved",
}


@dataclass(frozen=True, slots=True)
class Message:
    """What is published: `figures` is JSON text with every number of `text`."""

    subject: str
    text: str
    figures: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the deployment is: its stage, and the base URL of its runbooks."""

    stage: str
    runbooks: str


def write(story: Story, place: Place) -> Message:
    """The message of `story`."""
    runbook = links.runbook(place.runbooks, story.runbook)
    board = _dashboard(story, place)
    lines = [headline.first_line(story), "", *layout.fields(_fields(story))]
    lines += layout.section(_alerts_title(story), _alerts(story))
    lines += _cause(story)
    lines += layout.section("ACTION", ["  none taken: mlwarden only watches here"] if not story.resolved else [])
    lines += layout.section("RUNBOOK", [runbook] if runbook else [])
    lines += layout.section("DASHBOARD", [board])
    lines += ["", *layout.paragraph(f"Why now: {_WHY[story.reason]}."), *layout.paragraph(_footer(story, place))]
    figures = json.dumps(_data(story, place, runbook, board), separators=(",", ":"))
    return Message(headline.subject(story, place.stage), "\n".join(lines) + "\n", figures)


def _fields(story: Story) -> list[tuple[str, str]]:
    subject = story.subject
    variant = f", variant {subject.variant}" if subject.variant else ""
    shared = [("Where", f"{subject.kind} {subject.name}{variant}, {story.region}, account {story.account}")]
    if story.resolved and story.until is not None:
        return [
            *shared,
            ("Began", date(story.since)),
            ("Ended", f"{date(story.until)}, {age(story.now - story.until)} ago"),
            ("Duration", age(story.lasted)),
            ("Peak", story.lead.peaked.removeprefix("peak ")),
            ("Owner", story.owner),
        ]
    return [
        *shared,
        ("Since", f"{date(story.since)}, {age(story.lasted)} ago"),
        ("Value", story.lead.against),
        ("Detail", story.lead.detail),
        ("Impact", _impact(story)),
        ("Owner", story.owner),
    ]


def _impact(story: Story) -> str:
    found = story.investigation.impact if story.investigation else None
    if found is None:
        return ""
    percent = rounded(100 * found.failed / found.requests) if found.requests else 0.0
    window = age(timedelta(seconds=found.window_seconds))
    return f"{found.failed:,} of {found.requests:,} requests failed ({plain(percent)} %) in {window}"


def _alerts_title(story: Story) -> str:
    return f"{'ALERTS' if story.resolved else 'FIRING'} ({len(story.items)})"


def _alerts(story: Story) -> list[str]:
    listed = layout.bullets([_bullet(story, item) for item in story.listed])
    return [*listed, *([f"  +{story.unlisted} more on the dashboard"] if story.unlisted else [])]


def _bullet(story: Story, item: Item) -> str:
    bad = item.peaked if story.resolved else item.against
    parts = [item.title, f": {bad}" if bad else ""]
    if item.since is not None:
        parts.append(f", since {clock(item.since)}")
    if story.resolved and item.until is not None:
        parts.append(f" until {clock(item.until)}")
    if item.detail and item is not story.lead:
        parts.append(f" ({item.detail})")
    return "".join(parts)


def _cause(story: Story) -> list[str]:
    found = story.investigation
    lines: list[str] = []
    if found is not None and found.cause is not None:
        told = layout.paragraph(found.cause.text, indent="  ")
        lines += layout.section(f"LIKELY CAUSE (confidence: {found.cause.confidence.value})", told)
    elif not story.resolved:
        told = layout.paragraph("not determined; next: the runbook's Diagnosis section", indent="  ")
        lines += layout.section("LIKELY CAUSE", told)
    if found is not None:
        lines += layout.section("EVIDENCE", layout.bullets([entry.text for entry in found.evidence]))
    return lines


def _dashboard(story: Story, place: Place) -> str:
    name = dashboard_name(place.stage, story.subject) if story.catalogued else f"mlwarden-{place.stage}-fleet"
    end = (story.until or story.now) + LEAD_OUT
    return links.dashboard(story.region, name, start=story.since - LEAD_IN, end=end)


def _footer(story: Story, place: Place) -> str:
    return f"Incident {story.incident}, {story.group}, stage {place.stage}, written {date(story.now)}."


def _data(story: Story, place: Place, runbook: str, board: str) -> dict[str, Any]:
    found = story.investigation
    data: dict[str, Any] = {
        "version": 1,
        "incident": story.incident,
        "state": "resolved" if story.resolved else "firing",
        "severity": story.severity.value,
        "reason": story.reason.value,
        "stage": place.stage,
        "account": story.account,
        "region": story.region,
        "subject": {"kind": story.subject.kind, "name": story.subject.name, "variant": story.subject.variant},
        "title": story.lead.title,
        "owner": story.owner,
        "since": instants.show(story.since),
        "until": instants.show(story.until) if story.until else None,
        "sent": instants.show(story.now),
        "duration_seconds": int(story.lasted.total_seconds()),
        "alerts": len(story.items),
        "figures": [_figures(item) for item in story.listed],
        "runbook": runbook,
        "dashboard": board,
    }
    if found is not None:
        data["evidence"] = [entry.text for entry in found.evidence]
        if found.cause is not None:
            data["cause"] = {"text": found.cause.text, "confidence": found.cause.confidence.value}
        if found.impact is not None:
            impact = found.impact
            percent = rounded(100 * impact.failed / impact.requests) if impact.requests else 0.0
            data["impact"] = {
                "failed": impact.failed,
                "requests": impact.requests,
                "percent": percent,
                "window_seconds": impact.window_seconds,
            }
    return _without_empty(data)


def _figures(item: Item) -> dict[str, Any]:
    unit = next((found.unit for found in (item.value, item.threshold, item.peak) if found is not None), "")
    return _without_empty(
        {
            "alarm": item.alarm,
            "title": item.title,
            "unit": unit,
            "value": item.value.number if item.value else None,
            "threshold": item.threshold.number if item.threshold else None,
            "peak": item.peak.number if item.peak else None,
            "since": instants.show(item.since) if item.since else None,
            "until": instants.show(item.until) if item.until else None,
            "detail": item.detail,
        }
    )


def _without_empty(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value is not None and value not in ("", [], {})}
