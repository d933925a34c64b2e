from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.clock import Clock
from local.simulator import BAD, GOOD, EndpointLoad, Kind, Machine, ModelVersion, Request, read_trace
from local.world import World

START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


class FakeCloudWatch:
    def __init__(self) -> None:
        self.datums: dict[str, list[dict[str, Any]]] = {}

    def put(self, namespace: str, datums: list[dict[str, Any]]) -> None:
        self.datums.setdefault(namespace, []).extend(datums)


class FakeSageMaker:
    def __init__(self) -> None:
        self.shares: tuple[tuple[str, float], ...] = (("v1", 1.0),)

    def traffic(self, endpoint: str) -> tuple[tuple[str, float], ...]:
        return self.shares


def load(
    world: World,
    requests: list[Request],
    versions: dict[str, ModelVersion],
    *,
    kind: Kind = Kind.REAL_TIME,
    instances: int = 1,
    shares: tuple[tuple[str, float], ...] = (("v1", 1.0),),
) -> FakeCloudWatch:
    cloudwatch, sagemaker = FakeCloudWatch(), FakeSageMaker()
    sagemaker.shares = shares
    world.cloudwatch = cloudwatch  # type: ignore[assignment]  # a fake
    world.sagemaker = sagemaker  # type: ignore[assignment]  # a fake
    EndpointLoad(
        world,
        endpoint="ranker",
        variant="AllTraffic",
        machine=Machine(vcpus=8, gpus=4, instances=instances),
        versions=versions,
        trace=requests,
        kind=kind,
        component="ranker-component",
    ).start()
    return cloudwatch


def named(cloudwatch: FakeCloudWatch, namespace: str, name: str) -> list[dict[str, Any]]:
    return [datum for datum in cloudwatch.datums.get(namespace, []) if datum["MetricName"] == name]


def test_a_minute_with_requests_publishes_one_count_a_request_and_latency_in_microseconds() -> None:
    world = World(clock=Clock(START))
    cloudwatch = load(world, [Request(1.0, 100, 10), Request(2.0, 100, 10), Request(3.0, 200, 10)], {})

    world.clock.run_until(START + timedelta(minutes=1))

    (invocations,) = named(cloudwatch, "AWS/SageMaker", "Invocations")
    (latency,) = named(cloudwatch, "AWS/SageMaker", "ModelLatency")
    assert (invocations["Values"], invocations["Counts"]) == ([1.0], [3.0])
    assert latency["Unit"] == "Microseconds"
    assert dict(zip(latency["Values"], latency["Counts"], strict=True)) == {47_000.0: 2.0, 49_000.0: 1.0}


def test_requests_that_overlap_are_counted_as_concurrent() -> None:
    world = World(clock=Clock(START))
    cloudwatch = load(world, [Request(1.0, 100, 10), Request(1.01, 100, 10), Request(30.0, 100, 10)], {})

    world.clock.run_until(START + timedelta(minutes=1))

    (concurrent,) = named(cloudwatch, "AWS/SageMaker", "ConcurrentRequestsPerModel")
    assert concurrent["Values"] == [2.0]


def test_an_idle_minute_publishes_no_invocation_metric_but_still_the_machines() -> None:
    world = World(clock=Clock(START))
    cloudwatch = load(world, [Request(70.0, 100, 10)], {})

    world.clock.run_until(START + timedelta(minutes=1))

    assert "AWS/SageMaker" not in {name for name, datums in cloudwatch.datums.items() if datums}
    assert named(cloudwatch, "/aws/sagemaker/Endpoints", "CPUUtilization")


def test_utilisation_is_the_sum_over_cores_and_gpus_as_sagemaker_reports_it() -> None:
    world = World(clock=Clock(START))
    cloudwatch = load(world, [Request(1.0, 100, 10)], {})

    world.clock.run_until(START + timedelta(minutes=1))

    (memory,) = named(cloudwatch, "/aws/sagemaker/Endpoints", "GPUMemoryUtilization")
    assert memory["Values"] == [58.0 * 4]


def test_a_version_that_fails_publishes_a_one_for_each_failed_request() -> None:
    world = World(clock=Clock(START))
    requests = [Request(float(second), 100, 10) for second in range(6)]
    cloudwatch = load(world, requests, {"v1": ModelVersion(fails_one_in=3)})

    world.clock.run_until(START + timedelta(minutes=1))

    (errors,) = named(cloudwatch, "AWS/SageMaker", "Invocation5XXErrors")
    assert dict(zip(errors["Values"], errors["Counts"], strict=True)) == {1.0: 2.0, 0.0: 4.0}


def test_no_datum_has_more_unique_values_than_put_metric_data_takes() -> None:
    world = World(clock=Clock(START))
    requests = [Request(second / 10, second * 50, second) for second in range(400)]
    cloudwatch = load(world, requests, {})

    world.clock.run_until(START + timedelta(minutes=1))

    latencies = named(cloudwatch, "AWS/SageMaker", "ModelLatency")
    assert max(len(datum["Values"]) for datum in latencies) == 150
    assert sum(sum(datum["Counts"]) for datum in latencies) == 400


