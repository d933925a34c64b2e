"""The message's figures as JSON: every number of the text, rounded as it is told there, and the instants whole."""

import json
from datetime import datetime
from typing import Any

from core.incidents import instants
from core.incidents.evidence import Change
from core.incidents.notification import DigestLine
from core.messages.document import Document
from core.messages.layout import clean
from core.messages.limits import MAX_FIGURES, MAX_FREE, MAX_NAME, MAX_TITLE
from core.messages.sections import MAX_EVIDENCE, percent
from core.messages.story import Item, Story, place_of

VERSION = 2

_LEAST = ("evidence", "symptoms", "resolved", "figures", "digest", "changes", "labels")
"""By worth, the least first: left out, one after the other, where there is no room."""


def figures(document: Document, *, limit: int = MAX_FIGURES) -> str:
    """The data as JSON text of at most `limit` bytes; `cut` names what had no room."""
    return dumps(bounded(document, limit=limit))


def bounded(document: Document, *, limit: int = MAX_FIGURES) -> dict[str, Any]:
    """The data, of at most `limit` bytes as JSON."""
    data = gather(document)
    for name in _LEAST:
        if len(dumps(data).encode()) <= limit:
            return data
        if data.pop(name, None) is not None:
            data["cut"] = [*data.get("cut", ()), name]
    return data


def dumps(data: object) -> str:
    """Compact JSON in UTF-8, without what JSON has no word for."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def gather(document: Document) -> dict[str, Any]:
    """All of it as JSON values; what is not known is left out."""
    story, place = document.story, document.place
    told = story.told
    return without_empty(
        {
            "version": VERSION,
            "id": told.id,
            "incident": told.incident,
            "group": clean(told.group, MAX_FREE),
            "labels": {clean(name, MAX_NAME): clean(value, MAX_NAME) for name, value in told.labels},
            "receiver": clean(told.receiver, MAX_NAME),
            "state": "resolved" if story.resolved else "firing",
            "severity": story.severity.value,
            "reason": story.reason.value,
            "stage": place.stage,
            "account": told.account,
            "region": told.region,
            "subject": {"kind": story.subject.kind, "name": story.subject.name, "variant": story.subject.variant},
            "title": story.lead.title if story.lead else "",
            "owner": story.owner,
            "since": instants.show(story.since),
            "until": _instant(story.until),
            "sent": instants.show(story.now),
            "next_repeat": _instant(told.next_repeat_at),
            "duration_seconds": int(story.lasted.total_seconds()),
            "ended_seconds_ago": _seconds(story.until, story.now) if story.resolved else None,
            "alerts": told.firing_count + told.resolved_count + told.symptom_count,
            "counts": _counts(document),
            "figures": [_item(item) for item in story.firing or story.over],
            "resolved": [_item(item) for item in story.over if story.firing],
            "symptoms": [_item(item) for item in story.symptoms],
            "digest": [_line(line) for line in told.digest],
            "changes": [_change(change) for change in told.changes],
            "fix": _fix(story),
            "flaps": _flaps(story),
            **_found(story),
            "action": document.action,
            **{link.name.lower(): link.url for link in document.links},
        }
    )


def without_empty(data: dict[str, Any]) -> dict[str, Any]:
    """`data` without what is not known."""
    return {name: value for name, value in data.items() if value is not None and value not in ("", [], {})}


def _instant(instant: datetime | None) -> str | None:
    return instants.show(instant) if instant else None


def _seconds(earlier: datetime | None, later: datetime) -> int | None:
    return max(int((later - earlier).total_seconds()), 0) if earlier else None


def _counts(document: Document) -> dict[str, int]:
    told = document.story.told
    counts = {"firing": told.firing_count, "resolved": told.resolved_count, "symptoms": told.symptom_count}
    unlisted = {section.title.partition(" ")[0].lower(): section.unlisted for section in document.sections}
    return counts | {"groups": told.digest_count} | {f"unlisted_{name}": n for name, n in unlisted.items() if n}


def _found(story: Story) -> dict[str, Any]:
    found = story.told.investigation
    if found is None:
        return {}
    data: dict[str, Any] = {"evidence": [clean(entry.text, MAX_FREE) for entry in found.evidence[:MAX_EVIDENCE]]}
    if found.cause is not None:
        data["cause"] = {"text": clean(found.cause.text, MAX_FREE), "confidence": found.cause.confidence.value}
    if found.impact is not None:
        data["impact"] = {
            "failed": found.impact.failed,
            "requests": found.impact.requests,
            "percent": percent(found.impact),
            "window_seconds": found.impact.window_seconds,
        }
    return data


def _item(item: Item) -> dict[str, Any]:
    unit = next((found.unit for found in (item.value, item.threshold, item.peak) if found is not None), "")
    return without_empty(
        {
            "alarm": item.alarm,
            "title": item.title,
            "where": item.where,
            "severity": item.severity.value,
            "unit": unit,
            "value": item.value.number if item.value else None,
            "threshold": item.threshold.number if item.threshold else None,
            "window": item.window,
            "peak": item.peak.number if item.peak else None,
            "since": _instant(item.since),
            "until": _instant(item.until),
            "data_lost": _instant(item.data_lost_at),
            "detail": item.detail,
        }
    )


def _line(line: DigestLine) -> dict[str, Any]:
    return without_empty(
        {
            "group": clean(line.group, MAX_FREE),
            "incident": line.incident,
            "reason": line.reason.value,
            "severity": line.severity.value,
            "where": place_of(line.subject),
            "title": clean(line.title, MAX_TITLE),
            "firing": line.firing,
            "resolved": line.resolved,
        }
    )


def _change(change: Change) -> dict[str, Any]:
    return without_empty(
        {
            "config": clean(change.config, MAX_NAME),
            "previous": clean(change.previous, MAX_NAME),
            "at": instants.show(change.at),
        }
    )


def _fix(story: Story) -> dict[str, Any] | None:
    if story.fix is None:
        return None
    return {**_change(story.fix), "seconds_before_end": _seconds(story.fix.at, story.until or story.now)}


def _flaps(story: Story) -> dict[str, Any] | None:
    flaps = story.told.flaps
    if flaps is None:
        return None
    span = max((story.until or story.now) - flaps.since, flaps.in_alarm)
    return {
        "episodes": flaps.episodes,
        "in_alarm_seconds": int(flaps.in_alarm.total_seconds()),
        "span_seconds": int(span.total_seconds()),
        "since": instants.show(flaps.since),
    }
