"""At-least-once delivery, provoked: everything twice and out of order, the same way in every run.

Events, schedules, standard queues, notifications to queues and functions, and asynchronous invocations promise no more:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-what-is.html,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html,
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

import itertools
from datetime import timedelta

NOW = timedelta(0)
SWAP = timedelta(seconds=2)
"""Every second delivery is held back this long, so that it comes after the next."""
COPIES = (timedelta(seconds=45), timedelta(seconds=20))
"""How long after it a delivery comes again: those held back sooner, so that copies are out of order too."""


class Delays:
    """When each delivery is made, counted from when it is due: once, at once; or twice, out of order."""

    def __init__(self, *, twice: bool = False) -> None:
        self._twice = twice
        self._numbers = itertools.count()

    def next(self) -> tuple[timedelta, ...]:
        """The delays of the next delivery and of its copies."""
        if not self._twice:
            return (NOW,)
        odd = next(self._numbers) % 2
        return (SWAP * odd, COPIES[odd])
