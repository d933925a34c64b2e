"""A message for Amazon Q Developer in chat applications: a custom notification, published to SNS as it is.

https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
"""

from typing import Any

from core.messages import data, graphemes, reasons
from core.messages.document import Document
from core.messages.fit import fit
from core.messages.limits import MAX_CHAT_DESCRIPTION, MAX_CHAT_KEYWORD, MAX_CHAT_STEP, MAX_CHAT_TITLE
from core.messages.slack import escape
from core.messages.story import MAX_LISTED


def write(document: Document, *, limit: int = MAX_CHAT_DESCRIPTION) -> str:
    """The JSON of the notification; its description has at most `limit` characters. One thread an incident."""
    story = document.story
    told = story.told
    description, _ = fit(document, _description, limit, size=len)
    keywords = (story.severity.value, story.subject.kind, story.where, document.place.stage)
    arns = tuple(alert.arn for alert in (*told.firing, *told.resolved)[:MAX_LISTED] if alert.arn)
    context = {
        "severity": story.severity.value,
        "reason": story.reason.value,
        "incident": told.incident,
        "notification": told.id,
        "account": told.account,
        "region": told.region,
    }
    message: dict[str, Any] = {
        "version": "1.0",
        "source": "custom",
        "id": told.id,
        "content": data.without_empty(
            {
                "textType": "client-markdown",
                "title": graphemes.shorten(escape(document.first), MAX_CHAT_TITLE),
                "description": graphemes.shorten(description, limit),
                "nextSteps": [graphemes.shorten(escape(step), MAX_CHAT_STEP) for step in _steps(document)],
                "keywords": [graphemes.shorten(escape(word), MAX_CHAT_KEYWORD) for word in keywords if word],
            }
        ),
        "metadata": data.without_empty(
            {
                "threadId": told.incident or told.id,
                "summary": escape(document.first),
                "eventType": story.reason.value,
                "relatedResources": list(dict.fromkeys(arns)),
                "additionalContext": {name: value for name, value in context.items() if value},
            }
        ),
    }
    return data.dumps(message)


def _description(document: Document) -> str:
    links = [f"<{escape(link.url)}|{link.title}>" for link in document.links]
    said = [escape(text) for text in (document.why, document.footer, *document.last)]
    return "\n".join([*_told(document), f"*Action*: {escape(document.action)}", " · ".join(links), *said])


def _told(document: Document) -> list[str]:
    if document.body:
        return [document.body]
    lines = [f"*{name}*: {escape(value)}" for name, value in document.fields]
    for section in document.sections:
        bullet = "• " if section.bulleted else ""
        lines += [f"*{escape(section.title)}*", *(f"{bullet}{escape(line)}" for line in section.lines)]
    return lines


def _steps(document: Document) -> list[str]:
    story = document.story
    if story.resolved:
        return []
    found = story.told.investigation
    look = "" if found is not None and found.cause is not None else f"Look at {reasons.check(story)}"
    return [step for step in (look, f"See {reasons.show(story)}") if step]
