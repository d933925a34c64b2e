"""What is known of a signal's source: from the catalogue, else from the alarm's tags, else from the signal."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.catalogue.alarm import Comparison, Delivery, Severity, Subject
from core.catalogue.facts import Facts
from core.catalogue.metric import Display
from core.incidents.signals import AlarmSignal, EndpointSignal, EndpointStatus, Signal

_PLAIN = Display("")

ENDPOINT_RUNBOOK = "Unhealthy"
"""Read for an endpoint that the deployment does not know."""

UNKNOWN_SUBJECT = "alarm"
"""The subject kind of an alarm that neither the catalogue nor its tags nor its dimensions place."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What messages and decisions need to know of a source.

    `threshold` is in CloudWatch's unit; `display` turns it and the values into what a person reads. `below`
    says that low values are bad. `children` are a composite's alarm names, most telling first.
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

    @property
    def group(self) -> str:
        """The incident this source belongs to: one subject, one incident. Endpoint names ignore case."""
        return f"{self.subject.kind}/{self.subject.name.lower()}"


def classify(signal: Signal, facts: Mapping[str, Facts]) -> Labels:
    """The labels of `signal`'s source; `facts` are the deployed alarms by name."""
    if isinstance(signal, EndpointSignal):
        return _of_endpoint(signal, facts)
    known = facts.get(signal.alarm_name)
    return _of_alarm(signal) if known is None else _from_catalogue(signal, known)


def _from_catalogue(signal: AlarmSignal, known: Facts) -> Labels:
    return Labels(
        subject=_contributor_subject(signal) or known.subject,
        title=known.title,
        severity=known.severity,
        delivery=known.delivery,
        condition=known.condition,
        owner=known.owner,
        runbook=known.runbook,
        display=Display(known.unit, known.scale),
        threshold=known.threshold,
        below=known.comparison in {Comparison.LESS.value, Comparison.LESS_OR_EQUAL.value},
        children=known.children,
        catalogued=True,
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
        below=" less than" in signal.reason,
    )


def _of_endpoint(signal: EndpointSignal, facts: Mapping[str, Facts]) -> Labels:
    siblings = [
        known
        for known in facts.values()
        if known.subject.kind == "endpoint" and known.subject.name.lower() == signal.endpoint.lower()
    ]
    parent = next((known for known in siblings if known.children), None) or next(iter(siblings), None)
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
