"""The functions with the queues between them, and a killer that ends one of them after a chosen effect."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from lambdas import notifier, router, sweeper
from lambdas.adapters import clients
from tests.lambdas.conftest import Cloud, batch

EFFECTS = (
    ("dynamodb", "transact_write_items"),
    ("dynamodb", "update_item"),
    ("dynamodb", "put_item"),
    ("sns", "publish"),
    ("sqs", "send_message"),
    ("sqs", "send_message_batch"),
)
"""Every call of these functions that changes something. To die before one is to die after the one before it."""


class Killed(BaseException):
    """The process ends: nothing in it gets to handle this."""


class Killer:
    """Counts the functions' effects; after number `at` the function is killed, once. At 0: before the first."""

    def __init__(self, at: int) -> None:
        self.count = 0
        self.struck = False
        self._at = at

    def lurk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand behind every effect."""
        for service, operation in EFFECTS:
            client = clients.client(service)
            monkeypatch.setattr(client, operation, self._wrap(getattr(client, operation)))

    def _wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def effect(**params: Any) -> Any:
            if self._at == 0 and not self.struck:
                self.struck = True
                raise Killed
            try:
                return call(**params)
            finally:
                self.count += 1
                if self.count == self._at:
                    self.struck = True
                    raise Killed

        return effect


@dataclass
class Life:
    """SQS and the schedule between the functions: what a killed function had taken comes again."""

    cloud: Cloud
    mails: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[tuple[Any, list[dict[str, Any]]]] = field(default_factory=list)
    kills: int = 0
    failed_sweeps: int = 0

    def events(self, *bodies: str | dict[str, Any]) -> None:
        """The router is given a batch."""
        self._invoke(router, batch(*bodies)["Records"])

    def minutes(self, count: int) -> None:
        """So many minutes pass, in each what failed comes again, timers run out and the sweep runs."""
        for _ in range(count):
            self.cloud.wait(60)
            waiting, self.waiting = self.waiting, []
            for function, records in waiting:
                self._invoke(function, records)
            self._sweep()
            for function, queue in ((router, "Events"), (notifier, "Notifications")):
                self._invoke(function, self.cloud.batch(queue)["Records"])
            self.mails += self.cloud.mails()

    def _sweep(self) -> None:
        try:
            sweeper.handle({"sweep": True}, None)
        except Killed:
            self.kills += 1
        except ExceptionGroup:
            self.failed_sweeps += 1  # the next one makes up for it

    def _invoke(self, function: Any, records: list[dict[str, Any]]) -> None:
        if not records:
            return
        try:
            answer = function.handle({"Records": records}, None)
        except Killed:
            self.kills += 1
            failed = {record["messageId"] for record in records}
        else:
            failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        again = [record for record in records if record["messageId"] in failed]
        for record in again:
            record["attributes"]["ApproximateReceiveCount"] = "2"
        if again:
            self.waiting.append((function, again))


def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudWatch has nothing to add to the events."""
    monkeypatch.setattr("lambdas.adapters.alarms.alarming", lambda _: ())
    monkeypatch.setattr("lambdas.adapters.alarms.described", lambda _: {})
    monkeypatch.setattr("core.incidents.reconcile.GRACE", timedelta(days=1))


def told(mails: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Reason and notification id of each mail."""
    found = [{name: one["Value"] for name, one in mail["MessageAttributes"].items()} for mail in mails]
    return [(one["reason"], one["notification_id"]) for one in found]
