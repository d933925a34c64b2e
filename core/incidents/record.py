"""An incident as JSON text and back: what the store keeps, whole, in one attribute."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from core.catalogue.alarm import Delivery, Severity, Subject
from core.catalogue.metric import Display
from core.incidents import instants
from core.incidents.alert import Alert, Observation
from core.incidents.evidence import Cause, Change, Confidence, Evidence, Impact, Investigation
from core.incidents.incident import Incident
from core.incidents.labels import Labels
from core.incidents.notification import Claim, LogEntry
from core.incidents.signals import State

FORMAT = 1


def encode(incident: Incident) -> str:
    """The same text for equal incidents."""
    document = {"format": FORMAT, **asdict(incident)}
    return json.dumps(document, default=_plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def decode(text: str) -> Incident:
    """What `encode` wrote; raises ValueError for another format."""
    document: dict[str, Any] = json.loads(text)
    if document.pop("format") != FORMAT:
        raise ValueError("the stored incident has another format than this code reads")
    return Incident(
        **{
            **document,
            "subject": Subject(**document["subject"]),
            "opened_at": _instant(document["opened_at"]),
            "resolved_at": _instant(document["resolved_at"]),
            "due_at": _instant(document["due_at"]),
            "alerts": tuple(_alert(entry) for entry in document["alerts"]),
            "changes": tuple(Change(**{**entry, "at": instants.parse(entry["at"])}) for entry in document["changes"]),
            "investigation": _investigation(document["investigation"]),
            "log": _log(document["log"]),
            "claim": _claim(document["claim"]),
        }
    )


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def _instant(value: Any) -> datetime | None:
    return None if value is None else instants.parse(value)


def _alert(entry: dict[str, Any]) -> Alert:
    return Alert(
        **{
            **entry,
            "labels": _labels(entry["labels"]),
            "observations": tuple(_observation(seen) for seen in entry["observations"]),
            "attributes": tuple((name, value) for name, value in entry["attributes"]),
            "starts_at": _instant(entry["starts_at"]),
            "ends_at": _instant(entry["ends_at"]),
            "data_lost_at": _instant(entry["data_lost_at"]),
        }
    )


def _observation(entry: dict[str, Any]) -> Observation:
    previous = entry["previous"]
    return Observation(
        **{
            **entry,
            "at": instants.parse(entry["at"]),
            "state": State(entry["state"]),
            "previous": None if previous is None else State(previous),
        }
    )


def _labels(entry: dict[str, Any]) -> Labels:
    return Labels(
        **{
            **entry,
            "subject": Subject(**entry["subject"]),
            "severity": Severity(entry["severity"]),
            "delivery": Delivery(entry["delivery"]),
            "display": Display(**entry["display"]),
            "children": tuple(entry["children"]),
        }
    )


def _investigation(entry: dict[str, Any] | None) -> Investigation | None:
    if entry is None:
        return None
    cause, impact = entry["cause"], entry["impact"]
    return Investigation(
        at=instants.parse(entry["at"]),
        evidence=tuple(Evidence(found["text"], _instant(found["at"])) for found in entry["evidence"]),
        cause=None if cause is None else Cause(cause["text"], Confidence(cause["confidence"])),
        impact=None if impact is None else Impact(**impact),
    )


def _log(entry: dict[str, Any] | None) -> LogEntry | None:
    if entry is None:
        return None
    return LogEntry(
        frozenset(entry["firing"]), Severity(entry["severity"]), instants.parse(entry["at"]), entry["number"]
    )


def _claim(entry: dict[str, Any] | None) -> Claim | None:
    return None if entry is None else Claim(entry["notification_id"], instants.parse(entry["until"]))
