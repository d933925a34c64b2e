"""What applications tell the agent (StatsD, OTLP, Prometheus pages): metrics that have their names from elsewhere."""

from core.catalogue.agent_metric import AGENT, events, sets
from core.catalogue.metric import Display, Emitted, Metric

_STATISTICS = ("Average", "Sum", "Minimum", "Maximum", "SampleCount", "p*")

AGENT_INPUT_REJECTED = events("agent_input_rejected", sets=sets("collector"), shown="data")
"""Data that an input did not take: malformed, over its limit of series, or named like the agent's own."""

METRICS = (AGENT_INPUT_REJECTED,)


def counter(name: str, unit: str = "Count") -> Metric:
    """An application's counter: each sample is what was added."""
    return _application(name, unit, counted=True, minimum=0.0)


def gauge(name: str, unit: str = "None") -> Metric:
    """An application's value that goes up and down, below zero too."""
    return _application(name, unit, counted=False, minimum=None)


def distribution(name: str, unit: str = "None") -> Metric:
    """An application's latency, size or the like: each sample is one of many, and percentiles are wanted."""
    return _application(name, unit, counted=False, minimum=0.0)


def _application(name: str, unit: str, *, counted: bool, minimum: float | None) -> Metric:
    return Metric(
        namespace="CWAgent",
        name=name,
        dimension_sets=(),
        unit=unit,
        statistics=_STATISTICS,
        display=Display(unit),
        emitted=Emitted.ON_TRAFFIC,
        source=AGENT,
        minimum=minimum,
        counted=counted,
    )
