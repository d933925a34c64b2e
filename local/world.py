"""The embedded AWS as one object: the clock and the services that call one another."""

import copy
import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from local.clock import Clock
from local.duplicates import Delays
from local.faults import Faults
from local.journal import Journal

if TYPE_CHECKING:
    from local.access import Access
    from local.cloudwatch.service import CloudWatch
    from local.deployer.stacks import Stacks
    from local.events import EventBus
    from local.functions.registry import Functions
    from local.logs import Logs
    from local.messages import Messages
    from local.queues import Queues
    from local.services.sagemaker import SageMaker
    from local.topics import Topics


@dataclass(frozen=True, slots=True)
class Conditions:
    """How a world is to differ from the best that AWS can be."""

    ingestion_delay: timedelta = timedelta(0)
    """How old a period must be before alarms are evaluated on it."""
    duplicate_events: bool = False
    """Whether events, queues, notifications and asynchronous invocations arrive twice, out of order."""


PLAIN = Conditions()


class World:
    """One account in one region; `at` is the same account in another one. `local.server.start` attaches services.

    `lock` guards API state: request threads hold it while they serve a call; the clock's thread holds it while it
    touches state and never while it waits for a function's worker, which calls back.
    """

    access: "Access"
    cloudwatch: "CloudWatch"
    events: "EventBus"
    functions: "Functions"
    logs: "Logs"
    messages: "Messages"
    queues: "Queues"
    sagemaker: "SageMaker"
    stacks: "Stacks"
    topics: "Topics"

    def __init__(
        self,
        *,
        clock: Clock,
        region: str = "us-east-1",
        account: str = "123456789012",
        conditions: Conditions = PLAIN,
    ) -> None:
        self.clock = clock
        self.region = region
        self.account = account
        self.conditions = conditions
        self.delays = Delays(twice=conditions.duplicate_events)
        self.regions: dict[str, World] = {region: self}
        """Every region that was asked for so far."""
        self.open: Callable[[World], None] = lambda _: None
        """Attaches services to another region's world."""
        self.url = ""
        """`http://127.0.0.1:PORT` once the server listens."""
        self.lock = threading.RLock()
        self.journal = Journal(clock.now)
        self.faults = Faults(clock.now, self.journal)
        self._ids: Counter[str] = Counter()

    def at(self, region: str) -> "World":
        """This account in `region` ("": this one). The clock, the lock, roles and recorded messages are the account's;
        all else is a region's own, made when it is first asked for.
        """
        with self.lock:
            found = self.regions.get(region or self.region)
            if found is None:
                found = copy.copy(self)
                found.region = region
                found.open(found)
                self.regions[region] = found
            return found

    def next_id(self, kind: str) -> str:
        """The next identifier of a kind (`event`, `message`, ...), shaped like a UUID.

        The same calls in the same order give the same identifiers in every run.
        """
        with self.lock:
            self._ids[kind] += 1
            number = self._ids[kind]
        text = hashlib.sha256(f"{self.account}/{self.region}/{kind}/{number}".encode()).hexdigest()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"
