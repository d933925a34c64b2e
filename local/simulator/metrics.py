"""One minute of an endpoint as the datums that AWS publishes for its kind. Pure.

Metric names, units and ranges are those of https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html,
serverless-endpoints-monitoring.html and async-inference-monitor.html. A minute without requests has no invocation
metrics at all; AWS publishes none.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

from local.simulator.model import Machine, ModelVersion, Request

INVOCATIONS = "AWS/SageMaker"
ENDPOINTS = "/aws/sagemaker/Endpoints"
COMPONENTS = "/aws/sagemaker/InferenceComponents"
MAX_VALUES = 150  # unique values a datum, PutMetricData
COLD_START_MICROSECONDS = 1_800_000.0

Datums = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answered:
    """A request, the model version that answered it, and how: 200, 400 or 500."""

    request: Request
    version: ModelVersion
    status: int

    @property
    def milliseconds(self) -> float:
        """How long the model took."""
        return self.version.latency_ms(self.request)


@dataclass(frozen=True, slots=True)
class Minute:
    """What happened in the minute that began at `start`; `waiting` requests are left in an async endpoint's queue."""

    start: datetime
    answered: tuple[Answered, ...]
    dimensions: tuple[tuple[str, str], ...]
    machine: Machine
    waiting: int = 0
    oldest_seconds: float = 0.0

    @property
    def busy(self) -> float:
        """Which part of the minute the model computed, at most 1."""
        total = sum(each.milliseconds for each in self.answered)
        return min(1.0, total / (60_000 * self.machine.instances))


def answer(requests: Iterable[tuple[Request, ModelVersion]]) -> tuple[Answered, ...]:
    """Answer requests in order; each version counts its own, so that faults fall on the same ones in every run."""
    numbers: Counter[ModelVersion] = Counter()
    found: list[Answered] = []
    for request, version in requests:
        number = numbers[version]
        numbers[version] += 1
        status = 200
        if version.fails_one_in and number % version.fails_one_in == 0:
            status = 500
        elif version.refuses_one_in and number % version.refuses_one_in == 0:
            status = 400
        found.append(Answered(request, version, status))
    return tuple(found)


def real_time(minute: Minute) -> Mapping[str, Datums]:
    """A real-time endpoint's variant."""
    each = 1.0 / minute.machine.instances
    count = len(minute.answered)
    more = [_datum(minute, "InvocationsPerInstance", "None", Counter({each: count}))] if count else []
    more += _concurrency(minute, "ConcurrentRequestsPerModel")
    return {INVOCATIONS: [*_invocations(minute), *more, *_model_errors(minute)], ENDPOINTS: _utilisation(minute)}


def serverless(minute: Minute) -> Mapping[str, Datums]:
    """A serverless endpoint's variant: no instances, a cold start for the first request after silence."""
    if not minute.answered:
        return {}
    setup = _datum(minute, "ModelSetupTime", "Microseconds", Counter({COLD_START_MICROSECONDS: 1}))
    memory = _datum(minute, "MemoryUtilization", "Percent", Counter({41.0: 1}))
    return {INVOCATIONS: [*_invocations(minute), setup], ENDPOINTS: [memory]}


def asynchronous(minute: Minute) -> Mapping[str, Datums]:
    """An asynchronous endpoint: its backlog always, its requests where there are any, and no Invocations."""
    endpoint = minute.dimensions[:1]
    instances = minute.machine.instances
    backlog = {
        "ApproximateBacklogSize": (float(minute.waiting), "Count"),
        "ApproximateBacklogSizePerInstance": (minute.waiting / max(1, instances), "Count"),
        "ApproximateAgeOfOldestRequest": (minute.oldest_seconds, "Seconds"),
        "HasBacklogWithoutCapacity": (float(minute.waiting > 0 and instances == 0), "Count"),
    }
    datums = [_datum(minute, name, unit, Counter({value: 1}), endpoint) for name, (value, unit) in backlog.items()]
    if minute.answered:
        count = len(minute.answered)
        failed = sum(each.status != 200 for each in minute.answered)
        taken = Counter(float(round(each.milliseconds)) for each in minute.answered)
        datums += [
            _datum(minute, "InvocationsProcesssed", "None", Counter({1.0: count})),  # AWS spells it so
            _datum(minute, "InvocationFailures", "None", _flags(failed, count)),
            *_split(minute, "ModelLatency", "Microseconds", _latencies(minute)),
            *_split(minute, "TotalProcessingTime", "Milliseconds", taken),
        ]
    return {INVOCATIONS: datums, ENDPOINTS: _utilisation(minute)}


