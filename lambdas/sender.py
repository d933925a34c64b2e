"""Sending of deliveries: each on its channel, with what becomes of it noted after every attempt.

A delivery's right to send is a lease in the table. A crash after the send and before the note makes the next holder
send it once more, under the same notification id: at least once, twice only then. What a channel will not take goes to
the deployment's topics instead; what nobody takes for hours is given up, kept for a replay, and told anew by the next
flush.
"""

import json
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from aws_lambda_powertools import Logger

from core.channels.outcome import Outcome, Verdict, retry
from core.incidents import keys, orders
from core.incidents.group import unsent
from core.incidents.notification import Notification, Reason
from core.incidents.orders import Deliver
from core.incidents.policy import Channel, ChannelKind
from core.messages.place import Place
from core.settings import Notifier
from lambdas import channels
from lambdas.adapters import facts, groups, items, outbox, queues
from lambdas.adapters.items import Conflict
from lambdas.adapters.outbox import Delivery, Status
from lambdas.channels import Desk

PATIENCE = timedelta(hours=2)
"""How long a channel that may recover is tried."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=5)

log = Logger(service="notifier")


@dataclass(frozen=True, slots=True)
class Sender:
    """What sending needs. `now` is the invocation's."""

    settings: Notifier
    now: datetime

    def resume(self, place: keys.Key) -> None:
        """Send a delivery that somebody else left, if it is still owed."""
        try:
            taken = outbox.take(self.settings.table, place, now=self.now)
        except Conflict:
            return  # another sender has it
        if taken is not None:
            self.send(*taken)

    def send(self, delivery: Delivery, told: Notification) -> None:
        """Send a delivery that this sender holds, and note what came of it."""
        table = self.settings.table
        edits = outbox.edits(delivery)
        reference = outbox.reference(table, delivery) if edits else ""
        outcome = self._attempt(delivery, told, reference)
        facts_ = {"group": delivery.group, "incident": delivery.incident, "channel": delivery.channel.kind.value}
        match outcome.verdict:
            case Verdict.SENT:
                if edits and outcome.reference and outcome.reference != reference:
                    outbox.refer(table, delivery, outcome, now=self.now, audit_days=self.settings.audit_days)
                self._settle(delivery, Status.SENT, outcome)
                log.info("notification sent", extra={**facts_, "reason": told.reason.value})
            case Verdict.REFUSED if not _last_resort(delivery.channel):
                log.error("notification refused", extra={**facts_, "why": outcome.reason})
                self._fall_back(delivery, told, outcome)
            case _:
                log.warning("notification not taken", extra={**facts_, "why": outcome.reason})
                self._retry(delivery, told, outcome)

    def _attempt(self, delivery: Delivery, told: Notification, reference: str) -> Outcome:
        place = Place(self.settings.stage, self.settings.runbooks, self.settings.actions_url)
        desk = Desk(place, self.settings.topics, facts.templates(), self.settings.images)
        try:
            return channels.send(delivery.channel, told, desk, reference=reference)
        except Exception as error:  # a message that cannot be written must not be lost: it is tried, then given up
            log.exception("sending failed", extra={"group": delivery.group})
            return retry(f"{type(error).__name__}: {error}")

    def _retry(self, delivery: Delivery, told: Notification, outcome: Outcome) -> None:
        """Try again later, unless that was done for long enough."""
        wait = max(_backoff(delivery.attempts), outcome.retry_after or timedelta(0))
        since = datetime.fromisoformat(delivery.created_at).astimezone(UTC)
        if self.now - since > PATIENCE:
            self._give_up(delivery, told, outcome)
            return
        try:
            outbox.postpone(self.settings.table, delivery, outcome, until=self.now + wait)
        except Conflict:
            return
        body = orders.body(Deliver(delivery.place))
        queues.send(self.settings.notifications_queue, body, delay=wait)

    def _fall_back(self, delivery: Delivery, told: Notification, outcome: Outcome) -> None:
        """Tell the deployment's topics instead, and keep the refused delivery for whoever mends the channel."""
        if any(map(_last_resort, facts.policy().receiver(delivery.receiver).channels)):
            self._bury(delivery, outcome)
            self._settle(delivery, Status.REFUSED, outcome)
            return
        number = delivery.number + outbox.FALLBACK
        instead = replace(
            delivery,
            place=keys.delivery(keys.message_of(delivery.place), number),
            number=number,
            channel=Channel(ChannelKind.SNS),
            attempts=1,
        )
        fresh = outbox.add(self.settings.table, instead, now=self.now, audit_days=self.settings.audit_days)
        self._bury(delivery, outcome)
        self._settle(delivery, Status.REFUSED, outcome)
        if fresh:
            self.send(instead, told)

    def _give_up(self, delivery: Delivery, told: Notification, outcome: Outcome) -> None:
        """Keep it for a replay, and let the group's next flush tell what is then to be told."""
        self._bury(delivery, outcome)
        self._settle(delivery, Status.FAILED, outcome)
        if told.reason is Reason.DIGEST:
            return
        for _ in range(items.ATTEMPTS):
            group = groups.group(self.settings.table, delivery.group)
            if group is None:
                return
            back = unsent(group, told, now=self.now)
            if back is group:
                return
            try:
                groups.replace_group(self.settings.table, back, now=self.now)
                return
            except Conflict:
                continue

    def _bury(self, delivery: Delivery, outcome: Outcome) -> None:
        body = json.dumps(orders.body(Deliver(delivery.place)))
        reason = f"{delivery.channel.kind.value}: {outcome.reason}"
        function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "notifier")
        queues.bury(self.settings.dead_letters_queue, body, reason=reason, source=function)

    def _settle(self, delivery: Delivery, status: Status, outcome: Outcome) -> None:
        try:
            outbox.settle(self.settings.table, delivery, status, outcome, now=self.now)
        except Conflict:
            log.warning("delivery was taken over", extra={"group": delivery.group, "status": status.value})


def _last_resort(channel: Channel) -> bool:
    """Whether the channel is the deployment's own topics: nothing stands behind them, so they are tried on."""
    return channel.kind is ChannelKind.SNS and not channel.target


def _backoff(attempts: int) -> timedelta:
    doublings = min(attempts - 1, 10)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
