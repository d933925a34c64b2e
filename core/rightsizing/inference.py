"""Finished Inference Recommender jobs as recommendations: the cheapest configuration that a job measured.

Shape: API reference of SageMaker, DescribeInferenceRecommendationsJob. The unit of its ModelLatency is not settled
(the result page says milliseconds, AWS's samples look like microseconds): it is shown as it came, without one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.messages.figures import plain, rounded
from core.rightsizing.numbers import finite
from core.rightsizing.recommendation import Action, Recommendation, Source


def jobs(entries: Sequence[Mapping[str, Any]]) -> tuple[Recommendation, ...]:
    """One recommendation a job that measured anything, by the lowest cost per inference."""
    found = (_job(entry) for entry in entries)
    return tuple(recommendation for recommendation in found if recommendation is not None)


def _job(job: Mapping[str, Any]) -> Recommendation | None:
    options = [option for option in job.get("InferenceRecommendations") or () if _price(option) is not None]
    if not options:
        return None
    best = min(options, key=lambda option: _price(option) or 0.0)
    metrics: Mapping[str, Any] = best.get("Metrics") or {}
    configuration: Mapping[str, Any] = best.get("EndpointConfiguration") or {}
    count = configuration.get("InitialInstanceCount")
    proposed = str(configuration.get("InstanceType") or "serverless")
    model = job.get("InputConfig") or {}
    return Recommendation(
        source=Source.INFERENCE_RECOMMENDER,
        action=Action.CONSIDER,
        kind="SageMaker model",
        resource=str(job.get("JobArn") or job.get("JobName") or ""),
        name=str(model.get("ModelName") or job.get("JobName") or ""),
        proposed=f"{count} x {proposed}" if count else proposed,
        detail=f"cheapest per inference of {len(options)} measured",
        evidence=tuple(_measured(metrics)),
    )


def _price(option: Mapping[str, Any]) -> float | None:
    return finite((option.get("Metrics") or {}).get("CostPerInference"))


def _measured(metrics: Mapping[str, Any]) -> list[str]:
    told = [
        ("CostPerHour", "{} USD an hour"),
        ("MaxInvocations", "up to {} invocations a minute"),
        ("ModelLatency", "ModelLatency {} (raw: AWS does not say the unit)"),
        ("CpuUtilization", "CPU {} %"),
        ("MemoryUtilization", "memory {} %"),
    ]
    price = finite(metrics.get("CostPerInference"))
    found = [(finite(metrics.get(name)), text) for name, text in told]
    lines = [text.format(plain(rounded(value))) for value, text in found if value is not None]
    return [*([f"{price * 1_000_000:,.2f} USD per million inferences"] if price is not None else []), *lines]
