"""Microsoft Teams: an Adaptive Card to a Workflows URL.

The URL is a secret: whoever has it may post. Workflows answers 202; its own limits are 429 with Retry-After.
https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from core.channels.addresses import Network
from core.channels.outcome import Outcome
from lambdas.adapters import https

SERVICE = "Teams"
HEADERS = {"Content-Type": "application/json"}


def send(url: str, card: Mapping[str, Any], *, allowed: Iterable[Network] = ()) -> Outcome:
    """POST the card in its envelope; any 2xx is taken as received."""
    body = json.dumps(card, ensure_ascii=False, separators=(",", ":")).encode()
    answer = https.deliver(SERVICE, url, body, HEADERS, allowed=allowed)
    return answer if isinstance(answer, Outcome) else answer.judged(SERVICE)
