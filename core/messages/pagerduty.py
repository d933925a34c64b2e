"""A message for PagerDuty: events of its Events API v2, one dedup key an incident from the first to the last.

https://developer.pagerduty.com/docs/events-api-v2/overview/
"""

from typing import Any

from core.incidents import instants
from core.incidents.notification import Notification, Reason
from core.messages import data, graphemes
from core.messages.document import Document
from core.messages.fit import fit, octets
from core.messages.limits import MAX_PAGER, MAX_PAGER_KEY, MAX_PAGER_SUMMARY

CLIENT = "mlwarden"

Event = dict[str, Any]


def write(document: Document, *, limit: int = MAX_PAGER) -> str:
    """The JSON list of the events to be sent, each without its routing key and of at most `limit` bytes.

    One event; of a digest, one that opens it while anything fires, and one for each group that it says has resolved.
    """
    story = document.story
    digest = story.reason is Reason.DIGEST
    events = []
    if not digest or story.told.firing_count:
        events.append(_fitting(document, "resolve" if story.resolved else "trigger", limit))
    ended = [line.incident for line in story.told.digest if line.reason is Reason.ALL_RESOLVED and line.incident]
    events += [{"event_action": "resolve", "dedup_key": _key(story.told, incident)} for incident in ended]
    return data.dumps(events)


def key(told: Notification) -> str:
    """The dedup key: the incident's; what belongs to none has its own."""
    return _key(told, told.incident or f"{told.reason.value}/{told.id}")


def _key(told: Notification, name: str) -> str:
    return graphemes.shorten(f"{CLIENT}/{told.account}/{told.region}/{name}", MAX_PAGER_KEY)


def _fitting(document: Document, action: str, limit: int) -> Event:
    event: Event = {}

    def text(part: Document) -> str:
        nonlocal event
        event = _event(part, action)
        return data.dumps(event)

    fit(document, text, limit, size=octets)
    return event


def _event(document: Document, action: str) -> Event:
    story = document.story
    return {
        "event_action": action,
        "dedup_key": key(story.told),
        "client": CLIENT,
        "client_url": document.board,
        "links": [{"href": link.url, "text": link.title} for link in document.links],
        "payload": data.without_empty(
            {
                "summary": graphemes.shorten(document.body or document.first, MAX_PAGER_SUMMARY),
                "source": story.where or CLIENT,
                "severity": story.severity.value,
                "timestamp": instants.show(story.until or story.since),
                "component": story.subject.kind,
                "group": document.place.stage,
                "class": story.condition,
                "custom_details": _details(document),
            }
        ),
    }


def _details(document: Document) -> dict[str, Any]:
    sections = {section.title: list(section.lines) for section in document.sections}
    return {
        "first line": document.first,
        **dict(document.fields),
        **sections,
        "Action": document.action,
        "Why": document.why,
        "About": document.footer,
        **({"Note": " ".join(document.last)} if document.last else {}),
        "figures": data.bounded(document),
    }
