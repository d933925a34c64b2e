"""Every kind of alarm and every reason, as every channel's message, word for word as in tests/messages/snapshots.

`MLWARDEN_WRITE_SNAPSHOTS=1 python -m pytest tests/messages/test_snapshots.py` writes them anew: read what changed.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from core.incidents.policy import ChannelKind
from tests.messages import samples
from tests.messages.reading import KINDS, message

SNAPSHOTS = Path(__file__).parent / "snapshots"
IMAGE = "https://images.example.com/INC-20261121-1f3870be.png?expires=3600"
EVERYTHING = samples.everything()


def rendered(name: str) -> str:
    """The messages one after the other; documents of their own alone: Slack's bot and https repeat what others say."""
    parts = []
    for kind in KINDS:
        if kind in {ChannelKind.SLACK_BOT, ChannelKind.HTTPS}:
            continue
        found = message(EVERYTHING[name], kind, image=IMAGE)
        if kind is ChannelKind.SNS:
            text = f"Subject: {found.subject}\nSMS: {found.short}\n\n{found.body}\n{_pretty(json.loads(found.figures))}"
        else:
            text = _pretty(_without_figures(json.loads(found.body)))
        parts.append(f"======== {kind.value}\n{text}")
    return "\n".join(parts)


def _pretty(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _without_figures(document: Any) -> Any:
    """The document without the figures that the topics' message shows already."""
    if isinstance(document, dict):
        return {name: _without_figures(value) for name, value in document.items() if name != "figures"}
    return [_without_figures(each) for each in document] if isinstance(document, list) else document


@pytest.mark.parametrize("name", EVERYTHING)
def test_the_messages_are_those_of_the_snapshot(name):
    path = SNAPSHOTS / f"{name}.txt"
    told = rendered(name)
    if os.environ.get("MLWARDEN_WRITE_SNAPSHOTS"):
        path.write_text(told, encoding="utf-8")

    assert path.read_text(encoding="utf-8") == told, f"{path.name} differs; MLWARDEN_WRITE_SNAPSHOTS=1 writes it anew"


def test_every_snapshot_belongs_to_a_message():
    assert {path.stem for path in SNAPSHOTS.iterdir()} == set(EVERYTHING)


@pytest.mark.parametrize("name", EVERYTHING)
def test_slacks_bot_posts_what_its_webhook_posts(name):
    told = EVERYTHING[name]

    assert message(told, ChannelKind.SLACK_BOT).body == message(told, ChannelKind.SLACK).body


@pytest.mark.parametrize("name", EVERYTHING)
def test_https_receivers_get_the_mails_text(name):
    told = EVERYTHING[name]
    document, mailed = json.loads(message(told, ChannelKind.HTTPS).body), message(told)

    assert (document["headline"], document["text"]) == (mailed.subject, mailed.body)
