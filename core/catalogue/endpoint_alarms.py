"""Alarms of a real-time SageMaker endpoint variant: symptoms under one parent that pages, causes as tickets.

Rates and percentiles mean nothing over a handful of requests, so they are guarded: `IF(FILL(n, 0) >= floor,
x, 0)`. Such an expression neither goes dead nor misfires (CloudWatch user guide, "Using metric math"): in
an idle minute `n` is missing, FILL makes it 0, the guard is false and the result is 0, which is healthy;
with enough requests the error metrics exist, since every request publishes 0 or 1; and should only they be
late, a missing true branch reads as 0. A late newest minute therefore reads as healthy, which is why each
of these alarms needs fewer datapoints than periods.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from core.catalogue import endpoint as metrics
from core.catalogue.alarm import Alarm, Comparison, Delivery, MetricAlarm, MissingData, Query, Severity
from core.catalogue.draft import MINUTE, PERCENT, Draft, expression, statistic
from core.catalogue.metric import Display, Metric

if TYPE_CHECKING:
    from core.config import Config, Endpoint, EndpointThresholds

CONDITIONS = (
    "HighErrorRate",
    "HighP99Latency",
    "NoTraffic",
    "HighClientErrorRate",
    "HighCPU",
    "HighMemory",
    "HighDisk",
    "HighGPU",
    "HighGPUMemory",
    "Unhealthy",
)
SILENCE_PERIOD = timedelta(minutes=5)


def alarms(config: "Config", endpoint: "Endpoint") -> tuple[Alarm, ...]:
    """The variant's alarms, the parent last."""
    draft = Draft(config.deployment.stage, metrics.subject(endpoint), endpoint.owner or config.deployment.owner)
    thresholds = endpoint.thresholds or config.endpoint_thresholds
    symptoms = _symptoms(draft, endpoint, thresholds)
    parent = draft.any_of("Unhealthy", "the endpoint fails its callers", symptoms, severity=Severity.CRITICAL)
    return (*symptoms, *_causes(draft, endpoint, thresholds), parent)


def _symptoms(draft: Draft, endpoint: "Endpoint", thresholds: "EndpointThresholds") -> tuple[MetricAlarm, ...]:
    """What callers feel, most telling first: under the parent, and never announced on their own."""
    found = [_error_rate(draft, endpoint, thresholds), _p99_latency(draft, endpoint, thresholds)]
    if endpoint.traffic == "steady":
        found.append(_no_traffic(draft, endpoint, thresholds))
    return tuple(found)


def _error_rate(draft: Draft, endpoint: "Endpoint", thresholds: "EndpointThresholds") -> MetricAlarm:
    return draft.alarm(
        "HighErrorRate",
        "too many requests fail with a server error (5xx)",
        error_rate(endpoint, metrics.INVOCATION_5XX_ERRORS, "5xx rate", floor=thresholds.minimum_invocations),
        comparison=Comparison.GREATER_OR_EQUAL,
        threshold=thresholds.error_rate_percent,
        datapoints=(3, 5),
        missing=MissingData.NOT_BREACHING,
        severity=Severity.CRITICAL,
        display=PERCENT,
        delivery=Delivery.CONTEXT,
    )


def _p99_latency(draft: Draft, endpoint: "Endpoint", thresholds: "EndpointThresholds") -> MetricAlarm:
    return draft.alarm(
        "HighP99Latency",
        "p99 model latency is over its objective",
        guarded_p99(endpoint, floor=thresholds.minimum_invocations),
        comparison=Comparison.GREATER,
        threshold=endpoint.p99_ms / metrics.MODEL_LATENCY.display.scale,
        datapoints=(4, 5),
        missing=MissingData.NOT_BREACHING,
        severity=Severity.CRITICAL,
        display=metrics.MODEL_LATENCY.display,
        delivery=Delivery.CONTEXT,
    )


def _no_traffic(draft: Draft, endpoint: "Endpoint", thresholds: "EndpointThresholds") -> MetricAlarm:
    """Silence of an endpoint that always has traffic.

    Without FILL a breaching alarm waits until the last real datapoint has left the evaluation range, which
    reaches further back than the alarm's periods; with it the silence counts from its first minute.
    `breaching` stays, for an endpoint that never had a datapoint.
    """
    silence = timedelta(minutes=thresholds.silence_minutes)
    period = SILENCE_PERIOD if silence % SILENCE_PERIOD == timedelta(0) else MINUTE
    periods = silence // period
    return draft.alarm(
        "NoTraffic",
        "an endpoint with steady traffic receives no requests",
        (
            statistic("requests", metrics.INVOCATIONS, metrics.dimensions(endpoint), "Sum", period=period),
            expression("traffic", "FILL(requests, 0)", "requests"),
        ),
        comparison=Comparison.LESS,
        threshold=1.0,
        datapoints=(periods, periods),
        missing=MissingData.BREACHING,
        severity=Severity.CRITICAL,
        display=Display("requests"),
        delivery=Delivery.CONTEXT,
    )


