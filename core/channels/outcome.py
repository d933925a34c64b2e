"""What became of one message on one channel, and what a service's HTTP answer means for it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

MAX_RETRY_AFTER = timedelta(hours=1)
"""A service that asks for more is asked again after an hour: a page must not wait for a day."""
_OK = range(200, 300)
_AGAIN = frozenset({408, 425, 429})
"""Request Timeout, Too Early, Too Many Requests: RFC 9110, RFC 8470, RFC 6585."""


class Verdict(StrEnum):
    """Whether the message arrived, may arrive later, or never will as it stands."""

    SENT = "sent"
    RETRY = "retry"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message.

    `reason` says why it was not sent, without a body, a URL's path or a credential. `retry_after` is the least wait
    that the service asked for. `reference` is what the service calls the message: an SNS message id, Slack's
    `channel:ts`, PagerDuty's dedup key, an OpsItem's id.
    """

    verdict: Verdict
    reason: str = ""
    retry_after: timedelta | None = None
    reference: str = ""

    @property
    def sent(self) -> bool:
        """Whether the service took the message."""
        return self.verdict is Verdict.SENT


def sent(reference: str = "") -> Outcome:
    """The service took the message."""
    return Outcome(Verdict.SENT, reference=reference)


def retry(reason: str, after: timedelta | None = None) -> Outcome:
    """The service may take it later."""
    return Outcome(Verdict.RETRY, reason, after)


def refused(reason: str) -> Outcome:
    """The service will not take it, however often it is asked."""
    return Outcome(Verdict.REFUSED, reason)


def judge(status: int, retry_after: str, *, service: str, now: datetime, reference: str = "") -> Outcome:
    """What an HTTP status means; `retry_after` is the header's text, "" where there was none.

    2xx is sent. 408, 425, 429 and 5xx are tried again, all else is refused: a redirect too, since following one
    would carry the message to a place that nobody configured.
    """
    if status in _OK:
        return sent(reference)
    said = f"{service} answered {status}"
    if status in _AGAIN or status >= 500:
        return retry(said, wait(retry_after, now=now))
    return refused(said)


def wait(text: str, *, now: datetime) -> timedelta | None:
    """How long a Retry-After header asks to wait: seconds or an HTTP date (RFC 9110, 10.2.3); None when unreadable.

    Never below zero and at most MAX_RETRY_AFTER.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        # Longer texts than this are beyond the maximum whatever they say.
        asked = timedelta(seconds=int(text)) if len(text) < 10 else MAX_RETRY_AFTER
    else:
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return None
        asked = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return max(timedelta(0), min(asked, MAX_RETRY_AFTER))
