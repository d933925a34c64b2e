"""Where an item lies in the incident table: partition and sort key of each kind.

| item          | pk                      | sk                         | what it is                                    |
|---------------|-------------------------|----------------------------|-----------------------------------------------|
| group         | group key               | `group`                    | version, next flush, log entry                |
| alert         | group key               | `alert#<fingerprint>`      | a member's standing                           |
| event         | group key               | `event#<at>#<hash>`        | the marker of a handled event, and its audit  |
| message       | group key               | `message#<at>#<number>`    | a notification as it was decided              |
| delivery      | group key               | `outbox#<at>#<number>#<n>` | the same on one channel: unsent, sent, failed |
| decision      | group key               | `decision#<at>`            | why a flush sent nothing                      |
| investigation | group key               | `investigation#<incident>` | what the responder found                      |
| change        | `subject#<kind>/<name>` | `change#<at>`              | a deployment to an endpoint                   |
| incident      | `incidents#<YYYYMMDD>`  | the incident's id          | one line of the list of incidents             |
| silence       | `silences`              | `silence#<id>`             | a silence                                     |
| receiver      | `receiver#<name>`       | `storm`                    | the storm guard's memory                      |
| nonce         | `nonce#<hash>`          | `nonce`                    | a link's right to act, once                   |
"""

import hashlib
from datetime import datetime

from core.incidents import instants

GROUP = "group"
ALERTS = "alert#"
EVENTS = "event#"
MESSAGES = "message#"
DELIVERIES = "outbox#"
DECISIONS = "decision#"
INVESTIGATIONS = "investigation#"
CHANGES = "change#"
ACTIONS = "action#"
SILENCES = "silences"
SILENCE = "silence#"
STORM = "storm"
NONCE = "nonce"
RECEIVER = "receiver#"
_MAX_PARTITION = 1024
"""Of the 2,048 bytes that DynamoDB allows a partition key."""
_NUMBER = 6
"""Digits of a message's number within its group."""

Key = tuple[str, str]
"""Partition key and sort key."""


def partition(group: str) -> str:
    """The partition of a group's items: its key, cut and hashed when DynamoDB would not take it whole."""
    raw = group.encode()
    if len(raw) <= _MAX_PARTITION:
        return group
    head = raw[:256].decode(errors="ignore")
    return f"{head}#{hashlib.sha256(raw).hexdigest()}"


def group(key: str) -> Key:
    """A group's own item."""
    return partition(key), GROUP


def alert(key: str, fingerprint: str) -> Key:
    """An alert as a member of the group `key`."""
    return partition(key), f"{ALERTS}{fingerprint}"


def event(key: str, at: datetime, event_key: str) -> Key:
    """The marker of an event that was taken into the group `key`."""
    return partition(key), f"{EVENTS}{instants.show(at)}#{hashlib.sha256(event_key.encode()).hexdigest()[:24]}"


def message(key: str, at: datetime, number: int) -> Key:
    """The `number`-th notification of the group `key`."""
    return partition(key), f"{MESSAGES}{instants.show(at)}#{number:0{_NUMBER}d}"


def delivery(message_key: Key, channel: int) -> Key:
    """The message on the receiver's channel with this index."""
    return message_key[0], f"{DELIVERIES}{message_key[1].removeprefix(MESSAGES)}#{channel}"


def message_of(delivery_key: Key) -> Key:
    """The message that a delivery delivers."""
    return delivery_key[0], MESSAGES + delivery_key[1].removeprefix(DELIVERIES).rpartition("#")[0]


def decision(key: str, at: datetime) -> Key:
    """Why a flush of the group `key` sent nothing."""
    return partition(key), f"{DECISIONS}{instants.show(at)}"


def investigation(key: str, incident: str) -> Key:
    """What was found out about an incident of the group `key`."""
    return partition(key), f"{INVESTIGATIONS}{incident}"


def change(kind: str, name: str, at: datetime) -> Key:
    """A deployment to the subject `name`."""
    return changes(kind, name), f"{CHANGES}{instants.show(at)}"


def changes(kind: str, name: str) -> str:
    """The partition of a subject's deployments; endpoint names ignore case."""
    return partition(f"subject#{kind}/{name.lower()}")


def incident(identity: str) -> Key:
    """The line of an incident, by the day in its id `INC-YYYYMMDD-xxxxxxxx`."""
    return f"incidents#{identity[4:12]}", identity


def incidents(day: datetime) -> str:
    """The partition of the incidents that opened on a day (UTC)."""
    return f"incidents#{day:%Y%m%d}"


def silence(identity: str) -> Key:
    """A silence."""
    return SILENCES, f"{SILENCE}{identity}"


def receiver(name: str) -> Key:
    """The storm guard's memory of a receiver."""
    return partition(f"{RECEIVER}{name}"), STORM


def action(key: str, at: datetime, nonce: str) -> Key:
    """What a person did about the group `key`, by the right that `nonce` gave."""
    return partition(key), f"{ACTIONS}{instants.show(at)}#{_hash(nonce)[:16]}"


def nonce(secret: str) -> Key:
    """A right to act, once; the table does not know the secret itself."""
    return f"{NONCE}#{_hash(secret)}", NONCE


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
