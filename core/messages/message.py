"""A notification as one channel's message: what is sent, word for word."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from core.incidents.notification import Notification
from core.incidents.policy import ChannelKind
from core.messages import (
    amazonq,
    data,
    document,
    graphemes,
    headline,
    layout,
    mail,
    opsitem,
    pagerduty,
    slack,
    story,
    substitutes,
    teams,
    webhook,
)
from core.messages.document import Document
from core.messages.limits import MAX_SMS_BYTES, MAX_SUBJECT
from core.messages.place import Place
from core.messages.templates import NONE, Templates, fill


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. `body` is text for topics, JSON for all others.

    Topics alone have a `subject` (ASCII, fewer than 100 characters), a `short` text for phones (a line, and the address
    of the dashboard under it), and `figures`: JSON with every number of the text, for an attribute.
    """

    kind: ChannelKind
    body: str
    subject: str = ""
    short: str = ""
    figures: str = ""


_WRITERS: dict[ChannelKind, Callable[[Document], str]] = {
    ChannelKind.SLACK: slack.write,
    ChannelKind.SLACK_BOT: slack.write,
    ChannelKind.TEAMS: teams.write,
    ChannelKind.PAGERDUTY: pagerduty.write,
    ChannelKind.HTTPS: webhook.write,
    ChannelKind.AMAZON_Q: amazonq.write,
    ChannelKind.OPSCENTER: opsitem.write,
}
_PARTS = {
    ChannelKind.SNS: "mail",
    ChannelKind.SLACK: "slack",
    ChannelKind.SLACK_BOT: "slack",
    ChannelKind.TEAMS: "teams",
    ChannelKind.PAGERDUTY: "pagerduty",
    ChannelKind.AMAZON_Q: "amazon-q",
    ChannelKind.OPSCENTER: "opscenter",
}
_MARKED = {ChannelKind.SLACK, ChannelKind.SLACK_BOT, ChannelKind.AMAZON_Q}
FETCHING = {ChannelKind.SLACK, ChannelKind.SLACK_BOT, ChannelKind.TEAMS}
"""Channels that fetch an image as they take the message, before its address expires."""


def write(
    notification: Notification, kind: ChannelKind, place: Place, *, templates: Templates = NONE, image: str = ""
) -> Message:
    """The message of a notification whose reason sends.

    Ages are told as of the notification's own instant, so that every attempt to send it says the same. `image` is a
    graph's address, shown where it is fetched at once.
    """
    told = story.tell(notification)
    whole = document.compose(told, place, image=image if kind in FETCHING else "")
    fields = substitutes.gather(whole)
    whole = _overridden(whole, kind, templates, fields)
    if kind is not ChannelKind.SNS:
        return Message(kind, _WRITERS[kind](whole))
    subject = fill(templates, "subject", fields)
    short = fill(templates, "sms", fields)
    notes = tuple(found.problem for found in (subject, short) if found.problem)
    return Message(
        kind,
        mail.write(replace(whole, notes=(*whole.notes, *notes))),
        graphemes.shorten(layout.ascii_only(subject.text), MAX_SUBJECT) or headline.subject(told, place.stage),
        _with_board(short.text or headline.sms(told), whole),
        data.figures(whole),
    )


def _with_board(line: str, whole: Document) -> str:
    longer = f"{line}\n{whole.board}"
    return longer if whole.board and len(longer.encode()) <= MAX_SMS_BYTES else line


def _overridden(whole: Document, kind: ChannelKind, templates: Templates, fields: dict[str, str]) -> Document:
    part = _PARTS.get(kind)
    if part is None:
        return whole
    escape = slack.escape if kind in _MARKED else str
    filled = fill(templates, part, fields, escape=escape)
    return replace(whole, body=filled.text, notes=(filled.problem,) if filled.problem else ())