def _causes(draft: Draft, endpoint: "Endpoint", thresholds: "EndpointThresholds") -> tuple[MetricAlarm, ...]:
    """What explains symptoms, or will become one: tickets, never a page of their own."""
    instance = metrics.instance(endpoint)
    found = [
        _client_error_rate(draft, endpoint, thresholds),
        _saturation(
            draft,
            "HighCPU",
            "CPU is nearly used up",
            share(endpoint, metrics.CPU_UTILIZATION, instance.vcpus, "Average", "CPU"),
            threshold=thresholds.cpu_percent,
            datapoints=(10, 15),
        ),
        _saturation(
            draft,
            "HighMemory",
            "memory is nearly used up",
            plain(endpoint, metrics.MEMORY_UTILIZATION),
            threshold=thresholds.memory_percent,
            datapoints=(5, 5),
        ),
        _saturation(
            draft,
            "HighDisk",
            "the disk is nearly full",
            plain(endpoint, metrics.DISK_UTILIZATION),
            threshold=thresholds.disk_percent,
            datapoints=(3, 5),
        ),
    ]
    return (*found, *_gpu_causes(draft, endpoint, thresholds, instance.gpus)) if instance.gpus else tuple(found)


def _gpu_causes(
    draft: Draft, endpoint: "Endpoint", thresholds: "EndpointThresholds", gpus: int
) -> tuple[MetricAlarm, ...]:
    return (
        _saturation(
            draft,
            "HighGPU",
            "the GPUs are saturated",
            share(endpoint, metrics.GPU_UTILIZATION, gpus, "Average", "GPU"),
            threshold=thresholds.gpu_percent,
            datapoints=(10, 15),
        ),
        _saturation(
            draft,
            "HighGPUMemory",
            "GPU memory is nearly used up",
            share(endpoint, metrics.GPU_MEMORY_UTILIZATION, gpus, "Maximum", "GPU memory"),
            threshold=thresholds.gpu_memory_percent,
            datapoints=(3, 5),
        ),
    )


def _client_error_rate(draft: Draft, endpoint: "Endpoint", thresholds: "EndpointThresholds") -> MetricAlarm:
    return draft.alarm(
        "HighClientErrorRate",
        "too many requests are refused as bad (4xx)",
        error_rate(endpoint, metrics.INVOCATION_4XX_ERRORS, "4xx rate", floor=thresholds.minimum_invocations),
        comparison=Comparison.GREATER_OR_EQUAL,
        threshold=thresholds.client_error_rate_percent,
        datapoints=(4, 5),
        missing=MissingData.NOT_BREACHING,
        severity=Severity.WARNING,
        display=PERCENT,
    )


def _saturation(
    draft: Draft,
    condition: str,
    title: str,
    queries: tuple[Query, ...],
    *,
    threshold: float,
    datapoints: tuple[int, int],
) -> MetricAlarm:
    """A resource nearly used up. No datapoints means no instances, which is for the traffic alarm to say."""
    return draft.alarm(
        condition,
        title,
        queries,
        comparison=Comparison.GREATER_OR_EQUAL,
        threshold=threshold,
        datapoints=datapoints,
        missing=MissingData.MISSING,
        severity=Severity.WARNING,
        display=PERCENT,
    )


def error_rate(endpoint: "Endpoint", errors: Metric, label: str, *, floor: int) -> tuple[Query, ...]:
    """Percent of requests that ended in `errors`, 0 below `floor` requests a minute."""
    dimensions = metrics.dimensions(endpoint)
    return (
        statistic("requests", metrics.INVOCATIONS, dimensions, "Sum"),
        statistic("errors", errors, dimensions, "Sum"),
        expression("rate", f"IF(FILL(requests, 0) >= {floor}, 100 * errors / requests, 0)", label),
    )


def guarded_p99(endpoint: "Endpoint", *, floor: int) -> tuple[Query, ...]:
    """p99 ModelLatency in microseconds, 0 in minutes with fewer than `floor` measured requests."""
    dimensions = metrics.dimensions(endpoint)
    return (
        statistic("measured", metrics.MODEL_LATENCY, dimensions, "SampleCount"),
        statistic("latency", metrics.MODEL_LATENCY, dimensions, "p99"),
        expression("p99", f"IF(FILL(measured, 0) >= {floor}, latency, 0)", "p99"),
    )


def share(endpoint: "Endpoint", metric: Metric, count: int, statistic_name: str, label: str) -> tuple[Query, ...]:
    """Percent of the whole instance, of a metric that SageMaker sums over `count` cores or GPUs."""
    return (
        statistic("total", metric, metrics.dimensions(endpoint), statistic_name),
        expression("share", f"total / {count}", label),
    )


def plain(endpoint: "Endpoint", metric: Metric) -> tuple[Query, ...]:
    """The worst instance's value of a metric that is a percentage as it is."""
    return (statistic("worst", metric, metrics.dimensions(endpoint), "Maximum", returned=True),)
