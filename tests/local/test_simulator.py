from datetime import UTC, datetime, timedelta
from typing import Any

from local.clock import Clock
from local.simulator import BAD, GOOD, EndpointLoad, Machine, ModelVersion, Request, read_trace
from local.world import World

START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


class FakeCloudWatch:
    def __init__(self) -> None:
        self.datums: dict[str, list[dict[str, Any]]] = {}

    def put(self, namespace: str, datums: list[dict[str, Any]]) -> None:
        self.datums.setdefault(namespace, []).extend(datums)


class FakeSageMaker:
    def __init__(self) -> None:
        self.config = "v1"

    def serving_config(self, endpoint: str) -> str:
        return self.config


def load(world: World, requests: list[Request], versions: dict[str, ModelVersion]) -> FakeCloudWatch:
    cloudwatch = FakeCloudWatch()
    world.cloudwatch = cloudwatch  # type: ignore[assignment]  # a fake
    world.sagemaker = FakeSageMaker()  # type: ignore[assignment]  # a fake
    EndpointLoad(
        world,
        endpoint="ranker",
        variant="AllTraffic",
        machine=Machine(vcpus=8, gpus=4),
        versions=versions,
        trace=requests,
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
