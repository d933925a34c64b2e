"""Slack: incoming webhooks, which can only post, and a bot's token, which edits what it posted.

Slack's methods answer 200 with `ok: false` and an error's name; 429 with Retry-After.
https://docs.slack.dev/reference/methods/chat.postMessage, chat.update; https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from core.channels.addresses import Network
from core.channels.outcome import Outcome, refused, retry, sent
from lambdas.adapters import https
from lambdas.adapters.https import Answer

SERVICE = "Slack"
API = "https://slack.com/api/"
_TRANSIENT = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""The message that was to be edited can no longer be: a new one is posted."""
_JSON = {"Content-Type": "application/json; charset=utf-8"}


def post(url: str, document: Mapping[str, Any], *, allowed: Iterable[Network] = ()) -> Outcome:
    """A new message by an incoming webhook; the URL is a secret."""
    answer = https.deliver(SERVICE, url, _encoded(document), _JSON, allowed=allowed)
    return answer if isinstance(answer, Outcome) else answer.judged(SERVICE)


def write(
    token: str,
    channel: str,
    document: Mapping[str, Any],
    *,
    reference: str = "",
    api: str = "",
    allowed: Iterable[Network] = (),
) -> Outcome:
    """Post to `channel`, or edit the message that `reference` (`channel:ts`) names.

    The outcome's reference is that of the message that now shows the document. `api` stands in for Slack's own URL.
    """
    allowed = tuple(allowed)
    where, _, ts = reference.partition(":")
    if ts:
        edited = _call("chat.update", token, {**document, "channel": where, "ts": ts}, api, allowed)
        if edited.sent or edited.reason not in {_said(name) for name in _GONE}:
            return edited
    return _call("chat.postMessage", token, {**document, "channel": channel}, api, allowed)


def _call(method: str, token: str, document: Mapping[str, Any], api: str, allowed: tuple[Network, ...]) -> Outcome:
    headers = {**_JSON, "Authorization": f"Bearer {token}"}
    answer = https.deliver(SERVICE, (api or API) + method, _encoded(document), headers, allowed=allowed)
    if isinstance(answer, Outcome):
        return answer
    outcome = answer.judged(SERVICE)
    return _judged(answer) if outcome.sent else outcome


def _judged(answer: Answer) -> Outcome:
    """What an answer of 200 says inside."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    match found:
        case {"ok": True, "channel": str(channel), "ts": str(ts)}:
            return sent(f"{channel}:{ts}")
        case {"ok": True}:
            return sent()
        case {"ok": False, "error": str(name)}:
            return retry(_said(name)) if name in _TRANSIENT else refused(_said(name))
        case _:
            return retry(f"{SERVICE} answered 200 with something that is not its JSON")


def _said(name: str) -> str:
    return f"{SERVICE} said {name[:64]}"


def _encoded(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
