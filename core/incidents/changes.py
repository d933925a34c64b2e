"""Deployments to an endpoint as its events tell of them: kept one an event, read as what changed into what."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.incidents import instants
from core.incidents.evidence import Change
from core.incidents.signals import EndpointSignal, Signal, State

MAX_CHANGES = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """One event's word: `config` was in service and `pending`, if any, was being deployed. `failed` says the status."""

    at: datetime
    config: str
    pending: str = ""
    failed: bool = False


def seen(signal: Signal) -> Seen | None:
    """What the signal says of a deployment; None when it says nothing."""
    if not isinstance(signal, EndpointSignal) or not signal.config:
        return None
    return Seen(signal.at, signal.config, signal.pending_config, signal.state is State.ALARM)


def told(words: Iterable[Seen]) -> tuple[Change, ...]:
    """The newest deployments that the words tell of, oldest first: each pending or unseen configuration once."""
    found: list[Change] = []
    for word in sorted(words, key=lambda word: (word.at, word.pending)):
        previous = found[-1].config if found else ""
        config = word.pending or word.config
        if config == previous or (word.failed and not word.pending):
            continue
        found.append(Change(word.at, config, word.config if word.pending else previous))
    return tuple(found[-MAX_CHANGES:])


def encode(word: Seen) -> str:
    """The word as JSON."""
    return json.dumps([instants.show(word.at), word.config, word.pending, word.failed])


def decode(text: str) -> Seen:
    """The word of what `encode` wrote."""
    at, config, pending, failed = json.loads(text)
    return Seen(instants.parse(at), config, pending, failed)
