"""An endpoint under load on the clock: each minute, the datums that AWS would publish for it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from operator import itemgetter

from local.clock import Order
from local.simulator import metrics
from local.simulator.model import GOOD, Machine, ModelVersion, Request, read_trace
from local.world import World

MINUTE = timedelta(minutes=1)
MINUTE_MS = 60_000.0


class Kind(StrEnum):
    """What AWS publishes depends on how requests reach the model."""

    REAL_TIME = "real-time"
    SERVERLESS = "serverless"
    ASYNC = "async"
    INFERENCE_COMPONENT = "inference component"


_DATUMS = {
    Kind.REAL_TIME: metrics.real_time,
    Kind.SERVERLESS: metrics.serverless,
    Kind.ASYNC: metrics.asynchronous,
    Kind.INFERENCE_COMPONENT: metrics.inference_component,
}


class EndpointLoad:
    """Publishes one variant's, or one inference component's, metrics at every whole minute until stopped."""

    def __init__(
        self,
        world: World,
        *,
        endpoint: str,
        variant: str,
        machine: Machine,
        versions: Mapping[str, ModelVersion],
        trace: Sequence[Request] | None = None,
        kind: Kind = Kind.REAL_TIME,
        component: str = "",
    ) -> None:
        """`versions` maps an endpoint configuration's name to how it answers; others answer like GOOD.

        `component` names the inference component of that kind.
        """
        self._world = world
        self._endpoint = endpoint
        self._dimensions: tuple[tuple[str, str], ...] = (("EndpointName", endpoint), ("VariantName", variant))
        if kind is Kind.INFERENCE_COMPONENT:
            self._dimensions = (("InferenceComponentName", component),)
        self._machine = machine
        self._versions = versions
        self._kind = kind
        self._trace = tuple(trace if trace is not None else read_trace())
        self._length = int(self._trace[-1].second // 60) + 1
        self._minute = 0
        self._queue: list[tuple[float, Request, ModelVersion]] = []
        """An asynchronous endpoint's backlog, with when each request came in epoch seconds."""

    def start(self) -> None:
        """Publish for every minute from now on, as the minute ends."""
        now = self._world.clock.now()
        first = now.replace(second=0, microsecond=0) + MINUTE
        self._world.clock.every(MINUTE, self._publish, first=first, order=Order.DATUMS)

    def _publish(self) -> None:
        traffic = self._world.sagemaker.traffic(self._endpoint)
        if not traffic:
            return  # the endpoint is not there, or not yet
        start = self._world.clock.now() - MINUTE
        requests = self._requests(self._minute % self._length)
        self._minute += 1
        routed = list(zip(requests, _routes(traffic, len(requests)), strict=True))
        found = [(request, self._versions.get(config, GOOD)) for request, config in routed]
        minute = metrics.Minute(start, metrics.answer(found), self._dimensions, self._machine)
        if self._kind is Kind.ASYNC:
            minute = self._worked_off(minute, found)
        with self._world.lock:
            for namespace, datums in _DATUMS[self._kind](minute).items():
                self._world.cloudwatch.put(namespace, datums)

    def _worked_off(self, minute: metrics.Minute, arrived: list[tuple[Request, ModelVersion]]) -> metrics.Minute:
        """Queue what arrived, and answer what the instances have time for; the rest waits."""
        began, now = minute.start.timestamp(), self._world.clock.now().timestamp()
        self._queue += [(began + request.second % 60, request, version) for request, version in arrived]
        left, done = MINUTE_MS * self._machine.instances, 0
        for _, request, version in self._queue:
            left -= version.latency_ms(request)
            if left < 0:
                break
            done += 1
        answered = metrics.answer((request, version) for _, request, version in self._queue[:done])
        self._queue = self._queue[done:]
        oldest = now - self._queue[0][0] if self._queue else 0.0
        return metrics.Minute(
            minute.start, answered, self._dimensions, self._machine, len(self._queue), max(0.0, oldest)
        )

    def _requests(self, minute: int) -> list[Request]:
        return [request for request in self._trace if minute * 60 <= request.second < (minute + 1) * 60]


def _routes(traffic: Sequence[tuple[str, float]], count: int) -> list[str]:
    """The configuration of each of `count` requests, spread evenly by the shares."""
    given = dict.fromkeys((config for config, _ in traffic), 0)
    found: list[str] = []
    for number in range(1, count + 1):
        behind = [(share * number - given[config], config) for config, share in traffic]
        config = max(behind, key=itemgetter(0))[1]
        given[config] += 1
        found.append(config)
    return found
