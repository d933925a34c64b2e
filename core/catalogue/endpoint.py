"""Metrics of SageMaker endpoints, and which of an endpoint's series they are.

Source of every entry, unless it says otherwise: SageMaker developer guide, "Amazon SageMaker AI metrics in
Amazon CloudWatch" (monitoring-cloudwatch.html).
"""

from typing import TYPE_CHECKING

from core.catalogue.alarm import Subject
from core.catalogue.instances import Instance, find
from core.catalogue.metric import Display, Emitted, EndpointKind, Metric

if TYPE_CHECKING:
    from core.config import Endpoint

_SOURCE = "https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html"
_VARIANT = frozenset({"EndpointName", "VariantName"})
_DIMENSION_SETS = (
    _VARIANT,
    _VARIANT | {"InstanceType"},
    _VARIANT | {"InstanceId"},
    _VARIANT | {"ContainerId"},
    frozenset({"InferenceComponentName"}),
)
_ALL = frozenset(EndpointKind)
_REAL_TIME = frozenset({EndpointKind.REAL_TIME})
_SYNCHRONOUS = frozenset({EndpointKind.REAL_TIME, EndpointKind.SERVERLESS})

_AVERAGE_SUM = ("Average", "Sum")
_BASIC = ("Average", "Sum", "Minimum", "Maximum", "SampleCount")
_LATENCY = (*_BASIC, "p*")
_GAUGE = ("Average", "Minimum", "Maximum", "SampleCount", "p*")

_REQUESTS = Display("requests")
_MILLISECONDS = Display("ms", 0.001)
_PERCENT = Display("%")

MAX_CORES = 192
MAX_GPUS = 16


def _invocation(
    name: str,
    *,
    unit: str = "None",
    statistics: tuple[str, ...],
    display: Display = _REQUESTS,
    kinds: frozenset[EndpointKind] = _SYNCHRONOUS,
    maximum: float | None = None,
) -> Metric:
    return Metric(
        namespace="AWS/SageMaker",
        name=name,
        dimension_sets=_DIMENSION_SETS,
        unit=unit,
        statistics=statistics,
        display=display,
        emitted=Emitted.ON_TRAFFIC,
        source=_SOURCE,
        maximum=maximum,
        kinds=kinds,
    )


def _utilisation(name: str, *, maximum: float, kinds: frozenset[EndpointKind] = _REAL_TIME) -> Metric:
    return Metric(
        namespace="/aws/sagemaker/Endpoints",
        name=name,
        dimension_sets=(*_DIMENSION_SETS, _VARIANT | {"InstanceId", "AcceleratorId"}),
        unit="Percent",
        statistics=_GAUGE,
        display=_PERCENT,
        emitted=Emitted.ALWAYS,
        source=_SOURCE,
        maximum=maximum,
        kinds=kinds,
    )


# A request publishes 1, so Sum counts requests; SampleCount does too but the page lists Sum alone.
INVOCATIONS = _invocation("Invocations", statistics=("Sum",))
INVOCATIONS_PER_INSTANCE = _invocation("InvocationsPerInstance", statistics=("Sum",), kinds=_REAL_TIME)
# 1 or 0 per request: Average is the error rate as a fraction.
INVOCATION_4XX_ERRORS = _invocation("Invocation4XXErrors", statistics=_AVERAGE_SUM)
INVOCATION_5XX_ERRORS = _invocation("Invocation5XXErrors", statistics=_AVERAGE_SUM)
INVOCATION_MODEL_ERRORS = _invocation("InvocationModelErrors", statistics=_AVERAGE_SUM, kinds=_REAL_TIME)
MODEL_LATENCY = _invocation("ModelLatency", unit="Microseconds", statistics=_LATENCY, display=_MILLISECONDS, kinds=_ALL)
# The page lists no percentiles for it.
OVERHEAD_LATENCY = _invocation("OverheadLatency", unit="Microseconds", statistics=_BASIC, display=_MILLISECONDS)
CONCURRENT_REQUESTS = _invocation("ConcurrentRequestsPerModel", statistics=("Minimum", "Maximum"), kinds=_REAL_TIME)

# Summed over cores and devices: 0 to 100 times their number.
CPU_UTILIZATION = _utilisation("CPUUtilization", maximum=100.0 * MAX_CORES)
GPU_UTILIZATION = _utilisation("GPUUtilization", maximum=100.0 * MAX_GPUS)
GPU_MEMORY_UTILIZATION = _utilisation("GPUMemoryUtilization", maximum=100.0 * MAX_GPUS)
MEMORY_UTILIZATION = _utilisation("MemoryUtilization", maximum=100.0, kinds=_SYNCHRONOUS)
DISK_UTILIZATION = _utilisation("DiskUtilization", maximum=100.0)

METRICS = (
    INVOCATIONS,
    INVOCATIONS_PER_INSTANCE,
    INVOCATION_4XX_ERRORS,
    INVOCATION_5XX_ERRORS,
    INVOCATION_MODEL_ERRORS,
    MODEL_LATENCY,
    OVERHEAD_LATENCY,
    CONCURRENT_REQUESTS,
    CPU_UTILIZATION,
    GPU_UTILIZATION,
    GPU_MEMORY_UTILIZATION,
    MEMORY_UTILIZATION,
    DISK_UTILIZATION,
)
SUMMED_OVER_DEVICES = (CPU_UTILIZATION, GPU_UTILIZATION, GPU_MEMORY_UTILIZATION)
"""Percentages that pass 100: an alarm on one must divide by the instance's cores or GPUs."""


def subject(endpoint: "Endpoint") -> Subject:
    """The endpoint variant as alarms name it."""
    return Subject("endpoint", endpoint.name, endpoint.variant)


def dimensions(endpoint: "Endpoint") -> tuple[tuple[str, str], ...]:
    """The dimensions of all the variant's series, in the catalogue's order."""
    return (("EndpointName", endpoint.name), ("VariantName", endpoint.variant))


def instance(endpoint: "Endpoint") -> Instance:
    """What one instance of the variant has; the configuration's `vcpus` and `gpus` win over the table."""
    known = find(endpoint.instance_type) or Instance(0, 0)
    return Instance(endpoint.vcpus or known.vcpus, endpoint.gpus or known.gpus)
