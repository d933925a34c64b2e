"""The embedded AWS as one object: the clock and the services that call one another."""

import hashlib
import threading
from collections import Counter
from typing import TYPE_CHECKING

from local.clock import Clock
from local.journal import Journal

if TYPE_CHECKING:
    from local.access import Access
    from local.cloudwatch.service import CloudWatch
    from local.events import EventBus
    from local.functions.registry import Functions
    from local.messages import Messages
    from local.queues import Queues
    from local.services.sagemaker import SageMaker
    from local.topics import Topics


class World:
    """One account in one region. Services are attached by `local.server.start`.

    `lock` guards API state: request threads hold it while they serve a call; the clock's thread holds it while it
    touches state and never while it waits for a function's worker, which calls back.
    """

    access: "Access"
    cloudwatch: "CloudWatch"
    events: "EventBus"
    functions: "Functions"
    messages: "Messages"
    queues: "Queues"
    sagemaker: "SageMaker"
    topics: "Topics"

    def __init__(self, *, clock: Clock, region: str = "us-east-1", account: str = "123456789012") -> None:
        self.clock = clock
        self.region = region
        self.account = account
        self.url = ""
        """`http://127.0.0.1:PORT` once the server listens."""
        self.lock = threading.RLock()
        self.journal = Journal(clock.now)
        self._ids: Counter[str] = Counter()

    def next_id(self, kind: str) -> str:
        """The next identifier of a kind (`event`, `message`, ...), shaped like a UUID.

        The same calls in the same order give the same identifiers in every run.
        """
        with self.lock:
            self._ids[kind] += 1
            number = self._ids[kind]
        text = hashlib.sha256(f"{self.account}/{self.region}/{kind}/{number}".encode()).hexdigest()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"
