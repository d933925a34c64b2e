"""What each channel's documents must look like, as its service states it: every rule that is broken, as a sentence."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from core.incidents.policy import ChannelKind
from core.messages import limits
from core.messages.message import Message


def faults(found: Message) -> list[str]:
    """What the service would refuse of a message."""
    if found.kind is ChannelKind.SNS:
        return list(_sns(found))
    document = json.loads(found.body)
    checks: dict[ChannelKind, Callable[[Any], Iterator[str]]] = {
        ChannelKind.SLACK: _slack,
        ChannelKind.SLACK_BOT: _slack,
        ChannelKind.TEAMS: _teams,
        ChannelKind.PAGERDUTY: _pagerduty,
        ChannelKind.HTTPS: _https,
        ChannelKind.AMAZON_Q: _amazon_q,
        ChannelKind.OPSCENTER: _opscenter,
    }
    return list(checks[found.kind](document))


def _sns(found: Message) -> Iterator[str]:
    body = json.dumps({"default": found.body, "sms": found.short}, ensure_ascii=False)
    attributes = len(found.figures.encode()) + 1024
    if len(body.encode()) + attributes > limits.MAX_SNS:
        yield f"{len(body.encode()) + attributes} bytes"
    if not 0 < len(found.subject) < 100 or not found.subject.isprintable():
        yield f"subject {found.subject!r}"
    line, _, address = found.short.partition("\n")
    if len(line) > limits.MAX_SMS or "\n" in address or len(found.short.encode()) > limits.MAX_SMS_BYTES:
        yield f"sms {found.short!r}"


def _slack(document: dict[str, Any]) -> Iterator[str]:
    blocks = document["blocks"]
    if len(json.dumps(document, ensure_ascii=False, separators=(",", ":"))) > limits.MAX_SLACK:
        yield "the whole is too long"
    if not 0 < len(blocks) <= 50:
        yield f"{len(blocks)} blocks"
    for block in blocks:
        match block:
            case {"type": "header", "text": {"type": "plain_text", "text": text}} if 0 < len(text) <= 150:
                pass
            case {"type": "section", "fields": fields} if 0 < len(fields) <= 10:
                yield from (f"field {f}" for f in fields if f["type"] != "mrkdwn" or not 0 < len(f["text"]) <= 2000)
            case {"type": "section", "text": {"type": "mrkdwn", "text": text}} if 0 < len(text) <= 3000:
                pass
            case {"type": "image", "image_url": url, "alt_text": text} if len(url) <= 3000 and 0 < len(text) <= 2000:
                pass
            case {"type": "context", "elements": elements} if 0 < len(elements) <= 10:
                yield from (f"context {e}" for e in elements if not 0 < len(e["text"]) <= 3000)
            case _:
                yield f"block {block}"


def _teams(document: dict[str, Any]) -> Iterator[str]:
    if len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()) > limits.MAX_TEAMS:
        yield "the whole is too large"
    match document:
        case {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}:
            if kind != "application/vnd.microsoft.card.adaptive" or card["type"] != "AdaptiveCard":
                yield "not an Adaptive Card"
        case _:
            yield "not the envelope of Workflows"
            return
    for element in card["body"]:
        match element:
            case {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}, *_]} if text:
                pass
            case {"type": "Image", "url": str(), "altText": str()}:
                pass
            case _:
                yield f"element {element}"
    for action in card["actions"]:
        if action["type"] != "Action.OpenUrl" or not action["url"].startswith("https://"):
            yield f"action {action}"
    if len(card["actions"]) > 6:
        yield "more than six actions"


def _pagerduty(events: list[dict[str, Any]]) -> Iterator[str]:
    for event in events:
        if len(json.dumps(event, ensure_ascii=False).encode()) > limits.MAX_PAGER:
            yield "an event is too large"
        if event["event_action"] not in {"trigger", "resolve"} or not 0 < len(event["dedup_key"]) <= 255:
            yield f"event {event['event_action']} {event['dedup_key']}"
        if "routing_key" in event:
            yield "a routing key in a document that is kept"
        if event["event_action"] == "trigger":
            payload = event["payload"]
            if not 0 < len(payload["summary"]) <= 1024 or not payload["source"]:
                yield f"payload {payload['summary']!r} {payload['source']!r}"
            if payload["severity"] not in {"critical", "error", "warning", "info"}:
                yield f"severity {payload['severity']}"


def _https(document: dict[str, Any]) -> Iterator[str]:
    if len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()) > limits.MAX_HTTPS:
        yield "the whole is too large"
    if not document["text"] or not document["headline"] or document["version"] != 2:
        yield "text, headline or version"


def _amazon_q(document: dict[str, Any]) -> Iterator[str]:
    content, metadata = document["content"], document["metadata"]
    if (document["version"], document["source"], content["textType"]) != ("1.0", "custom", "client-markdown"):
        yield "not a custom notification"
    if not 0 < len(content["description"]) <= 8000 or not 0 < len(content["title"]) <= 250:
        yield "description or title"
    yield from (f"step {step}" for step in content.get("nextSteps", ()) if not 0 < len(step) <= 350)
    yield from (f"keyword {word}" for word in content["keywords"] if not 0 < len(word) <= 75)
    if not all(isinstance(value, str) for value in metadata["additionalContext"].values()):
        yield "additionalContext takes texts"


def _opscenter(document: dict[str, Any]) -> Iterator[str]:
    ((action, item),) = document.items()
    if (action, item.get("Status")) not in {("open", None), ("close", "Resolved")}:
        yield f"{action} with status {item.get('Status')}"
    if not 0 < len(item["Title"]) <= 1024 or not 0 < len(item["Description"]) <= 2048:
        yield "title or description"
    if item["Severity"] not in {"1", "2", "3", "4"} or any(w in item["Source"] for w in ("aws", "amazon", "amzn")):
        yield "severity or source"
    for name, value in item["OperationalData"].items():
        own = not name.startswith(("amazon", "aws", "amzn", "ssm", "/amazon", "/aws", "/amzn", "/ssm"))
        if not own and name not in {"/aws/dedup", "/aws/resources"}:
            yield f"key {name}"
        if len(name) > 128 or len(value["Value"].encode()) > limits.MAX_OPS_VALUE:
            yield f"value of {name}"
    if not json.loads(item["OperationalData"]["/aws/dedup"]["Value"])["dedupString"]:
        yield "dedup"
