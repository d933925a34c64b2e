"""Compute Optimizer's answers as recommendations.

Shapes: API reference of Compute Optimizer, GetEC2InstanceRecommendations and GetIdleRecommendations.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.messages.figures import plain, rounded
from core.rightsizing.numbers import finite, saving
from core.rightsizing.recommendation import Action, Recommendation, Source

ENROL = (
    "Compute Optimizer is not enrolled in this account; enrol with `aws compute-optimizer "
    "update-enrollment-status --status Active` (free), first findings follow within a day"
)
PENDING = "Compute Optimizer's enrolment is under way; first findings follow within a day"

_UTILIZATION = {
    "Cpu": "CPU",
    "Memory": "memory",
    "GPU_PERCENTAGE": "GPU",
    "GPU_MEMORY_PERCENTAGE": "GPU memory",
}


def instances(entries: Sequence[Mapping[str, Any]]) -> tuple[Recommendation, ...]:
    """The best option for every EC2 instance that has one; instances found optimized are left out."""
    found = (_instance(entry) for entry in entries)
    return tuple(recommendation for recommendation in found if recommendation is not None)


def idle(entries: Sequence[Mapping[str, Any]]) -> tuple[Recommendation, ...]:
    """Every idle resource, SageMaker endpoints included."""
    return tuple(_idle(entry) for entry in entries)


def errors(entries: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The errors inside an answer that is otherwise good, as sentences."""
    return tuple(
        f"Compute Optimizer could not answer for {entry.get('identifier') or 'a resource'}: "
        f"{entry.get('code') or 'no code'} {entry.get('message') or ''}".rstrip()
        for entry in entries
    )


def _instance(entry: Mapping[str, Any]) -> Recommendation | None:
    finding = str(entry.get("finding") or "")
    options = [option for option in entry.get("recommendationOptions") or () if option.get("instanceType")]
    if finding.replace("_", "").lower() == "optimized" or not options:
        return None
    best = min(options, key=lambda option: finite(option.get("rank")) or 99.0)
    arn = str(entry.get("instanceArn") or "")
    money, percent = saving(best)
    return Recommendation(
        source=Source.COMPUTE_OPTIMIZER,
        action=Action.RIGHTSIZE,
        kind="EC2 instance",
        resource=arn,
        name=str(entry.get("instanceName") or arn.rpartition("/")[2]),
        current=str(entry.get("currentInstanceType") or ""),
        proposed=str(best["instanceType"]),
        saving=money,
        saving_percent=percent,
        detail=_words(finding),
        evidence=(*_used(entry), *_reasons(entry), *_risk(best)),
    )


def _idle(entry: Mapping[str, Any]) -> Recommendation:
    money, percent = saving(entry)
    kind = str(entry.get("resourceType") or "resource")
    name = str(entry.get("resourceId") or str(entry.get("resourceArn") or "").rpartition("/")[2])
    days = finite(entry.get("lookBackPeriodInDays"))
    window = f" over {plain(days)} days" if days else ""
    return Recommendation(
        source=Source.COMPUTE_OPTIMIZER,
        action=Action.DELETE if kind == "SageMakerEndpoint" else Action.STOP,
        kind={"SageMakerEndpoint": "SageMaker endpoint", "EC2Instance": "EC2 instance"}.get(kind, kind),
        resource=str(entry.get("resourceArn") or name),
        name=name,
        saving=money,
        saving_percent=percent,
        detail=str(entry.get("finding") or "Idle").lower(),
        evidence=tuple(text for text in (str(entry.get("findingDescription") or ""),) if text)
        + tuple(
            f"{metric.get('name')} {str(metric.get('statistic') or '').lower()} {plain(rounded(value))}{window}"
            for metric in entry.get("utilizationMetrics") or ()
            if (value := finite(metric.get("value"))) is not None
        ),
    )


def _used(entry: Mapping[str, Any]) -> tuple[str, ...]:
    parts = [
        f"{_UTILIZATION[str(metric.get('name'))]} {plain(rounded(value))} %"
        for metric in entry.get("utilizationMetrics") or ()
        if str(metric.get("name")) in _UTILIZATION and (value := finite(metric.get("value"))) is not None
    ]
    days = finite(entry.get("lookBackPeriodInDays"))
    return (f"highest use{f' in {plain(days)} days' if days else ''}: {', '.join(parts)}",) if parts else ()


def _reasons(entry: Mapping[str, Any]) -> tuple[str, ...]:
    codes = [_words(str(code)) for code in entry.get("findingReasonCodes") or ()]
    return (", ".join(codes),) if codes else ()


def _risk(option: Mapping[str, Any]) -> tuple[str, ...]:
    risk = finite(option.get("performanceRisk"))
    return () if risk is None else (f"performance risk {plain(risk)} of 4",)


def _words(code: str) -> str:
    """`GPUMemoryOverprovisioned` and `OVER_PROVISIONED` as words."""
    text = code.replace("_", "")
    for word in ("Overprovisioned", "Underprovisioned"):
        if text.lower().endswith(word.lower()):
            stem = code[: len(text) - len(word)].strip("_")
            return f"{stem} {word.lower()}".strip()
    return code
