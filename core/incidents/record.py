"""What the store keeps, as JSON text and back: the same text for equal values, and the format's number in each."""

import json
from typing import Any, TypeVar

from core.incidents import codec
from core.incidents.alert import Alert
from core.incidents.evidence import Change, Investigation
from core.incidents.group import Group
from core.incidents.notification import Notification
from core.incidents.silences import Silence
from core.incidents.storm import Storm

FORMAT = 2

T = TypeVar("T")


def encode_alert(alert: Alert) -> str:
    """An alert as text."""
    return _encode(Alert, alert)


def decode_alert(text: str) -> Alert:
    """What `encode_alert` wrote; all `decode_` functions raise ValueError for another format."""
    return _decode(Alert, text)


def encode_group(group: Group) -> str:
    """A group as text: with 10,000 alerts told and 10,000 ended still below DynamoDB's 400 KB."""
    return _encode(Group, group)


def decode_group(text: str) -> Group:
    """What `encode_group` wrote."""
    return _decode(Group, text)


def encode_notification(notification: Notification) -> str:
    """A notification as text."""
    return _encode(Notification, notification)


def decode_notification(text: str) -> Notification:
    """What `encode_notification` wrote."""
    return _decode(Notification, text)


def encode_silence(silence: Silence) -> str:
    """A silence as text."""
    return _encode(Silence, silence)


def decode_silence(text: str) -> Silence:
    """What `encode_silence` wrote."""
    return _decode(Silence, text)


def encode_storm(storm: Storm) -> str:
    """A receiver's window as text."""
    return _encode(Storm, storm)


def decode_storm(text: str) -> Storm:
    """What `encode_storm` wrote."""
    return _decode(Storm, text)


def encode_investigation(investigation: Investigation) -> str:
    """What the responder found, as text."""
    return _encode(Investigation, investigation)


def decode_investigation(text: str) -> Investigation:
    """What `encode_investigation` wrote."""
    return _decode(Investigation, text)


def encode_change(change: Change) -> str:
    """A deployment as text."""
    return _encode(Change, change)


def decode_change(text: str) -> Change:
    """What `encode_change` wrote."""
    return _decode(Change, text)


def _encode(kind: type[T], value: T) -> str:
    write: codec.Writer = codec.writer(kind)  # type: ignore[arg-type]  # mypy: a type is hashable
    document: dict[str, Any] = {"format": FORMAT, **write(value)}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _decode(kind: type[T], text: str) -> T:
    document: dict[str, Any] = json.loads(text)
    found = document.pop("format", None)
    if found != FORMAT:
        raise ValueError(f"the stored {kind.__name__.lower()} has format {found}; this code reads {FORMAT}")
    read: codec.Reader = codec.reader(kind)  # type: ignore[arg-type]
    value: T = read(document)
    return value
