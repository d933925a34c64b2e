"""What is told while the table is down: each alarm's event by itself, for silence would be worse than noise."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.incidents.alert import Alert
from core.incidents.labels import Labels
from core.incidents.notification import Notification, Reason, notification_id
from core.incidents.observation import observe
from core.incidents.policy import TOPICS, Pairs, Policy
from core.incidents.signals import Signal

EVERY = timedelta(minutes=5)
"""At most one notice an alarm in this time."""
MAX_REMEMBERED = 10_000


@dataclass(slots=True)
class Guard:
    """When each source was last told of by this process: its memory is all there is while the table is down."""

    told: dict[str, datetime] = field(default_factory=dict)

    def admits(self, fingerprint: str, now: datetime) -> bool:
        """Whether a notice about the source may go out now; notes that it does."""
        last = self.told.get(fingerprint)
        if last is not None and abs(now - last) < EVERY:
            return False
        if len(self.told) >= MAX_REMEMBERED:
            self.told.clear()
        self.told[fingerprint] = now
        return True

    def forget(self, fingerprint: str) -> None:
        """The notice was not sent after all."""
        self.told.pop(fingerprint, None)


def notice(signal: Signal, labels: Pairs, facts: Labels, *, policy: Policy, now: datetime) -> Notification | None:
    """The notice of an event alone; None for an end, a symptom, and what is muted or reports itself."""
    alert = observe(None, signal, labels, facts, policy=policy, now=now).alert
    if not alert.stands or not alert.announces or alert.muted_by:
        return None
    return _notification(alert, now)


def _notification(alert: Alert, now: datetime) -> Notification:
    group = f"ungrouped:{alert.fingerprint}"
    return Notification(
        id=notification_id(group, [alert.event_key], (), 0),
        incident="",
        group=group,
        receiver=TOPICS,
        reason=Reason.UNGROUPED,
        at=now,
        opened_at=alert.starts_at or now,
        resolved_at=None,
        severity=alert.severity,
        labels=alert.labels,
        subject=alert.facts.subject,
        account=alert.account,
        region=alert.region,
        firing=(alert,),
        firing_count=1,
        told=(alert.severity,),
    )
