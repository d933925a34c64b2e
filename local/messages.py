"""Records what subscribers receive: the messages that would have left the account, in the order of delivery."""

import threading
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One message as one subscriber reads it. `endpoint` is an address, number or URL; `subject` may be empty."""

    time: datetime
    topic_arn: str
    protocol: str
    endpoint: str
    subject: str
    body: str


class Messages:
    """Every delivery of the run to people and to hosts elsewhere, and those that a loopback subscriber accepted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: list[Message] = []

    def add(self, message: Message) -> None:
        """Record one delivery."""
        with self._lock:
            self._messages.append(message)

    def all(self) -> list[Message]:
        """Every message so far, in delivery order."""
        with self._lock:
            return list(self._messages)
