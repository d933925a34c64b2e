"""OTLP metrics as the agent reads them, whichever encoding they came in.

Source: github.com/open-telemetry/opentelemetry-proto, opentelemetry/proto/metrics/v1/metrics.proto.
"""

from dataclasses import dataclass
from enum import StrEnum

Attributes = tuple[tuple[str, str], ...]

DELTA, CUMULATIVE = 1, 2
"""AggregationTemporality's values."""
NO_RECORDED_VALUE = 1
"""A bit of a point's flags (DataPointFlags): the series has ended."""


class Form(StrEnum):
    """What a metric's data is, by the name of its field; the last two are refused by name."""

    GAUGE = "gauge"
    SUM = "sum"
    HISTOGRAM = "histogram"
    EXPONENTIAL_HISTOGRAM = "exponentialHistogram"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Point:
    """One data point. `value` for gauges and sums; `bounds`, `counts` and `total` for histograms. `start` in ns."""

    attributes: Attributes
    start: int = 0
    flags: int = 0
    value: float | None = None
    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One metric of one resource."""

    name: str
    unit: str
    form: Form
    resource: Attributes
    points: tuple[Point, ...]
    temporality: int = 0
    monotonic: bool = False


class Malformed(ValueError):
    """The request is no ExportMetricsServiceRequest; the text says where."""
