"""Messages read back: what a person sees of each, and every figure in it."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from core.incidents.notification import Notification
from core.incidents.policy import ChannelKind
from core.messages.figures import age, clock, date
from core.messages.message import Message, write
from core.messages.templates import NONE, Templates
from tests.messages.samples import PLACE

KINDS = tuple(ChannelKind)
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?")


def message(told: Notification, kind: ChannelKind = ChannelKind.SNS, **more: Any) -> Message:
    """The message with the samples' place."""
    return write(told, kind, more.pop("place", PLACE), **more)


def mail(told: Notification, templates: Templates = NONE) -> str:
    """The text that mails carry."""
    return message(told, templates=templates).body


def seen(found: Message) -> str:
    """What a person reads of a message, without the addresses of links."""
    if found.kind is ChannelKind.SNS:
        text = "\n".join((found.subject, found.short, found.body))
    else:
        text = "\n".join(strings(_shown(found.kind, json.loads(found.body))))
    return re.sub(r"https://[^\s|>]+", "", text)


def _shown(kind: ChannelKind, document: Any) -> Any:
    match kind:
        case ChannelKind.PAGERDUTY:
            payloads = [event.get("payload", {}) for event in document]
            details = [{**each.get("custom_details", {}), "figures": ""} for each in payloads]
            return [each.get("summary", "") for each in payloads] + details
        case ChannelKind.HTTPS:
            return [document["headline"], document["text"]]
        case ChannelKind.OPSCENTER:
            (item,) = document.values()
            return [item["Title"], item["Description"]]
        case ChannelKind.AMAZON_Q:
            return [document["content"], document["metadata"]["summary"]]
        case ChannelKind.TEAMS:
            return _without(document, {"version", "$schema", "type", "spacing", "weight", "size", "color"})
        case _:
            return document


def _without(document: Any, names: set[str]) -> Any:
    if isinstance(document, dict):
        return {name: _without(value, names) for name, value in document.items() if name not in names}
    return [_without(each, names) for each in document] if isinstance(document, list) else document


def strings(document: Any) -> Iterator[str]:
    """Every text in a JSON document, keys left out but those that a reader sees."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for value in document.values():
            yield from strings(value)
    elif isinstance(document, list):
        for value in document:
            yield from strings(value)


def numbers(text: str) -> list[float]:
    """Every number in a text, thousands separators read as such."""
    return [float(found.replace(",", "").rstrip(".")) for found in _NUMBER.findall(text)]


def sayable(figures: dict[str, Any]) -> set[float]:
    """Every number that a text may say when the data is this: its numbers, its instants and ages, its texts' own."""
    found: set[float] = set()
    for value in _leaves(figures):
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            found.add(float(value))
            found.update(numbers(age(timedelta(seconds=value))))
        elif instant := _instant(value):
            found.update(numbers(f"{clock(instant)} {date(instant)}"))
            found.update(float(part) for part in re.findall(r"\d+", f"{clock(instant)} {date(instant)}"))
        else:
            found.update(numbers(value))
            found.update(float(part) for part in re.findall(r"\d+", value))
    since, sent = _instant(figures["since"]), _instant(figures["sent"])
    assert since is not None
    assert sent is not None
    return found | set(numbers(age(sent - since)))


def _leaves(document: Any) -> Iterator[Any]:
    if isinstance(document, dict):
        for name, value in document.items():
            yield name
            yield from _leaves(value)
    elif isinstance(document, list):
        for value in document:
            yield from _leaves(value)
    elif document is not None:
        yield document


def _instant(text: str) -> datetime | None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", text):
        return None
    return datetime.fromisoformat(text).astimezone(UTC)
