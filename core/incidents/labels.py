"""What is known of a signal's source: from the catalogue, else from the alarm's tags, else from the signal."""

import marshal
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from core.catalogue.alarm import Comparison, Delivery, Severity, Subject
from core.catalogue.facts import Facts
from core.catalogue.metric import Display
from core.incidents.forms import figures
from core.incidents.forms.fields import Pairs
from core.incidents.signals import AlarmSignal, EndpointSignal, EndpointStatus, EventSignal, Signal
from core.values import quick

_PLAIN = Display("")

ENDPOINT_RUNBOOK = "Unhealthy"
"""Read for an endpoint that the deployment does not know."""

ENDPOINT_CONDITION = "EndpointStatus"
"""The label `condition` of an endpoint's status."""

MAX_REMEMBERED = 20_000
"""Alarms and contributors whose labels are kept by a process; contributors have no bound of their own."""

UNKNOWN_SUBJECT = "alarm"
"""The subject kind of an alarm that neither the catalogue nor its tags nor its dimensions place."""


@quick
@dataclass(frozen=True, slots=True)
class Labels:
    """What messages and decisions need to know of a source.

    `threshold` is in CloudWatch's unit; `display` turns it and the values into what a person reads. `below`
    says that low values are bad. `children` are a composite's alarm names, most telling first. `datapoints` of
    `periods` periods of `period_seconds` must breach; each is 0 where it is not known.
    """

    subject: Subject
    title: str
    severity: Severity
    delivery: Delivery
    condition: str = ""
    """The last part of the alarm's name, such as `HighP99Latency`: what is wrong in two or three words."""
    owner: str = ""
    runbook: str = ""
    display: Display = _PLAIN
    threshold: float | None = None
    below: bool = False
    children: tuple[str, ...] = ()
    catalogued: bool = False
    """Whether the deployment knows the source, and so has a dashboard for its subject."""
    period_seconds: int = 0
    datapoints: int = 0
    periods: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """A source: `pairs` are what routes, silences and inhibitions match on, `labels` what messages say of it.

    `told` is what the labels of an alarm that the catalogue lacks were made of.
    """

    pairs: Pairs
    labels: Labels
    told: bytes = b""


class Sources:
    """Sources of signals by what the deployment `stage` knows, each alarm classified once."""

    def __init__(self, facts: Mapping[str, Facts], stage: str) -> None:
        """`facts` are the deployed alarms by name."""
        self._facts = facts
        self._stage = stage
        self._alarms: dict[str | tuple[str, str], Known] = {}

    def of(self, signal: Signal) -> Known:
        """The signal's source."""
        if not isinstance(signal, AlarmSignal):
            return self._classified(signal)
        key = signal.key
        seen = self._alarms.get(key)
        if seen is not None and not seen.told:
            # The catalogue does not change, and an ARN ends with the alarm's name.
            return seen
        told = b"" if signal.alarm_name in self._facts else _told(signal)
        if seen is not None and seen.told == told:
            return seen
        if len(self._alarms) >= MAX_REMEMBERED:
            self._alarms.clear()
        known = self._alarms[key] = self._classified(signal, told)
        return known

    def _classified(self, signal: Signal, told: bytes = b"") -> Known:
        labels = classify(signal, self._facts)
        return Known(pairs(signal, labels, stage=self._stage), labels, told)


def _told(signal: AlarmSignal) -> bytes:
    """What the labels of an alarm that the catalogue lacks are made of: a configuration and tags may change.

    Compact, for there may be many; the same content may have two forms, which costs a second look.
    """
    detail = signal.detail
    return marshal.dumps((detail.get("configuration"), detail.get("alarmTags"), figures.threshold_text(detail)), 2)


def classify(signal: Signal, facts: Mapping[str, Facts]) -> Labels:
    """What is known of `signal`'s source; `facts` are the deployed alarms by name."""
    match signal:
        case EndpointSignal():
            return _of_endpoint(signal, facts)
        case EventSignal():
            return _of_event(signal, facts)
        case AlarmSignal():
            known = facts.get(signal.alarm_name)
            return _of_alarm(signal) if known is None else _from_catalogue(signal, known)


def pairs(signal: Signal, known: Labels, *, stage: str) -> Pairs:
    """The labels that routes, silences and inhibitions match on, sorted by name; empty ones are left out.

    They are the source's and never its state's, so that an alert ends where it began. A contributor's attributes
    join where they do not take a name that is taken.
    """
    subject = known.subject
    status = isinstance(signal, EndpointSignal)
    own = (
        ("account", signal.account),
        ("alarm", signal.alarm_name if isinstance(signal, AlarmSignal) else ""),
        ("condition", ENDPOINT_CONDITION if status else known.condition),
        ("kind", subject.kind),
        ("region", signal.region),
        # An endpoint's severity goes with its status, and a label must not.
        ("severity", str(Severity.CRITICAL if status else known.severity)),
        ("source", str(signal.source)),
        ("stage", stage),
        ("subject", subject.name.lower() if subject.kind == "endpoint" else subject.name),
        ("team", known.owner),
        ("variant", subject.variant),
    )
    if not signal.attributes:
        return tuple([pair for pair in own if pair[1]])
    return tuple(sorted(pair for pair in (dict(signal.attributes) | dict(own)).items() if pair[1]))


