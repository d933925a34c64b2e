"""How often and how long a delivery that failed for the moment is tried again. Pure.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html (up to 185 times within 24
hours, with exponential back-off and jitter) and https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
(endpoints managed by AWS: 3 times at once, twice after 1 s, 10 times from 1 s to 20 s, 100,000 times after 20 s).
The figures of EventBridge's back-off are ours, and nothing is left to chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

MAX_ATTEMPTS = 185
MAX_AGE = timedelta(hours=24)
LONGEST_WAIT = timedelta(seconds=480)
"""With it, 185 retries take 23 hours and 36 minutes: both of EventBridge's default limits are near."""

SNS_ATTEMPTS = 100_015
_SNS_AT_ONCE, _SNS_EARLY, _SNS_GROWING = 3, 2, 10


@dataclass(frozen=True, slots=True)
class Policy:
    """A target's RetryPolicy: the number of retries, and the age of the event at which they end."""

    attempts: int = MAX_ATTEMPTS
    age: timedelta = MAX_AGE

    @classmethod
    def of(cls, target: Mapping[str, Any]) -> "Policy":
        """The policy of a target of a rule; what it leaves open is EventBridge's default."""
        given = target.get("RetryPolicy") or {}
        attempts, age = given.get("MaximumRetryAttempts"), given.get("MaximumEventAgeInSeconds")
        return cls(MAX_ATTEMPTS if attempts is None else attempts, MAX_AGE if age is None else timedelta(seconds=age))


def event_wait(retries: int) -> timedelta:
    """How long EventBridge waits after a delivery and so many retries failed: 1 s, twice as long each time, 480 s."""
    return min(timedelta(seconds=2 ** min(retries, 20)), LONGEST_WAIT)


def notification_wait(retries: int) -> timedelta | None:
    """How long SNS waits after a delivery to a queue or function and so many retries failed; None: it gives up."""
    early = _SNS_AT_ONCE + _SNS_EARLY
    if retries < _SNS_AT_ONCE:
        return timedelta(0)
    if retries < early:
        return timedelta(seconds=1)
    if retries < early + _SNS_GROWING:
        return timedelta(seconds=min(2 ** (retries - early), 20))
    return timedelta(seconds=20) if retries < SNS_ATTEMPTS else None