def test_the_shipped_trace_keeps_a_good_version_under_its_objective_and_a_bad_one_over_it() -> None:
    trace = read_trace()

    def p99(version: ModelVersion) -> float:
        return sorted(version.latency_ms(request) for request in trace)[int(0.99 * len(trace))]

    assert p99(GOOD) < 450
    assert p99(BAD) > 1000


def published(cloudwatch: FakeCloudWatch) -> set[str]:
    return {datum["MetricName"] for datums in cloudwatch.datums.values() for datum in datums}


INVOKED = {"Invocations", "Invocation4XXErrors", "Invocation5XXErrors", "ModelLatency", "OverheadLatency"}
MACHINE = {"CPUUtilization", "MemoryUtilization", "DiskUtilization", "GPUUtilization", "GPUMemoryUtilization"}
BACKLOG = {
    "ApproximateBacklogSize",
    "ApproximateBacklogSizePerInstance",
    "ApproximateAgeOfOldestRequest",
    "HasBacklogWithoutCapacity",
}
PROCESSED = {"InvocationsProcesssed", "InvocationFailures", "ModelLatency", "TotalProcessingTime"}
NORMALIZED = {f"{name}UtilizationNormalized" for name in ("CPU", "Memory", "GPU", "GPUMemory")}


@pytest.mark.parametrize(
    "kind,busy,idle",
    [
        (
            Kind.REAL_TIME,
            {*INVOKED, "InvocationsPerInstance", "InvocationModelErrors", "ConcurrentRequestsPerModel", *MACHINE},
            MACHINE,
        ),
        (Kind.SERVERLESS, {*INVOKED, "ModelSetupTime", "MemoryUtilization"}, set()),
        (Kind.ASYNC, {*BACKLOG, *PROCESSED, *MACHINE}, {*BACKLOG, *MACHINE}),
        (
            Kind.INFERENCE_COMPONENT,
            {*INVOKED, "InvocationsPerCopy", "InvocationModelErrors", "ConcurrentRequestsPerCopy", *NORMALIZED},
            NORMALIZED,
        ),
    ],
)
def test_each_kind_of_endpoint_publishes_its_own_metrics_and_none_of_invocations_when_idle(
    kind: Kind, busy: set[str], idle: set[str]
) -> None:
    world = World(clock=Clock(START))
    cloudwatch = load(world, [Request(1.0, 100, 10), Request(119.0, 100, 10)], {}, kind=kind)
    world.clock.run_until(START + timedelta(minutes=1))
    first = published(cloudwatch)
    world = World(clock=Clock(START))
    cloudwatch = load(world, [Request(70.0, 100, 10)], {}, kind=kind)
    world.clock.run_until(START + timedelta(minutes=1))

    assert first == busy
    assert published(cloudwatch) == idle


def test_an_endpoint_that_does_not_serve_yet_publishes_nothing() -> None:
    world = World(clock=Clock(START))
    cloudwatch = load(world, [Request(1.0, 100, 10)], {}, shares=())

    world.clock.run_until(START + timedelta(minutes=3))

    assert published(cloudwatch) == set()


def test_a_canary_answers_its_share_of_the_requests() -> None:
    world = World(clock=Clock(START))
    requests = [Request(float(second), 100, 10) for second in range(40)]
    bad = ModelVersion(fails_one_in=1)
    cloudwatch = load(world, requests, {"v2": bad}, shares=(("v1", 0.75), ("v2", 0.25)))

    world.clock.run_until(START + timedelta(minutes=1))

    (errors,) = named(cloudwatch, "AWS/SageMaker", "Invocation5XXErrors")
    assert dict(zip(errors["Values"], errors["Counts"], strict=True)) == {1.0: 10.0, 0.0: 30.0}


def test_each_request_counts_for_its_part_of_the_fleet() -> None:
    world = World(clock=Clock(START))
    cloudwatch = load(world, [Request(1.0, 100, 10), Request(2.0, 100, 10)], {}, instances=4)

    world.clock.run_until(START + timedelta(minutes=1))

    (counted,) = named(cloudwatch, "AWS/SageMaker", "InvocationsPerInstance")
    assert (counted["Values"], counted["Counts"]) == ([0.25], [2.0])


def test_what_an_asynchronous_endpoint_has_no_time_for_waits_in_its_backlog() -> None:
    world = World(clock=Clock(START))
    slow = ModelVersion(base_ms=25_000.0)
    requests = [Request(float(second), 0, 0) for second in (0, 10, 20)]
    cloudwatch = load(world, requests, {"v1": slow}, kind=Kind.ASYNC)

    world.clock.run_until(START + timedelta(minutes=1))

    (processed,) = named(cloudwatch, "AWS/SageMaker", "InvocationsProcesssed")
    (backlog,) = named(cloudwatch, "AWS/SageMaker", "ApproximateBacklogSize")
    (age,) = named(cloudwatch, "AWS/SageMaker", "ApproximateAgeOfOldestRequest")
    assert (processed["Counts"], backlog["Values"], age["Values"]) == ([2.0], [1.0], [40.0])
    assert backlog["Dimensions"] == [{"Name": "EndpointName", "Value": "ranker"}]
