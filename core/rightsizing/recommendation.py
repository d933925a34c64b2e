"""A recommendation: what to change about which resource, what it saves a month, and on what evidence."""

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Who found it."""

    COMPUTE_OPTIMIZER = "Compute Optimizer"
    COST_OPTIMIZATION_HUB = "Cost Optimization Hub"
    INFERENCE_RECOMMENDER = "Inference Recommender"


class Action(StrEnum):
    """What to do with the resource."""

    RIGHTSIZE = "rightsize"
    DELETE = "delete"
    STOP = "stop"
    CONSIDER = "consider"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount a month."""

    amount: float
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`saving` is None where the source names none; negative where a larger resource is recommended.

    `resource` is the ARN, or the best name there is; `detail` says the action in the source's words.
    """

    source: Source
    action: Action
    kind: str
    resource: str
    name: str
    current: str = ""
    proposed: str = ""
    saving: Money | None = None
    saving_percent: float | None = None
    detail: str = ""
    evidence: tuple[str, ...] = ()
    also: tuple[Source, ...] = ()
    """Other sources that say the same."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source said: recommendations, and in `note` what keeps it from saying more (empty: nothing)."""

    source: Source
    recommendations: tuple[Recommendation, ...] = ()
    notes: tuple[str, ...] = ()
