"""A message for Slack: blocks, the same for a webhook's new message and for a bot's message that is edited in place.

https://docs.slack.dev/reference/block-kit/blocks
"""

from collections.abc import Iterator
from typing import Any

from core.catalogue.alarm import Severity
from core.messages import data, graphemes
from core.messages.document import Document
from core.messages.fit import fit
from core.messages.limits import (
    MAX_SLACK,
    MAX_SLACK_ALT,
    MAX_SLACK_FIELD,
    MAX_SLACK_FIELDS,
    MAX_SLACK_HEADER,
    MAX_SLACK_SECTION,
    MAX_SLACK_URL,
)
from core.messages.links import Link
from core.messages.sections import Section

_CIRCLES = {
    Severity.CRITICAL: ":red_circle:",
    Severity.WARNING: ":large_orange_circle:",
    Severity.INFO: ":large_blue_circle:",
}
_RESOLVED = ":large_green_circle:"

Block = dict[str, Any]


def write(document: Document, *, limit: int = MAX_SLACK) -> str:
    """The JSON of a webhook, chat.postMessage or chat.update, without channel and token; at most `limit` characters."""
    text, _ = fit(document, lambda part: data.dumps(_message(part)), limit, size=len)
    return text


def escape(text: str) -> str:
    """Slack's three control characters, so that no name becomes a mention or a link (Formatting message text)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _message(document: Document) -> dict[str, Any]:
    return {
        "text": escape(document.first),
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": list(_blocks(document)),
    }


def _blocks(document: Document) -> Iterator[Block]:
    story = document.story
    circle = _RESOLVED if story.resolved else _CIRCLES[story.severity]
    head = graphemes.shorten(f"{circle} {document.first}", MAX_SLACK_HEADER)
    yield {"type": "header", "text": {"type": "plain_text", "text": head, "emoji": True}}
    if document.body:
        yield _marked(document.body)
    else:
        yield {"type": "section", "fields": [_field(name, value) for name, value in document.fields[:MAX_SLACK_FIELDS]]}
        for section in document.sections:
            yield _marked(_listed(section))
    if document.image and len(document.image) <= MAX_SLACK_URL:
        caption = graphemes.shorten(document.first, MAX_SLACK_ALT)
        yield {"type": "image", "image_url": document.image, "alt_text": caption}
    yield _marked(f"*ACTION*\n{escape(document.action)}")
    for link in _runs(document.links):
        yield _marked(link)
    said = [escape(text) for text in (document.why, document.footer, *document.last)]
    yield {"type": "context", "elements": [{"type": "mrkdwn", "text": _short(text)} for text in said]}


def _field(name: str, value: str) -> Block:
    return {"type": "mrkdwn", "text": graphemes.shorten(f"*{name}*\n{escape(value)}", MAX_SLACK_FIELD)}


def _listed(section: Section) -> str:
    bullet = "• " if section.bulleted else ""
    lines = "\n".join(f"{bullet}{escape(line)}" for line in section.lines)
    return f"*{escape(section.title)}*\n{lines}"


def _marked(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _short(text)}}


def _short(text: str) -> str:
    return graphemes.shorten(text, MAX_SLACK_SECTION)


def _runs(links: tuple[Link, ...]) -> Iterator[str]:
    """The links on as few lines as sections take."""
    run = ""
    for link in links:
        shown = f"<{escape(link.url)}|{link.title}>"
        if run and len(run) + len(shown) > MAX_SLACK_SECTION - 10:
            yield run
            run = ""
        run = f"{run} · {shown}" if run else shown
    if run:
        yield run
