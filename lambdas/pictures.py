"""The graph of a message for a chat that fetches images at once. What it costs is bounded; no message waits for more.

A graph that fails, or takes long, leaves the following messages without one for a while.
"""

import os
import time
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from core.incidents.notification import Notification
from core.messages import graph
from lambdas.adapters import graphs

SLOW_SECONDS = 3.0
"""A batch of ten messages must fit into a run of the notifier."""
REST_SECONDS = 60.0

log = Logger(service="notifier")


@dataclass(slots=True)
class _Memory:
    """What this process remembers: until when it draws nothing, and the last graph's message and address."""

    resting_until: float = 0.0
    drawn: tuple[str, str] = ("", "")
    drawn_at: float = 0.0


_memory = _Memory()


def address(told: Notification, bucket: str) -> str:
    """Where the message's graph can be fetched for a while; "" where there is none. Never raises."""
    started = time.monotonic()
    if not bucket or started < _memory.resting_until:
        return ""
    if _memory.drawn[0] == told.id and started - _memory.drawn_at < REST_SECONDS:
        return _memory.drawn[1]  # for the receiver's next channel
    try:
        found = _drawn(told, bucket)
    except Exception as error:  # noqa: BLE001  # a message is never lost for want of its graph
        log.warning("graph not drawn", extra={"group": told.group, "why": type(error).__name__})
        _memory.resting_until = time.monotonic() + REST_SECONDS
        return ""
    if time.monotonic() - started > SLOW_SECONDS:
        _memory.resting_until = time.monotonic() + REST_SECONDS
        log.warning("graph drawn slowly", extra={"group": told.group})
    _memory.drawn, _memory.drawn_at = (told.id, found), started
    return found


def forget() -> None:
    """Begin anew."""
    global _memory  # noqa: PLW0603 - the process's one memory
    _memory = _Memory()


def _drawn(told: Notification, bucket: str) -> str:
    alert = graph.subject(told)
    if alert is None or alert.region != os.environ.get("AWS_REGION", alert.region):
        return ""
    alarm = graphs.alarm(alert.source)
    widget = None if alarm is None else graph.widget(told, alert, alarm)
    return "" if widget is None else graphs.keep(bucket, told.id, graphs.draw(widget))
