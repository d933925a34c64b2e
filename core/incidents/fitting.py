"""A notification cut to what one item of the table holds: its counts stay whole, its lists are worst first."""

from dataclasses import replace

from core.incidents import record
from core.incidents.alert import Alert
from core.incidents.notification import Notification

MAX_BYTES = 350_000
"""Of a notification's document. An item may have 400 KB:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


def fitted(told: Notification) -> Notification:
    """What is to be kept and sent: without what only decisions need, and with lists that fit.

    The peaks must have been looked up before: what they are asked by goes.
    """
    told = replace(told, firing=_plain(told.firing), resolved=_plain(told.resolved), symptoms=_plain(told.symptoms))
    while len(record.encode_notification(told).encode()) > MAX_BYTES:
        shorter = _halved(told)
        if shorter == told:
            break
        told = shorter
    return told


def _plain(alerts: tuple[Alert, ...]) -> tuple[Alert, ...]:
    return tuple(replace(alert, queries="", observations=()) for alert in alerts)


def _halved(told: Notification) -> Notification:
    """The lists that say least are cut first: symptoms, then what ended, then what fires, of which one stays."""
    if told.symptoms:
        return replace(told, symptoms=told.symptoms[: len(told.symptoms) // 2])
    if len(told.resolved) > 1:
        return replace(told, resolved=told.resolved[: len(told.resolved) // 2])
    return replace(told, firing=told.firing[: max(len(told.firing) // 2, 1)])
