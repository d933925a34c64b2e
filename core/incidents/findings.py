"""What the responder looks up about an endpoint, and what it concludes from it.

A cause is named only for a hard fault (the endpoint says why it failed) or a deployment shortly before the first
symptom; what could not be read is said, never guessed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from core.incidents.evidence import Cause, Change, Confidence, Evidence, Impact, Investigation
from core.incidents.signals import EndpointStatus
from core.messages.figures import age, clock, plain, rounded

RECENT = timedelta(minutes=60)
"""A deployment this long before the first symptom is a suspect."""
CLOSE = timedelta(minutes=30)
"""One this close to it is the likely cause with high confidence, when the metrics turned after it."""
FRESH = timedelta(days=1)
"""An endpoint modified this long after its configuration was made was given it then; later, it may have scaled."""
ONSET = timedelta(minutes=5)
"""An alarm tells of minutes before its own change of state: from here on the metrics count as the incident's."""
WORSE = 1.5
WORSE_SHARE = 0.01
"""How much slower, or by what share of requests more failing, counts as turned for the worse."""
SLACK = timedelta(minutes=2)
"""A symptom may be dated this much before the endpoint says that its deployment ended."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A production variant's instances."""

    name: str
    current: int
    desired: int


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """An endpoint configuration and when it was created."""

    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What DescribeEndpoint says. `policy` is the last deployment's: `blue/green`, `rolling` or empty."""

    name: str
    status: str
    config: str
    created_at: datetime
    modified_at: datetime
    variants: tuple[Variant, ...] = ()
    failure: str = ""
    pending: str = ""
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of the variant's traffic. `p99_ms` is None where nothing was served."""

    at: datetime
    requests: float = 0.0
    failed: float = 0.0
    refused: float = 0.0
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was looked up; `missing` says, thing by thing, what could not be and why."""

    endpoint: Endpoint | None = None
    config: EndpointConfig | None = None
    others: tuple[EndpointConfig, ...] = ()
    minutes: tuple[Minute, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Deployment:
    """The endpoint's last known change of configuration; `previous` is empty when nobody recorded it."""

    config: str
    previous: str
    at: datetime


def conclude(findings: Findings, changes: tuple[Change, ...] = (), *, since: datetime, now: datetime) -> Investigation:
    """Evidence, and a cause where it supports one.

    `changes` are the deployments that events told of, oldest first; `since` is when the first symptom began.
    """
    deployment = _deployment(changes, findings)
    evidence = [
        *_status(findings),
        *_deployed(deployment, findings, since),
        *_turn(findings.minutes, since),
        *(Evidence(f"{thing}: not read ({why})") for thing, why in findings.missing),
    ]
    return Investigation(
        at=now,
        evidence=tuple(evidence),
        cause=_cause(deployment, findings, since),
        impact=_impact(findings.minutes, since, now),
    )


def denial(code: str, message: str) -> str:
    """An AWS error as a person reads it; SageMaker says ValidationException for what it cannot find."""
    if code in {"ThrottlingException", "Throttling", "TooManyRequestsException"}:
        return "throttled by AWS"
    if code in {"AccessDeniedException", "AccessDenied"}:
        return "access denied: the function's role lacks the permission"
    if code == "ResourceNotFound" or "could not find" in message.lower():
        return "not found"
    return code


def _deployment(changes: tuple[Change, ...], findings: Findings) -> Deployment | None:
    endpoint = findings.endpoint
    if endpoint is None:
        known = changes[-1] if changes else None
        return Deployment(known.config, known.previous, known.at) if known else None
    config = endpoint.pending or endpoint.config
    told = [change for change in changes if change.config == config]
    previous = next((change.previous for change in told if change.previous), "")
    if not previous:
        older = [other for other in findings.others if other.name != config and _before(other, findings)]
        previous = max(older, key=lambda other: other.created_at).name if older else ""
    if told and told[-1].previous:
        return Deployment(config, previous, told[-1].at)
    created = findings.config.created_at if findings.config else None
    if created is None or endpoint.modified_at - created > FRESH:
        return None
    return Deployment(config, previous, endpoint.modified_at)


def _before(other: EndpointConfig, findings: Findings) -> bool:
    return findings.config is None or other.created_at < findings.config.created_at


def _status(findings: Findings) -> list[Evidence]:
    endpoint = findings.endpoint
    if endpoint is None:
        return []
    counts = ", ".join(f"{v.name} {v.current} of {v.desired} instances" for v in endpoint.variants)
    told = [Evidence(f"endpoint status {endpoint.status}{'; ' if counts else ''}{counts}", endpoint.modified_at)]
    if endpoint.failure:
        told.append(Evidence(f"SageMaker's reason: {endpoint.failure[:300]}", endpoint.modified_at))
    return told