_display = lru_cache(maxsize=256)(Display)
"""One for each unit and scale: there are few."""

_LESS = frozenset({Comparison.LESS.value, Comparison.LESS_OR_EQUAL.value})


def _from_catalogue(signal: AlarmSignal, known: Facts) -> Labels:
    return Labels(
        subject=_contributor_subject(signal) or known.subject,
        title=known.title,
        severity=known.severity,
        delivery=known.delivery,
        condition=known.condition,
        owner=known.owner,
        runbook=known.runbook,
        display=_display(known.unit, known.scale),
        threshold=known.threshold,
        below=known.comparison in _LESS,
        children=known.children,
        catalogued=True,
        period_seconds=known.period_seconds,
        datapoints=known.datapoints,
        periods=known.periods,
    )


def _of_alarm(signal: AlarmSignal) -> Labels:
    tags = dict(signal.tags)
    severity = tags.get("mlwarden:severity", "")
    return Labels(
        subject=_contributor_subject(signal) or _tagged_subject(tags) or _measured_subject(signal),
        title=_first_line(signal.description) or signal.metric or signal.alarm_name,
        severity=Severity(severity) if severity in set(Severity) else Severity.WARNING,
        delivery=Delivery.INCIDENT,
        owner=tags.get("mlwarden:owner", ""),
        runbook=tags.get("mlwarden:runbook", ""),
        threshold=signal.threshold,
        below=signal.below,
        period_seconds=signal.period_seconds,
    )


def _of_endpoint(signal: EndpointSignal, facts: Mapping[str, Facts]) -> Labels:
    parent = _known_endpoint(signal.endpoint, facts)
    rolling = signal.status is EndpointStatus.ROLLING_BACK
    return Labels(
        subject=parent.subject if parent else Subject("endpoint", signal.endpoint),
        title=_ENDPOINT_TITLES.get(signal.status, f"endpoint status is {signal.status.value}"),
        severity=Severity.WARNING if rolling else Severity.CRITICAL,
        delivery=Delivery.CONTEXT if rolling else Delivery.INCIDENT,
        owner=parent.owner if parent else "",
        runbook=parent.runbook if parent else ENDPOINT_RUNBOOK,
        catalogued=parent is not None,
    )


def _of_event(signal: EventSignal, facts: Mapping[str, Facts]) -> Labels:
    known = None
    if signal.kind == "endpoint":
        known = _known_endpoint(signal.subject, facts)
    elif signal.kind == "host":
        known = _known_host(signal.subject, dict(signal.attributes).get("instance-id", ""), facts)
    return Labels(
        subject=known.subject if known else Subject(signal.kind, signal.subject),
        title=signal.title,
        severity=signal.severity,
        delivery=signal.delivery,
        condition=signal.condition,
        owner=known.owner if known else "",
        runbook=_EVENT_RUNBOOKS.get(signal.condition, ""),
        catalogued=known is not None,
    )


def _known_endpoint(name: str, facts: Mapping[str, Facts]) -> Facts | None:
    """An alarm of the endpoint, the one over its others where there is one. Endpoint names ignore case."""
    siblings = [
        known
        for known in facts.values()
        if known.subject.kind == "endpoint" and known.subject.name.lower() == name.lower()
    ]
    return next((known for known in siblings if known.children), None) or next(iter(siblings), None)


def _known_host(name: str, instance: str, facts: Mapping[str, Facts]) -> Facts | None:
    """An alarm of the host that is called so, or whose series are: by the instance's id or the host's own name."""
    called = {name, instance} - {""}
    hosts = (known for known in facts.values() if known.subject.kind == "host")
    return next((known for known in hosts if known.subject.name in called or known.measured in called), None)


_EVENT_RUNBOOKS = {"XidError": "GPUXidErrors", "GPUsMissing": "GPUsMissing"}
"""Runbooks of faults that an alarm also watches."""

_ENDPOINT_TITLES = {
    EndpointStatus.FAILED: "the endpoint has failed",
    EndpointStatus.OUT_OF_SERVICE: "the endpoint is out of service",
    EndpointStatus.UPDATE_ROLLBACK_FAILED: "update and roll-back have both failed",
    EndpointStatus.ROLLING_BACK: "a deployment is being rolled back",
}


def _contributor_subject(signal: AlarmSignal) -> Subject | None:
    """A fleet-wide alarm's contributor that names an endpoint is about that endpoint."""
    attributes = dict(signal.attributes)
    name = attributes.get("EndpointName")
    return Subject("endpoint", name, attributes.get("VariantName", "")) if name else None


def _tagged_subject(tags: Mapping[str, str]) -> Subject | None:
    kind, slash, name = tags.get("mlwarden:subject", "").partition("/")
    return Subject(kind, name) if kind and slash and name else None


def _measured_subject(signal: AlarmSignal) -> Subject:
    dimensions = dict(signal.dimensions)
    if name := dimensions.get("EndpointName"):
        return Subject("endpoint", name, dimensions.get("VariantName", ""))
    if name := dimensions.get("InstanceId") or dimensions.get("host"):
        return Subject("host", name)
    return Subject(UNKNOWN_SUBJECT, signal.alarm_name)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip()[:80]
