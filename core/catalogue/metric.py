"""A CloudWatch metric as mlwarden knows it: where it lives, what may be asked of it, when it exists."""

from dataclasses import dataclass
from enum import StrEnum


class EndpointKind(StrEnum):
    """The kinds of SageMaker endpoint, by how requests reach the model."""

    REAL_TIME = "real-time"
    SERVERLESS = "serverless"
    ASYNC = "async"


class Emitted(StrEnum):
    """When datapoints exist; absent is not zero."""

    ALWAYS = "always"
    """Every period while the resource lives: silence means something is wrong."""
    ON_TRAFFIC = "on-traffic"
    """Only in periods with requests: silence means idle."""
    ON_EVENT = "on-event"
    """Only when the thing happens."""


@dataclass(frozen=True, slots=True)
class Display:
    """How a person reads the value: `value * scale` shown with `unit` (`ms`, `%`, `°C`, ...)."""

    unit: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of one namespace.

    `dimension_sets` are the sets of dimension names under which CloudWatch really has series: an alarm on
    any other set can never fire. `unit` is CloudWatch's own spelling. `statistics` are the legal ones;
    `"p*"` stands for every percentile. `minimum` and `maximum` bound one datapoint (None: unbounded).
    `source` is the page that says so.
    """

    namespace: str
    name: str
    dimension_sets: tuple[frozenset[str], ...]
    unit: str
    statistics: tuple[str, ...]
    display: Display
    emitted: Emitted
    source: str
    minimum: float | None = 0.0
    maximum: float | None = None
    kinds: frozenset[EndpointKind] = frozenset()
    """Endpoint kinds that publish it; empty for metrics that are not an endpoint's."""
    counted: bool = False
    """A sample is what was added since the look before, so that sums matter and values are kept exactly."""
    fault: bool = False
    """A sample above 0 is a fault: such data are kept whole and kept longest."""