def inference_component(minute: Minute) -> Mapping[str, Datums]:
    """An inference component: its own dimension, copies in place of instances, utilisation normalised to 100."""
    count = len(minute.answered)
    copies = 1.0 / minute.machine.instances
    more = [_datum(minute, "InvocationsPerCopy", "None", Counter({copies: count}))] if count else []
    more += _concurrency(minute, "ConcurrentRequestsPerCopy")
    usage = {
        "CPUUtilizationNormalized": 6 + 30 * minute.busy,
        "MemoryUtilizationNormalized": 41.0,
    }
    if minute.machine.gpus:
        usage |= {"GPUUtilizationNormalized": 8 + 70 * minute.busy, "GPUMemoryUtilizationNormalized": 58.0}
    normalised = [_datum(minute, name, "Percent", Counter({value: 1})) for name, value in usage.items()]
    return {INVOCATIONS: [*_invocations(minute), *more, *_model_errors(minute)], COMPONENTS: normalised}


def _invocations(minute: Minute) -> Datums:
    if not minute.answered:
        return []
    count = len(minute.answered)
    statuses = Counter(each.status for each in minute.answered)
    overheads = Counter(float(2000 + each.request.context_tokens % 40 * 25) for each in minute.answered)
    return [
        _datum(minute, "Invocations", "None", Counter({1.0: count})),
        _datum(minute, "Invocation5XXErrors", "None", _flags(statuses[500], count)),
        _datum(minute, "Invocation4XXErrors", "None", _flags(statuses[400], count)),
        *_split(minute, "ModelLatency", "Microseconds", _latencies(minute)),
        *_split(minute, "OverheadLatency", "Microseconds", overheads),
    ]


def _concurrency(minute: Minute, name: str) -> Datums:
    """How many requests were in one model together, at the most."""
    arrivals = [(each.request.second, 1) for each in minute.answered]
    departures = [(each.request.second + each.milliseconds / 1000, -1) for each in minute.answered]
    if not arrivals:
        return []
    together = max(accumulate(change for _, change in sorted(arrivals + departures)))
    return [_datum(minute, name, "None", Counter({float(math.ceil(together / minute.machine.instances)): 1}))]


def _model_errors(minute: Minute) -> Datums:
    """What the model did not answer with 2XX."""
    if not minute.answered:
        return []
    failed = sum(each.status != 200 for each in minute.answered)
    return [_datum(minute, "InvocationModelErrors", "None", _flags(failed, len(minute.answered)))]


def _utilisation(minute: Minute) -> Datums:
    """Summed over cores and GPUs, as SageMaker reports it, whether or not there are requests."""
    machine, busy = minute.machine, minute.busy
    if not machine.instances:
        return []
    usage = {
        "CPUUtilization": (6 + 30 * busy) * machine.vcpus,
        "MemoryUtilization": 41.0,
        "DiskUtilization": 22.0,
    }
    if machine.gpus:
        usage |= {"GPUUtilization": (8 + 70 * busy) * machine.gpus, "GPUMemoryUtilization": 58.0 * machine.gpus}
    return [_datum(minute, name, "Percent", Counter({value: 1})) for name, value in usage.items()]


def _latencies(minute: Minute) -> Counter[float]:
    return Counter(round(each.milliseconds) * 1000.0 for each in minute.answered)


def _split(minute: Minute, name: str, unit: str, values: Counter[float]) -> Datums:
    pairs = sorted(values.items())
    chunks = [pairs[start : start + MAX_VALUES] for start in range(0, len(pairs), MAX_VALUES)]
    return [_datum(minute, name, unit, Counter(dict(chunk))) for chunk in chunks]


def _datum(
    minute: Minute, name: str, unit: str, values: Counter[float], dimensions: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions or minute.dimensions],
        "Timestamp": minute.start.timestamp(),
        "Unit": unit,
        "Values": list(values),
        "Counts": [float(count) for count in values.values()],
    }


def _flags(ones: int, count: int) -> Counter[float]:
    """AWS publishes 1 or 0 for each request, so that the average is the rate."""
    return +Counter({1.0: ones, 0.0: count - ones})
