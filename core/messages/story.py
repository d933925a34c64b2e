"""A notification as its message tells it: who leads, which figures, since when. Text and data are made from this."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.catalogue.alarm import Delivery, Severity, Subject
from core.incidents.alert import Alert
from core.incidents.evidence import Change
from core.incidents.labels import Labels
from core.incidents.notification import Notification, Reason
from core.messages.figures import Figure, age, figure
from core.messages.layout import clean
from core.messages.limits import MAX_FREE, MAX_NAME, MAX_TITLE

MAX_LISTED = 5
"""Alerts that a message lists; the others are counted."""

DELETED = "alarm deleted"
"""The reason of an end that no state change told of."""


@dataclass(frozen=True, slots=True)
class Item:
    """One alert as it is told. `where` is its subject when that is not the message's."""

    alarm: str
    title: str
    short: str
    """The title in two or three words."""
    severity: Severity
    firing: bool
    since: datetime | None
    until: datetime | None
    value: Figure | None
    threshold: Figure | None
    peak: Figure | None
    below: bool
    where: str = ""
    window: str = ""
    """What is held against the threshold: `over 5 min`, `in 3 of 5 periods of 1 min`."""
    detail: str = ""
    """A contributor's attributes, or the reason that the source gives."""
    data_lost_at: datetime | None = None
    deleted: bool = False
    """It ended because the alarm is no more."""

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
    """All that a message says. `lead` is the most telling alert: a composite's first firing child before itself.

    `firing`, `over` and `symptoms` are what the notification carries, the lead first; the counts are of all.
    """

    told: Notification
    subject: Subject
    severity: Severity
    since: datetime
    until: datetime | None
    lead: Item | None
    firing: tuple[Item, ...]
    over: tuple[Item, ...]
    symptoms: tuple[Item, ...]
    owner: str
    runbook: str
    condition: str
    catalogued: bool
    fix: Change | None
    """The deployment that came before the end of a resolved incident."""

    @property
    def now(self) -> datetime:
        """The instant of the decision: ages are told as of it, so that a second attempt says the same."""
        return self.told.at

    @property
    def reason(self) -> Reason:
        """Why the message is sent."""
        return self.told.reason

    @property
    def resolved(self) -> bool:
        """Whether the message says that it is over."""
        return self.reason is Reason.ALL_RESOLVED

    @property
    def lasted(self) -> timedelta:
        """From the first symptom until the end, or until now; never negative."""
        return max((self.until or self.now) - self.since, timedelta(0))

    @property
    def where(self) -> str:
        """The subject in a word: `ranker`, `ranker/blue`."""
        return place_of(self.subject)


def tell(told: Notification) -> Story:
    """The story of a notification whose reason sends."""
    resolved = told.reason is Reason.ALL_RESOLVED
    part = _part(told)
    head = _head(part)
    lead = leading(told)
    subject = lead.facts.subject if lead else told.subject
    until = told.resolved_at if resolved else None
    peaks = dict(told.peaks)

    def items(alerts: tuple[Alert, ...]) -> tuple[Item, ...]:
        others = [one for one in alerts if one is not lead and not (one is head and head.facts.children)]
        ordered = (lead, *others) if lead is not None and any(one in alerts for one in (lead, head)) else others
        return tuple(_item(one, peaks, subject, now=told.at) for one in ordered)

    since = min(told.opened_at, told.at)
    return Story(
        told=told,
        subject=Subject(subject.kind, clean(subject.name, MAX_NAME), clean(subject.variant, MAX_NAME)),
        severity=told.severity,
        since=since,
        until=max(min(until, told.at), since) if until else None,
        lead=_item(lead, peaks, subject, now=told.at) if lead else None,
        firing=items(told.firing),
        over=items(told.resolved),
        symptoms=tuple(_item(one, peaks, subject, now=told.at) for one in told.symptoms if one is not lead),
        owner=clean(_first(one.facts.owner for one in (head, lead) if one), MAX_NAME),
        runbook=_first(one.facts.runbook for one in (lead, head) if one),
        condition=lead.facts.condition if lead else "",
        catalogued=any(alert.facts.catalogued for alert in part),
        fix=_fix(told) if resolved else None,
    )