def _deployed(deployment: Deployment | None, findings: Findings, since: datetime) -> list[Evidence]:
    if deployment is None:
        return []
    config = findings.config
    created = (
        f", created {clock(config.created_at)}" if config and since - config.created_at < timedelta(days=1) else ""
    )
    previous = f", after {deployment.previous}" if deployment.previous else ""
    policy = f", {findings.endpoint.policy}" if findings.endpoint and findings.endpoint.policy else ""
    text = f"last deployment: {deployment.config}{created}{previous}{policy}, {_gap(deployment.at, since)}"
    return [Evidence(text, deployment.at)]


def _gap(at: datetime, since: datetime) -> str:
    relation = "before" if at <= since else "after"
    return f"deployed {clock(at)}, {age(abs(since - at))} {relation} the first symptom"


def _turn(minutes: tuple[Minute, ...], since: datetime) -> list[Evidence]:
    """The traffic before and since the first symptom, in the same words for each metric."""
    edge = since.replace(second=0, microsecond=0) - ONSET
    before = [minute for minute in minutes if minute.at < edge]
    after = [minute for minute in minutes if minute.at >= edge]
    if not after:
        return [Evidence("no datapoints of the endpoint's traffic since the first symptom")]
    told: list[Evidence] = []
    latest = [minute.p99_ms for minute in after if minute.p99_ms is not None]
    usual = [minute.p99_ms for minute in before if minute.p99_ms is not None]
    if latest:
        normal = f" (normal {plain(rounded(median(usual)))} ms)" if usual else ""
        told.append(Evidence(f"p99 model latency at worst {plain(rounded(max(latest)))} ms{normal}"))
    for name, field in (("5xx", "failed"), ("4xx", "refused")):
        told.append(Evidence(f"{name} {_share(after, field)}{_normal(_share(before, field) if before else '')}"))
    per_minute = _rate(after)
    told.append(Evidence(f"traffic {per_minute} requests/min{_normal(_rate(before) if before else '')}"))
    return told


def _normal(text: str) -> str:
    return f" (normal {text})" if text else ""


def _share(minutes: list[Minute], field: str) -> str:
    requests = sum(minute.requests for minute in minutes)
    part = sum(float(getattr(minute, field)) for minute in minutes)
    return f"{plain(rounded(100 * part / requests))} %" if requests else "none, no requests"


def _rate(minutes: list[Minute]) -> str:
    return plain(rounded(sum(minute.requests for minute in minutes) / len(minutes))) if minutes else "0"


def _impact(minutes: tuple[Minute, ...], since: datetime, now: datetime) -> Impact | None:
    edge = since.replace(second=0, microsecond=0) - ONSET
    after = [minute for minute in minutes if minute.at >= edge]
    requests = round(sum(minute.requests for minute in after))
    if not requests:
        return None
    failed = round(sum(minute.failed for minute in after))
    return Impact(failed=failed, requests=requests, window_seconds=int((now - edge).total_seconds()))


def _cause(deployment: Deployment | None, findings: Findings, since: datetime) -> Cause | None:
    endpoint = findings.endpoint
    if endpoint is not None and endpoint.failure and endpoint.status in _HARD:
        return Cause(f"the endpoint is {endpoint.status}: {endpoint.failure[:200]}", Confidence.HIGH)
    if deployment is None or not -SLACK <= since - deployment.at <= RECENT:
        return None
    new = "new " if deployment.previous else ""
    instead = f" (was {deployment.previous})" if deployment.previous else ""
    text = f"{new}endpoint config {deployment.config}{instead}, {_gap(deployment.at, since)}"
    close = since - deployment.at <= CLOSE
    turned = _turned(findings.minutes, deployment.at)
    return Cause(text, Confidence.HIGH if close and deployment.previous and turned else Confidence.MEDIUM)


def _turned(minutes: tuple[Minute, ...], at: datetime) -> bool:
    """Whether failures or latency are clearly worse after `at` than before it."""
    before = [minute for minute in minutes if minute.at < at]
    after = [minute for minute in minutes if minute.at >= at]
    slow = [minute.p99_ms for minute in after if minute.p99_ms is not None]
    usual = [minute.p99_ms for minute in before if minute.p99_ms is not None]
    slower = bool(slow and usual) and median(slow) > WORSE * median(usual)
    return slower or _failing(after) > _failing(before) + WORSE_SHARE


def _failing(minutes: list[Minute]) -> float:
    requests = sum(minute.requests for minute in minutes)
    return sum(minute.failed for minute in minutes) / requests if requests else 0.0


_HARD = {
    EndpointStatus.FAILED.value,
    EndpointStatus.OUT_OF_SERVICE.value,
    EndpointStatus.UPDATE_ROLLBACK_FAILED.value,
}
