"""PagerDuty: one event of the Events API v2.

202 is accepted; 400 is an event that PagerDuty will never take; 429 and 5xx are to be tried again.
https://developer.pagerduty.com/docs/events-api-v2/overview/
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from core.channels.addresses import Network
from core.channels.outcome import Outcome, refused, sent
from lambdas.adapters import https

SERVICE = "PagerDuty"
URL = "https://events.pagerduty.com/v2/enqueue"
"""Accounts in the EU service region have https://events.eu.pagerduty.com/v2/enqueue as their channel's target."""
HEADERS = {"Content-Type": "application/json"}
ACCEPTED = 202
MAX_REASON = 200


def send(routing_key: str, event: Mapping[str, Any], *, url: str = "", allowed: Iterable[Network] = ()) -> Outcome:
    """Send the event under the integration's key; the outcome's reference is the incident's dedup key."""
    body = json.dumps({**event, "routing_key": routing_key}, ensure_ascii=False, separators=(",", ":")).encode()
    answer = https.deliver(SERVICE, url or URL, body, HEADERS, allowed=allowed)
    if isinstance(answer, Outcome):
        return answer
    if answer.status == ACCEPTED:
        return sent(str(event.get("dedup_key", "")))
    if answer.status == 400:
        return refused(f"{SERVICE} answered 400: {_errors(answer.body, routing_key)}")
    outcome = answer.judged(SERVICE)
    return refused(f"{SERVICE} answered {answer.status}; 202 is acceptance") if outcome.sent else outcome


def _errors(body: bytes, routing_key: str) -> str:
    """What PagerDuty says is wrong with the event, without the key that it may quote."""
    try:
        found = json.loads(body)
    except ValueError:
        return "no reason given"
    listed = found.get("errors") if isinstance(found, dict) else None
    said = "; ".join(str(each) for each in listed) if isinstance(listed, list) else "no reason given"
    return said.replace(routing_key, "(the key)")[:MAX_REASON]