def leading(told: Notification) -> Alert | None:
    """The most telling alert: a composite's first firing child before itself; None where none is listed."""
    part = _part(told)
    head = _head(part)
    return _lead(head, part) if head else None


def words(condition: str) -> str:
    """`HighP99Latency` as `high p99 latency`, `GPUsMissing` as `GPUs missing`."""
    parts = re.findall(r"P\d+|[A-Z]{2,}s(?=[A-Z]|$)|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", condition)
    return " ".join(part if re.fullmatch("[A-Z]{2,}s?", part) else part.lower() for part in parts)


def place_of(subject: Subject) -> str:
    """`ranker`, or `ranker/blue` where the variant tells something."""
    variant = clean(subject.variant, MAX_NAME)
    name = clean(subject.name, MAX_NAME)
    return f"{name}/{variant}" if variant not in {"", "AllTraffic"} else name


def measured(told: Notification) -> tuple[Alert, ...]:
    """The ended alerts that a message lists and whose series can be asked for the peak."""
    over = (*told.resolved, *told.symptoms)
    return tuple(alert for alert in over if alert.queries and not alert.firing)[:MAX_LISTED]


def _part(told: Notification) -> tuple[Alert, ...]:
    return (*(told.resolved if told.reason is Reason.ALL_RESOLVED else told.firing), *told.symptoms)


def _head(part: tuple[Alert, ...]) -> Alert | None:
    return next((one for one in part if one.facts.delivery is Delivery.INCIDENT), part[0] if part else None)


def _lead(head: Alert, part: tuple[Alert, ...]) -> Alert:
    by_name = {alert.source: alert for alert in reversed(part)}
    return next((by_name[child] for child in head.facts.children if child in by_name), head)


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def _fix(told: Notification) -> Change | None:
    """The last deployment between the beginning and the end: the likeliest to have ended it."""
    end = told.resolved_at or told.at
    within = [change for change in told.changes if told.opened_at < change.at <= end]
    return max(within, key=lambda change: change.at, default=None)


def _item(alert: Alert, peaks: Mapping[str, float], subject: Subject, *, now: datetime) -> Item:
    facts = alert.facts
    worse = min if facts.below else max
    seen = [value for value in (alert.peak, peaks.get(alert.fingerprint)) if value is not None]
    value = figure(alert.value, facts.display)
    since = min(alert.starts_at, now) if alert.starts_at else None
    ended = alert.ends_at if not alert.firing else None
    return Item(
        alarm=clean(alert.source, MAX_NAME),
        title=clean(facts.title, MAX_TITLE) or clean(alert.source, MAX_TITLE),
        short=words(facts.condition) or clean(facts.title, MAX_TITLE) or clean(alert.source, MAX_TITLE),
        severity=facts.severity,
        firing=alert.stands,
        since=since,
        until=max(min(ended, now), since or ended) if ended else None,
        value=value,
        threshold=figure(facts.threshold, facts.display) if value is not None else None,
        peak=figure(worse(seen) if seen else None, facts.display),
        below=facts.below,
        window=_window(facts),
        where=place_of(facts.subject) if facts.subject != subject else "",
        detail=_detail(alert, shown=value is not None),
        data_lost_at=min(alert.data_lost_at, now) if alert.data_lost_at else None,
        deleted=not alert.firing and alert.reason == DELETED,
    )


def _window(facts: Labels) -> str:
    """`over 5 min`, `in 3 of 5 periods of 1 min`; empty where it is not known."""
    if not facts.period_seconds or not facts.periods:
        return ""
    period = age(timedelta(seconds=facts.period_seconds))
    return f"over {period}" if facts.periods == 1 else f"in {facts.datapoints} of {facts.periods} periods of {period}"


def _detail(alert: Alert, *, shown: bool) -> str:
    """A contributor's attributes; else why it fires, where no figure says so."""
    if alert.attributes:
        return clean(", ".join(f"{name} {value}" for name, value in alert.attributes), MAX_FREE)
    return "" if shown or not alert.stands else clean(alert.reason, MAX_FREE)
