"""An incident as a message tells it: who leads, which figures, since when. Text and data are both made from this."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.catalogue.alarm import Delivery, Severity, Subject
from core.incidents.alert import Alert
from core.incidents.evidence import Investigation
from core.incidents.incident import Incident
from core.incidents.notification import Reason
from core.messages.figures import Figure, figure

MAX_LISTED = 5


@dataclass(frozen=True, slots=True)
class Item:
    """One alert as it is told."""

    alarm: str
    title: str
    short: str
    """The title in two or three words."""
    since: datetime | None
    until: datetime | None
    value: Figure | None
    threshold: Figure | None
    peak: Figure | None
    below: bool
    detail: str = ""
    """A contributor's attributes, or the endpoint's failure."""

    @property
    def against(self) -> str:
        """`812 ms against 500 ms`; empty without a value."""
        return self._against(self.value)

    @property
    def peaked(self) -> str:
        """`peak 950 ms against 500 ms`, or `low 0 requests against ...`; empty without a value."""
        told = self._against(self.peak or self.value)
        return f"{'low' if self.below else 'peak'} {told}" if told else ""

    def _against(self, value: Figure | None) -> str:
        if value is None:
            return ""
        if self.threshold is None:
            return value.text
        return f"{value.text} against {'at least ' if self.below else ''}{self.threshold.text}"


@dataclass(frozen=True, slots=True)
class Story:
    """All that a message says. `lead` is the most telling alert: a composite's first firing child before itself."""

    incident: str
    group: str
    account: str
    region: str
    subject: Subject
    severity: Severity
    reason: Reason
    since: datetime
    until: datetime | None
    now: datetime
    lead: Item
    items: tuple[Item, ...]
    owner: str
    runbook: str
    catalogued: bool
    investigation: Investigation | None

    @property
    def resolved(self) -> bool:
        """Whether the message says that it is over."""
        return self.reason is Reason.ALL_RESOLVED

    @property
    def lasted(self) -> timedelta:
        """From the first symptom until the end, or until now; never negative."""
        return max((self.until or self.now) - self.since, timedelta(0))

    @property
    def listed(self) -> tuple[Item, ...]:
        """The first few items."""
        return self.items[:MAX_LISTED]

    @property
    def unlisted(self) -> int:
        """How many items are left out."""
        return len(self.items) - len(self.listed)


def tell(incident: Incident, reason: Reason, *, now: datetime, peaks: Mapping[str, float] | None = None) -> Story:
    """The story of `incident` for a message sent because of `reason`; `reason.sends` holds.

    `peaks` are worst values by fingerprint where they were looked up; the alarms themselves tell values only when
    they change state.
    """
    resolved = reason is Reason.ALL_RESOLVED
    part = incident.during() if resolved else (*incident.announcing, *incident.symptoms)
    heads = [alert for alert in part if alert.labels.delivery is Delivery.INCIDENT] or list(part)
    head = heads[0]
    lead = _lead(head, part)
    others = [alert for alert in part if alert is not lead and not (alert is head and head.labels.children)]
    severity = incident.severity or (incident.log.severity if incident.log else head.labels.severity)
    until = incident.resolved_at if resolved else None
    items = tuple(_item(alert, (peaks or {}).get(alert.fingerprint)) for alert in (lead, *others))
    return Story(
        incident=incident.id,
        group=incident.group,
        account=incident.account,
        region=incident.region,
        subject=lead.labels.subject,
        severity=severity,
        reason=reason,
        since=min(incident.opened_at or now, now),
        until=min(until, now) if until else None,
        now=now,
        lead=items[0],
        items=items,
        owner=head.labels.owner or lead.labels.owner,
        runbook=lead.labels.runbook or head.labels.runbook,
        catalogued=any(alert.labels.catalogued for alert in part),
        investigation=incident.investigation,
    )


def measured(incident: Incident) -> tuple[Alert, ...]:
    """The resolved alerts that a message lists and whose series can be asked for."""
    return tuple(alert for alert in incident.during() if alert.queries and not alert.firing)[:MAX_LISTED]


def words(condition: str) -> str:
    """`HighP99Latency` as `high p99 latency`, `GPUsMissing` as `GPUs missing`."""
    parts = re.findall(r"P\d+|[A-Z]{2,}s(?=[A-Z]|$)|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", condition)
    return " ".join(part if re.fullmatch("[A-Z]{2,}s?", part) else part.lower() for part in parts)


def _lead(head: Alert, part: tuple[Alert, ...]) -> Alert:
    by_name = {alert.source: alert for alert in reversed(part)}
    return next((by_name[child] for child in head.labels.children if child in by_name), head)


def _item(alert: Alert, peak: float | None) -> Item:
    worse = min if alert.labels.below else max
    seen = [value for value in (alert.peak, peak) if value is not None]
    display = alert.labels.display
    threshold = alert.labels.threshold
    value = figure(alert.value, display)
    return Item(
        alarm=alert.source,
        title=alert.labels.title,
        short=words(alert.labels.condition) or alert.labels.title,
        since=alert.starts_at,
        until=alert.ends_at,
        value=value,
        threshold=figure(threshold, display) if value is not None else None,
        peak=figure(worse(seen) if seen else None, display),
        below=alert.labels.below,
        detail=_detail(alert),
    )


def _detail(alert: Alert) -> str:
    if alert.attributes:
        return ", ".join(f"{name} {value}" for name, value in alert.attributes)
    return alert.reason if alert.firing and not alert.arn else ""
