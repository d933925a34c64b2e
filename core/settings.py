"""What a function is told at deploy time: environment variables, written by the stack and read by the function.

The stack calls `to_environment`, the function `from_environment`: one definition, so they cannot disagree.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self


class SettingsError(Exception):
    """A function's environment lacks a setting, or one has the wrong form."""


@dataclass(frozen=True, slots=True)
class _Environment:
    def to_environment(self) -> dict[str, str]:
        """One variable a field: `table` becomes MLWARDEN_TABLE. Mappings are JSON, integers decimal."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            f"MLWARDEN_{name.upper()}": json.dumps(value, sort_keys=True) if isinstance(value, dict) else str(value)
            for name, value in values.items()
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read every field; raises SettingsError naming each variable that is missing or malformed."""
        values: dict[str, object] = {}
        wrong: list[str] = []
        for field in fields(cls):
            variable = f"MLWARDEN_{field.name.upper()}"
            text = environment.get(variable)
            if text is None:
                wrong.append(f"{variable} is not set")
                continue
            try:
                values[field.name] = _parse(str(field.type), text)
            except ValueError:
                wrong.append(f"{variable}={text!r} is not {field.type}")
        if wrong:
            raise SettingsError("; ".join(wrong))
        return cls(**values)


def _parse(kind: str, text: str) -> object:
    if "int" in kind and "dict" not in kind:
        return int(text)
    if "dict" in kind:
        value = json.loads(text)
        if not isinstance(value, dict):
            raise ValueError(text)
        return value
    return text


@dataclass(frozen=True, slots=True)
class Router(_Environment):
    """lambdas/router.py. URLs are SQS queue URLs; `topics` maps severity to topic ARN, for when the table is down."""

    stage: str
    table: str
    notifications_queue: str
    investigations_queue: str
    dead_letters_queue: str
    topics: dict[str, str]
    runbooks: str
    audit_days: int


@dataclass(frozen=True, slots=True)
class Notifier(_Environment):
    """lambdas/notifier.py. `topics` maps severity to topic ARN; `canary_topic` is nobody's, for the heartbeat.

    `runbooks` is the base URL of the runbooks, `actions_url` that of the page for links that act, or empty; `images` is
    the bucket for the graphs of chat messages, or empty.
    """

    stage: str
    table: str
    topics: dict[str, str]
    canary_topic: str
    notifications_queue: str
    dead_letters_queue: str
    runbooks: str
    actions_url: str
    audit_days: int
    images: str = ""


@dataclass(frozen=True, slots=True)
class Sweeper(_Environment):
    """lambdas/sweeper.py. `prefix` is what the names of this deployment's alarms begin with."""

    stage: str
    table: str
    prefix: str
    events_queue: str
    notifications_queue: str


@dataclass(frozen=True, slots=True)
class Responder(_Environment):
    """lambdas/responder.py."""

    stage: str
    table: str
    dead_letters_queue: str
    audit_days: int


@dataclass(frozen=True, slots=True)
class Recommender(_Environment):
    """lambdas/recommender.py. Reports go to `bucket` and, as text, to `topic`."""

    stage: str
    bucket: str
    topic: str


@dataclass(frozen=True, slots=True)
class Actions(_Environment):
    """lambdas/actions.py. What a person did is kept for `audit_days`."""

    stage: str
    table: str
    audit_days: int


@dataclass(frozen=True, slots=True)
class Widget(_Environment):
    """lambdas/widget.py."""

    stage: str
    table: str
