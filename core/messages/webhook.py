"""A message for a generic https receiver: the figures as JSON, with the subject line and the text that mails carry."""

from core.messages import data, headline, mail
from core.messages.document import Document
from core.messages.fit import fit
from core.messages.limits import MAX_HTTPS


def write(document: Document, *, limit: int = MAX_HTTPS) -> str:
    """The JSON of the POST, of at most `limit` bytes."""
    text, _ = fit(document, _message, limit)
    return text


def _message(document: Document) -> str:
    return data.dumps(
        {
            **data.bounded(document),
            "headline": headline.subject(document.story, document.place.stage),
            "text": mail.write(document),
        }
    )
