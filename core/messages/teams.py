"""A message for Microsoft Teams: one Adaptive Card in the envelope that a Workflows webhook takes.

https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
Text from outside stands in text runs, which know no Markdown: no name becomes a link or a mention.
"""

from typing import Any

from core.catalogue.alarm import Severity
from core.messages import data
from core.messages.document import Document
from core.messages.fit import fit
from core.messages.limits import MAX_TEAMS
from core.messages.sections import Section

_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
_VERSION = "1.4"
_COLOURS = {Severity.CRITICAL: "Attention", Severity.WARNING: "Warning", Severity.INFO: "Accent"}
_RESOLVED = "Good"

Element = dict[str, Any]


def write(document: Document, *, limit: int = MAX_TEAMS) -> str:
    """The JSON of the webhook's POST, of at most `limit` bytes."""
    text, _ = fit(document, lambda part: data.dumps(_message(part)), limit)
    return text


def _message(document: Document) -> dict[str, Any]:
    card = {
        "$schema": _SCHEMA,
        "type": "AdaptiveCard",
        "version": _VERSION,
        "msteams": {"width": "Full"},
        "fallbackText": document.first,
        "body": _body(document),
        "actions": [{"type": "Action.OpenUrl", "title": link.title, "url": link.url} for link in document.links],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _body(document: Document) -> list[Element]:
    story = document.story
    colour = _RESOLVED if story.resolved else _COLOURS[story.severity]
    body = [_text(_run(document.first, weight="Bolder", size="Medium", color=colour))]
    if document.body:
        body += [_text(_run(line)) for line in document.body.splitlines() if line.strip()]
    else:
        body += [
            _text(_run(f"{name}  ", weight="Bolder"), _run(value), spacing="None") for name, value in document.fields
        ]
        body += [element for section in document.sections for element in _section(section)]
    if document.image:
        body.append({"type": "Image", "url": document.image, "altText": document.first, "size": "Stretch"})
    body += [_text(_run("ACTION", weight="Bolder")), _text(_run(document.action), spacing="None")]
    said = (document.why, document.footer, *document.last)
    return [*body, *(_text(_run(text, size="Small", isSubtle=True)) for text in said)]


def _section(section: Section) -> list[Element]:
    bullet = "• " if section.bulleted else ""
    lines = [_text(_run(f"{bullet}{line}"), spacing="None") for line in section.lines]
    return [_text(_run(section.title, weight="Bolder")), *lines]


def _text(*runs: Element, **more: str) -> Element:
    return {"type": "RichTextBlock", **more, "inlines": list(runs)}


def _run(text: str, **more: str | bool) -> Element:
    return {"type": "TextRun", "text": text, **more}
