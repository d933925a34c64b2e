"""https: one JSON document to a URL of the reader's own, signed."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from core.channels import signing
from core.channels.addresses import Network
from core.channels.outcome import Outcome
from core.channels.signing import Key
from lambdas.adapters import https

SERVICE = "https"
ID = "X-Mlwarden-Notification-Id"
"""The same for every delivery of one notification: a receiver that has seen it has seen the message."""


def send(
    url: str,
    document: Mapping[str, Any],
    live: Iterable[Key],
    *,
    notification_id: str,
    allowed: Iterable[Network] = (),
) -> Outcome:
    """POST the document, signed by the `live` keys; any 2xx is taken as received."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        ID: notification_id,
        **signing.sign(body, live, now=datetime.now(UTC)),
    }
    answer = https.deliver(SERVICE, url, body, headers, allowed=allowed)
    return answer if isinstance(answer, Outcome) else answer.judged(SERVICE, reference=notification_id)
