"""The lines of a simulation: what arrives when, read from JSON lines with errors that name the line and the key."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cli import incidents_silences
from cli.errors import CommandError
from core.catalogue.alarm import Severity
from core.incidents import events, instants
from core.incidents.events import MalformedEvent
from core.incidents.policy import Pairs
from core.incidents.signals import EventSignal, Heartbeat, Ignored, Signal, Source, State
from core.incidents.silences import Silence

MAX_LINE = 1 << 20
"""Characters: four times the largest event that EventBridge and SQS carry."""
SHAPE = '{"at": "2026-11-21T14:02:00Z", "event": {...}}'


@dataclass(frozen=True, slots=True)
class Arrival:
    """A signal that arrives at `at`; `labels` take the place of its own of those names."""

    at: datetime
    signal: Signal
    labels: Pairs = ()


@dataclass(frozen=True, slots=True)
class Silencing:
    """A silence that is made at `at`."""

    at: datetime
    silence: Silence


@dataclass(frozen=True, slots=True)
class Expiry:
    """The silence `id` is ended at `at`."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A line that changes nothing, and why."""

    at: datetime
    line: int
    reason: str


Step = Arrival | Silencing | Expiry | Passed


class _BadLine(Exception):
    """What is wrong with a line, beginning with the key."""


def read(path: Path) -> tuple[Step, ...]:
    """What happens, in the order of `at`; `-` is standard input. Raises CommandError naming file, line and key."""
    steps: list[Step] = []
    for number, text in enumerate(_lines(path), start=1):
        if not text.strip():
            continue
        try:
            steps.append(_step(text, number))
        except _BadLine as bad:
            raise CommandError(f"{path}, line {number}: {bad}") from None
    if not steps:
        raise CommandError(f"{path} has no events; a line such as {SHAPE} is needed")
    return tuple(sorted(steps, key=lambda step: step.at))


def _lines(path: Path) -> Iterator[str]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not UTF-8 at byte {error.start}") from error
    # Not splitlines: a JSON text may hold U+2028 and its like.
    yield from text.split("\n")


def _step(text: str, number: int) -> Step:
    if len(text) > MAX_LINE:
        raise _BadLine(f"{len(text)} characters; {MAX_LINE} is the most")
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        raise _BadLine(f"not JSON; {SHAPE} is needed") from None
    if not isinstance(line, dict):
        raise _BadLine(f"not a JSON object; {SHAPE} is needed")
    kinds = [name for name in ("event", "silence", "expire") if name in line]
    if len(kinds) != 1:
        raise _BadLine(f"event: one of event, silence and expire is needed, {' and '.join(kinds) or 'none'} is there")
    unknown = sorted(set(line) - {"at", "labels", kinds[0]})
    if unknown:
        raise _BadLine(f"{unknown[0]}: unknown; a line has at, {kinds[0]} and perhaps labels")
    at = _at(line)
    if "labels" in line and kinds[0] != "event":
        raise _BadLine("labels: only an event has labels")
    match kinds[0]:
        case "event":
            return _arrival(at, line["event"], _labels(line.get("labels", {}), "labels"), number)
        case "silence":
            return Silencing(at, _silence(line["silence"], at))
        case _:
            if not isinstance(line["expire"], str) or not line["expire"]:
                raise _BadLine("expire: a silence's id is needed")
            return Expiry(at, line["expire"])


def _at(line: Mapping[str, Any]) -> datetime:
    if "at" not in line:
        raise _BadLine("at: missing; when the event arrives, such as 2026-11-21T14:02:00.250Z")
    try:
        return instants.parse(line["at"])
    except ValueError as error:
        raise _BadLine(f"at: {error}") from None


def _labels(found: Any, key: str) -> Pairs:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise _BadLine(f"{key}: an object of texts is needed")
    if "severity" in found and key == "labels" and found["severity"] not in set(Severity):
        raise _BadLine(f"{key}.severity: {found['severity']!r} is none of {', '.join(Severity)}")
    return tuple(sorted(found.items()))


def _arrival(at: datetime, event: Any, labels: Pairs, number: int) -> Step:
    if not isinstance(event, dict):
        raise _BadLine("event: a JSON object is needed")
    if isinstance(event.get("labels"), dict) and not {"detail-type", "Records", "alarmData", "AlarmName"} & set(event):
        own = _labels(event["labels"], "event.labels")
        return Arrival(at, _prometheus(event, own, at), tuple(sorted({**dict(own), **dict(labels)}.items())))
    try:
        signal = events.parse(event)
    except MalformedEvent as malformed:
        raise _BadLine(f"event.{malformed}") from None
    if isinstance(signal, Heartbeat):
        return Passed(at, number, "the heartbeat is about mlwarden itself")
    if isinstance(signal, Ignored):
        return Passed(at, number, signal.reason)
    return Arrival(at, signal, labels)


def _prometheus(event: Mapping[str, Any], labels: Pairs, at: datetime) -> EventSignal:
    """An alert as Alertmanager's API takes it, so that routes can be tried with the labels alone.

    https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml, `postableAlert`
    """
    named = dict(labels)
    name = named.get("alertname") or named.get("alarm") or "alert"
    starts, ends = _optional(event, "startsAt"), _optional(event, "endsAt")
    over = ends is not None and ends <= at
    return EventSignal(
        source=Source.CLOUDWATCH,
        account=named.get("account", ""),
        region=named.get("region", ""),
        kind=named.get("kind", "alarm"),
        subject=named.get("subject", name),
        condition=named.get("condition", name),
        state=State.OK if over else State.ALARM,
        at=(ends if over else starts) or at,
        title=str(_annotations(event).get("summary") or name),
        identity=tuple((f"label_{key}", value) for key, value in labels),
        severity=Severity(named["severity"]) if named.get("severity") in set(Severity) else Severity.WARNING,
        resolves_at=None if over else ends,
    )


def _optional(event: Mapping[str, Any], key: str) -> datetime | None:
    if event.get(key) in (None, ""):
        return None
    try:
        return instants.parse(event[key])
    except ValueError as error:
        raise _BadLine(f"event.{key}: {error}") from None


def _annotations(event: Mapping[str, Any]) -> Mapping[str, Any]:
    found = event.get("annotations", {})
    if not isinstance(found, dict):
        raise _BadLine("event.annotations: an object of texts is needed")
    return found


def _silence(found: Any, at: datetime) -> Silence:
    try:
        return incidents_silences.parse(found, now=at)
    except ValueError as error:
        raise _BadLine(f"silence.{error}") from None
