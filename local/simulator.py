"""A SageMaker endpoint under load: each minute, the datums that AWS would publish for it.

The requests are a real trace's; how the model answers them is the simulation: a latency and an error rate by model
version. Metric names, units and ranges are those of
https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

from local.clock import Order
from local.world import World

TRACE = Path(__file__).parent / "scenarios" / "data" / "azure-llm-conversation.csv"
MAX_VALUES = 150  # unique values a datum, PutMetricData
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Request:
    """One inference request: seconds from the trace's start, and its size in tokens."""

    second: float
    context_tokens: int
    generated_tokens: int


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """How one endpoint configuration answers. Times are milliseconds; one request in `fails_one_in` gets a 5xx."""

    base_ms: float = 40.0
    context_token_ms: float = 0.02
    generated_token_ms: float = 0.5
    fails_one_in: int = 0

    def latency_ms(self, request: Request) -> float:
        """What CloudWatch calls ModelLatency, here in milliseconds."""
        tokens = request.context_tokens * self.context_token_ms + request.generated_tokens * self.generated_token_ms
        return self.base_ms + tokens


GOOD = ModelVersion()
BAD = ModelVersion(base_ms=90.0, context_token_ms=0.06, generated_token_ms=2.2, fails_one_in=9)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the endpoint runs on: counts decide the range of CPUUtilization and GPUUtilization (100 each)."""

    vcpus: int
    gpus: int


class EndpointLoad:
    """Publishes one endpoint variant's metrics at every whole minute until stopped."""

    def __init__(
        self,
        world: World,
        *,
        endpoint: str,
        variant: str,
        machine: Machine,
        versions: Mapping[str, ModelVersion],
        trace: Sequence[Request] | None = None,
    ) -> None:
        """`versions` maps an endpoint configuration's name to how it answers; others answer like GOOD."""
        self._world = world
        self._endpoint = endpoint
        self._variant = variant
        self._machine = machine
        self._versions = versions
        self._trace = tuple(trace if trace is not None else read_trace())
        self._length = int(self._trace[-1].second // 60) + 1
        self._minute = 0

    def start(self) -> None:
        """Publish for every minute from now on, as the minute ends."""
        now = self._world.clock.now()
        first = now.replace(second=0, microsecond=0) + MINUTE
        self._world.clock.every(MINUTE, self._publish, first=first, order=Order.DATUMS)

    def _publish(self) -> None:
        minute = self._world.clock.now() - MINUTE
        requests = self._requests(self._minute % self._length)
        self._minute += 1
        version = self._versions.get(self._config_name(), GOOD)
        with self._world.lock:
            self._world.cloudwatch.put("AWS/SageMaker", self._invocations(requests, version, minute))
            self._world.cloudwatch.put("/aws/sagemaker/Endpoints", self._utilisation(requests, version, minute))

    def _requests(self, minute: int) -> list[Request]:
        return [request for request in self._trace if minute * 60 <= request.second < (minute + 1) * 60]

    def _config_name(self) -> str:
        return self._world.sagemaker.serving_config(self._endpoint)

    def _invocations(
        self, requests: Sequence[Request], version: ModelVersion, minute: datetime
    ) -> list[dict[str, Any]]:
        """Nothing at all for a minute without requests, as AWS does."""
        if not requests:
            return []
        count = len(requests)
        failed = sum(1 for number in range(count) if version.fails_one_in and number % version.fails_one_in == 0)
        latencies = Counter(round(version.latency_ms(request)) * 1000.0 for request in requests)
        overheads = Counter(float(2000 + request.context_tokens % 40 * 25) for request in requests)
        most = float(_most_at_once(requests, version))
        return [
            self._datum("ConcurrentRequestsPerModel", "None", minute, Counter({most: 1})),
            self._datum("Invocations", "None", minute, Counter({1.0: count})),
            self._datum("InvocationsPerInstance", "None", minute, Counter({1.0: count})),
            self._datum("Invocation5XXErrors", "None", minute, _flags(failed, count)),
            self._datum("Invocation4XXErrors", "None", minute, _flags(0, count)),
            self._datum("InvocationModelErrors", "None", minute, _flags(failed, count)),
            *self._split("ModelLatency", "Microseconds", minute, latencies),
            *self._split("OverheadLatency", "Microseconds", minute, overheads),
        ]

    def _utilisation(
        self, requests: Sequence[Request], version: ModelVersion, minute: datetime
    ) -> list[dict[str, Any]]:
        busy = min(1.0, sum(version.latency_ms(request) for request in requests) / 60_000)
        datums = [
            self._datum("CPUUtilization", "Percent", minute, Counter({(6 + 30 * busy) * self._machine.vcpus: 1})),
            self._datum("MemoryUtilization", "Percent", minute, Counter({41.0: 1})),
            self._datum("DiskUtilization", "Percent", minute, Counter({22.0: 1})),
        ]
        if self._machine.gpus:
            gpus = self._machine.gpus
            datums += [
                self._datum("GPUUtilization", "Percent", minute, Counter({(8 + 70 * busy) * gpus: 1})),
                self._datum("GPUMemoryUtilization", "Percent", minute, Counter({58.0 * gpus: 1})),
            ]
        return datums

    def _split(self, name: str, unit: str, minute: datetime, values: Counter[float]) -> list[dict[str, Any]]:
        pairs = sorted(values.items())
        chunks = [pairs[start : start + MAX_VALUES] for start in range(0, len(pairs), MAX_VALUES)]
        return [self._datum(name, unit, minute, Counter(dict(chunk))) for chunk in chunks]

    def _datum(self, name: str, unit: str, minute: datetime, values: Counter[float]) -> dict[str, Any]:
        return {
            "MetricName": name,
            "Dimensions": [
                {"Name": "EndpointName", "Value": self._endpoint},
                {"Name": "VariantName", "Value": self._variant},
            ],
            "Timestamp": minute.timestamp(),
            "Unit": unit,
            "Values": list(values),
            "Counts": [float(count) for count in values.values()],
        }


def _most_at_once(requests: Sequence[Request], version: ModelVersion) -> int:
    """How many requests were in the model together, at the most."""
    arrivals = [(request.second, 1) for request in requests]
    departures = [(request.second + version.latency_ms(request) / 1000, -1) for request in requests]
    return max(accumulate(change for _, change in sorted(arrivals + departures)))


def _flags(ones: int, count: int) -> Counter[float]:
    """AWS publishes 1 or 0 for each request, so that the average is the rate."""
    return +Counter({1.0: ones, 0.0: count - ones})


def read_trace(path: Path = TRACE) -> tuple[Request, ...]:
    """Read a trace; lines that begin with `#` are its attribution."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return tuple(
            Request(
                second=float(row["second"]),
                context_tokens=int(row["context_tokens"]),
                generated_tokens=int(row["generated_tokens"]),
            )
            for row in rows
        )
