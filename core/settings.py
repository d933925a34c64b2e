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
    """lambdas/router.py. URLs are SQS queue URLs; `group_wait_seconds` delays the first message of an incident."""

    stage: str
    table: str
    notifications_queue: str
    investigations_queue: str
    dead_letters_queue: str
    group_wait_seconds: int


@dataclass(frozen=True, slots=True)
class Notifier(_Environment):
    """lambdas/notifier.py. `topics` maps severity to topic ARN; `runbooks` is the base URL of the runbooks."""

    stage: str
    table: str
    topics: dict[str, str]
    dead_letters_queue: str
    runbooks: str


@dataclass(frozen=True, slots=True)
class Responder(_Environment):
    """lambdas/responder.py."""

    stage: str
    table: str
    dead_letters_queue: str


@dataclass(frozen=True, slots=True)
class Recommender(_Environment):
    """lambdas/recommender.py. Reports go to `bucket` and, as text, to `topic`."""

    stage: str
    bucket: str
    topic: str
