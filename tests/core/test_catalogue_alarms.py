from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue import alarms, direct, endpoint_alarms, platform
from core.catalogue.alarm import (
    Alarm,
    Comparison,
    CompositeAlarm,
    Delivery,
    MetricAlarm,
    MissingData,
    Severity,
    name_prefix,
)
from core.catalogue.lint import check
from core.cloudwatch.evaluation import Condition, decide, evaluation_range
from core.cloudwatch.expression import evaluate, parse
from core.cloudwatch.state import State
from core.config import Config, Endpoint, EndpointThresholds
from tests.core.configurations import ENDPOINT, GPU_HOST, NAMES, configured, shipped

SPORADIC = ENDPOINT + 'traffic = "sporadic"'
CPU_ENDPOINT = ENDPOINT.replace("ml.g5.12xlarge", "ml.m5.xlarge")
LAPTOP = '[[hosts]]\nname = "laptop"\nhost = "laptop"'

Series = Sequence[float | None]


def by_condition(config: Config) -> dict[str, Alarm]:
    return {alarm.condition: alarm for alarm in alarms.compute(config)}


def metric_alarm(config: Config, condition: str) -> MetricAlarm:
    alarm = by_condition(config)[condition]
    assert isinstance(alarm, MetricAlarm)
    return alarm


def parent_of(config: Config) -> CompositeAlarm:
    alarm = by_condition(config)["Unhealthy"]
    assert isinstance(alarm, CompositeAlarm)
    return alarm


def returned(alarm: MetricAlarm, series: Mapping[str, Series]) -> Series:
    """The series the alarm is held against, by CloudWatch's metric math."""
    known = {id_: tuple(points) for id_, points in series.items()}
    for query in alarm.queries:
        if query.stat is None:
            known[query.id] = evaluate(parse(query.expression), known)  # type: ignore[assignment]  # all are series
    return known[alarm.returned.id]


def state(alarm: MetricAlarm, series: Mapping[str, Series]) -> State:
    """The state after the evaluation range that `series` fills."""
    condition = Condition(alarm.comparison, alarm.threshold, alarm.datapoints, alarm.periods, alarm.missing)
    points = returned(alarm, series)[-evaluation_range(alarm.periods) :]
    breaching = [None if point is None else condition.breaches(point) for point in points]
    return decide(breaching, condition, State.OK)


def test_an_endpoint_has_the_alarms_of_its_kind_the_parent_last():
    names = [alarm.name for alarm in alarms.compute(configured(ENDPOINT))]

    assert [
        "mlwarden-test-ranker-HighErrorRate",
        "mlwarden-test-ranker-HighP99Latency",
        "mlwarden-test-ranker-NoTraffic",
        "mlwarden-test-ranker-HighClientErrorRate",
        "mlwarden-test-ranker-HighCPU",
        "mlwarden-test-ranker-HighMemory",
        "mlwarden-test-ranker-HighDisk",
        "mlwarden-test-ranker-HighGPU",
        "mlwarden-test-ranker-HighGPUMemory",
        "mlwarden-test-ranker-Unhealthy",
    ] == names


def test_an_endpoint_without_gpus_has_no_gpu_alarms():
    assert {"HighGPU", "HighGPUMemory"} == set(by_condition(configured(ENDPOINT))) - set(
        by_condition(configured(CPU_ENDPOINT))
    )


def test_silence_of_a_sporadic_endpoint_is_normal():
    config = configured(SPORADIC)

    assert "NoTraffic" not in by_condition(config)
    assert "NoTraffic" not in parent_of(config).rule


def test_the_parent_alone_pages():
    found = alarms.compute(configured(ENDPOINT))

    paging = [alarm for alarm in found if alarm.severity is Severity.CRITICAL and alarm.delivery is Delivery.INCIDENT]
    assert ["Unhealthy"] == [alarm.condition for alarm in paging]


def test_the_parent_stands_over_what_callers_feel_most_telling_first():
    parent = parent_of(configured(ENDPOINT))

    prefix = "mlwarden-test-ranker-"
    assert (f"{prefix}HighErrorRate", f"{prefix}HighP99Latency", f"{prefix}NoTraffic") == parent.children
    assert (
        f'ALARM("{prefix}HighErrorRate") OR ALARM("{prefix}HighP99Latency") OR ALARM("{prefix}NoTraffic")'
        == parent.rule
    )


def test_symptoms_are_context_and_causes_are_tickets():
    found = by_condition(configured(ENDPOINT))

    symptoms = {"HighErrorRate", "HighP99Latency", "NoTraffic"}
    assert symptoms == {name for name, alarm in found.items() if alarm.delivery is Delivery.CONTEXT}
    for name in set(found) - symptoms - {"Unhealthy"}:
        assert (Severity.WARNING, Delivery.INCIDENT) == (found[name].severity, found[name].delivery)


def test_variants_have_alarms_of_their_own_names():
    config = configured(ENDPOINT, ENDPOINT + 'variant = "canary"')

    names = [alarm.name for alarm in alarms.compute(config)]
    assert len(set(names)) == len(names)
    assert "mlwarden-test-ranker-canary-Unhealthy" in names


def test_the_owner_of_an_endpoint_wins_over_the_deployments():
    assert {"search"} == {alarm.owner for alarm in alarms.compute(configured(ENDPOINT + 'owner = "search"'))}
    assert {"ml-platform"} == {alarm.owner for alarm in alarms.compute(configured(ENDPOINT))}


def test_thresholds_are_the_configurations():
    config = configured(
        "[endpoint_thresholds]\ncpu_percent = 70", ENDPOINT, "[endpoints.thresholds]\ndisk_percent = 60"
    )

    thresholds = {name: a.threshold for name, a in by_condition(config).items() if isinstance(a, MetricAlarm)}
    assert (70.0, 60.0, 5.0) == (thresholds["HighCPU"], thresholds["HighDisk"], thresholds["HighErrorRate"])


def test_the_latency_objective_is_held_in_microseconds():
    alarm = metric_alarm(configured(ENDPOINT), "HighP99Latency")

    assert 250_000 == alarm.threshold
    assert 250 == alarm.threshold * alarm.display.scale


@given(
    p99=st.floats(1, 60_000),
    vcpus=st.integers(1, 192),
    gpus=st.integers(1, 16),
    share=st.floats(0, 100),
)
def test_use_of_the_whole_instance_reads_the_same_whatever_its_size(p99, vcpus, gpus, share):
    config = configured()
    one = Endpoint(name="a", instance_type="ml.z9.large", p99_ms=p99, vcpus=vcpus, gpus=gpus)

    found = {alarm.condition: alarm for alarm in endpoint_alarms.alarms(config, one)}

    for condition, count in (("HighCPU", vcpus), ("HighGPU", gpus), ("HighGPUMemory", gpus)):
        alarm = found[condition]
        assert isinstance(alarm, MetricAlarm)
        assert returned(alarm, {"total": [share * count]})[0] == pytest.approx(share)


def test_server_errors_over_the_rate_fire_and_under_it_do_not():
    alarm = metric_alarm(configured(ENDPOINT), "HighErrorRate")
    requests: Series = [100.0] * 7

    assert State.ALARM is state(alarm, {"requests": requests, "errors": [0, 0, 0, 0, 5, 5, 5]})
    assert State.OK is state(alarm, {"requests": requests, "errors": [4] * 7})
    assert State.OK is state(alarm, {"requests": requests, "errors": [0, 0, 50, 0, 0, 0, 50]})


def test_a_handful_of_requests_is_not_judged():
    config = configured(ENDPOINT)

    few = {"requests": [19.0] * 7, "errors": [19.0] * 7}
    assert State.OK is state(metric_alarm(config, "HighErrorRate"), few)
    assert State.OK is state(metric_alarm(config, "HighClientErrorRate"), few)
    assert State.OK is state(
        metric_alarm(config, "HighP99Latency"), {"measured": [19.0] * 7, "latency": [9_000_000.0] * 7}
    )


def test_an_idle_endpoint_is_neither_failing_nor_slow_and_never_without_data():
    config = configured(ENDPOINT)
    idle: Series = [None] * 7

    assert State.OK is state(metric_alarm(config, "HighErrorRate"), {"requests": idle, "errors": idle})
    assert State.OK is state(metric_alarm(config, "HighP99Latency"), {"measured": idle, "latency": idle})


def test_an_incident_ends_when_the_traffic_does():
    alarm = metric_alarm(configured(ENDPOINT), "HighErrorRate")

    requests: Series = [100, 100, 100, None, None, None, None]
    assert State.OK is state(alarm, {"requests": requests, "errors": requests})


def test_a_late_newest_minute_does_not_keep_a_guarded_alarm_from_firing():
    config = configured(ENDPOINT)

    late_errors = {"requests": [100.0] * 6 + [None], "errors": [50.0] * 6 + [None]}
    late_latency = {"measured": [100.0] * 6 + [None], "latency": [9e6] * 6 + [None]}
    assert State.ALARM is state(metric_alarm(config, "HighErrorRate"), late_errors)
    assert State.ALARM is state(metric_alarm(config, "HighClientErrorRate"), late_errors)
    assert State.ALARM is state(metric_alarm(config, "HighP99Latency"), late_latency)


def test_latency_at_its_objective_is_kept_and_above_it_is_not():
    alarm = metric_alarm(configured(ENDPOINT), "HighP99Latency")
    measured: Series = [100.0] * 7

    assert State.OK is state(alarm, {"measured": measured, "latency": [250_000.0] * 7})
    assert State.ALARM is state(alarm, {"measured": measured, "latency": [250_001.0] * 7})


def test_silence_fires_after_silence_minutes_and_not_a_period_later():
    alarm = metric_alarm(configured(ENDPOINT), "NoTraffic")

    assert (3, 300) == (alarm.periods, alarm.period.total_seconds())
    assert State.ALARM is state(alarm, {"requests": [50, 50, None, None, None]})
    assert State.OK is state(alarm, {"requests": [50, 50, 50, None, None]})


def test_an_endpoint_that_never_had_a_request_is_silent():
    alarm = metric_alarm(configured(ENDPOINT), "NoTraffic")

    assert MissingData.BREACHING is alarm.missing
    assert State.ALARM is state(alarm, {"requests": [None] * 5})


@given(minutes=st.integers(3, 1440))
def test_silence_of_any_length_is_counted_exactly_and_within_a_day(minutes):
    config = configured()
    one = Endpoint(
        name="a", instance_type="ml.m5.large", p99_ms=1, thresholds=EndpointThresholds(silence_minutes=minutes)
    )

    alarm = next(a for a in endpoint_alarms.alarms(config, one) if a.condition == "NoTraffic")

    assert isinstance(alarm, MetricAlarm)
    assert minutes * 60 == alarm.periods * alarm.period.total_seconds() <= 86_400


def test_a_host_without_gpus_has_no_gpu_alarms():
    assert ["HighCPU", "HighMemory", "DiskFull", "AgentSilent"] == [
        alarm.condition for alarm in alarms.compute(configured(LAPTOP))
    ]


def test_a_host_with_gpus_has_them_all():
    assert [
        "HighCPU",
        "HighMemory",
        "DiskFull",
        "AgentSilent",
        "HighGPUUtilisation",
        "HighGPUMemory",
        "HighGPUTemperature",
        "GPUXidErrors",
        "GPUEccErrors",
        "GPUsMissing",
    ] == [alarm.condition for alarm in alarms.compute(configured(GPU_HOST))]


def test_a_host_is_found_by_its_instance_id_on_ec2_and_by_its_name_elsewhere():
    def dimensions(config: Config) -> set[str]:
        stats = [
            query.stat for alarm in alarms.compute(config) if isinstance(alarm, MetricAlarm) for query in alarm.queries
        ]
        return {stat.dimensions[0][0] for stat in stats if stat}

    assert {"InstanceId"} == dimensions(configured(GPU_HOST))
    assert {"host"} == dimensions(configured(LAPTOP))


@given(uses=st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=5, max_size=5))
def test_the_fullest_of_several_disks_is_judged(uses):
    config = configured('[agent]\ndisk_paths = ["/", "/a", "/b", "/c", "/d"]', LAPTOP)
    alarm = metric_alarm(config, "DiskFull")

    (fullest,) = returned(alarm, {f"disk{index}": [use] for index, use in enumerate(uses)})

    present = [use for use in uses if use is not None]
    assert fullest == (max(present) if present else None)
    assert len(alarm.queries) <= 10


def test_a_silent_agent_fires_after_five_minutes_whatever_came_before():
    alarm = metric_alarm(configured(LAPTOP), "AgentSilent")

    assert Severity.CRITICAL is alarm.severity
    assert State.ALARM is state(alarm, {"heartbeats": [1, 1, None, None, None, None, None]})
    assert State.OK is state(alarm, {"heartbeats": [1, 1, 1, None, None, None, None]})
    assert State.ALARM is state(alarm, {"heartbeats": [None] * 7})


def test_a_gpu_fault_is_seen_for_a_quarter_of_an_hour():
    alarm = metric_alarm(configured(GPU_HOST), "GPUXidErrors")

    assert State.ALARM is state(alarm, {"value": [0, 0, 1] + [0] * 14})
    assert State.OK is state(alarm, {"value": [0, 1] + [0] * 15})
    assert State.OK is state(alarm, {"value": [None] * 17})


def test_gpus_that_are_fewer_than_expected_or_not_seen_at_all_fire():
    alarm = metric_alarm(configured(GPU_HOST), "GPUsMissing")

    assert (8.0, Comparison.LESS) == (alarm.threshold, alarm.comparison)
    assert State.ALARM is state(alarm, {"value": [8, 8, 7, 7, 7]})
    assert State.ALARM is state(alarm, {"value": [None] * 5})
    assert State.OK is state(alarm, {"value": [8, 8, 8, 7, 7]})


def test_mlwardens_own_alarms_go_to_topics_directly():
    found = platform.alarms(configured(), NAMES)

    assert ["mlwarden-test-platform-PipelineHealthy"] == [
        alarm.name for alarm in found if alarm.delivery is not Delivery.DIRECT
    ]
    assert [
        "mlwarden-test-router-FunctionErrors",
        "mlwarden-test-router-FunctionThrottles",
        "mlwarden-test-recommender-FunctionErrors",
        "mlwarden-test-recommender-FunctionThrottles",
        "mlwarden-test-events-DeadLetters",
        "mlwarden-test-reports-DeadLetters",
        "mlwarden-test-critical-NotificationsFailed",
        "mlwarden-test-warning-NotificationsFailed",
        "mlwarden-test-info-NotificationsFailed",
        "mlwarden-test-platform-PipelineHealthy",
        "mlwarden-test-platform-HeartbeatMissing",
    ] == [alarm.name for alarm in found]


def test_a_topic_that_fails_is_told_of_on_another():
    severity = {alarm.subject.name: alarm.severity for alarm in platform.alarms(configured(), NAMES)}

    assert Severity.WARNING is severity["critical"]
    assert Severity.CRITICAL is severity["warning"]
    assert Severity.WARNING is severity["info"]


def test_what_serves_reports_does_not_page():
    found = {alarm.name.removeprefix("mlwarden-test-"): alarm for alarm in platform.alarms(configured(), NAMES)}

    assert Severity.CRITICAL is found["router-FunctionErrors"].severity
    assert Severity.CRITICAL is found["events-DeadLetters"].severity
    assert Severity.WARNING is found["recommender-FunctionErrors"].severity
    assert Severity.WARNING is found["reports-DeadLetters"].severity


def test_the_dead_mans_switch_fires_after_five_heartbeats_and_without_any_data():
    config = configured("[platform]\nheartbeat_minutes = 2")

    alarm = platform.alarms(config, NAMES)[-1]

    assert (120, 5) == (alarm.period.total_seconds(), alarm.periods)
    assert State.ALARM is state(alarm, {"beats": [1, 1, None, None, None, None, None]})
    assert State.ALARM is state(alarm, {"beats": [None] * 7})
    assert State.OK is state(alarm, {"beats": [1, 1, 1, None, None, None, None]})


def test_the_pipeline_is_healthy_while_one_heartbeat_of_two_came():
    alarm = platform.alarms(configured(), NAMES)[-2]

    assert State.ALARM is state(alarm, {"beats": [1, 1, 1, None]})
    assert State.OK is state(alarm, {"beats": [1, 1, None, None]})
    assert State.OK is state(alarm, {"beats": [None] * 4})


def test_each_subject_has_one_way_around_the_functions_for_what_pages():
    config = configured(ENDPOINT, GPU_HOST)
    own = alarms.compute(config)

    found = direct.composites(config, own)

    paging = [a.name for a in own if a.severity is Severity.CRITICAL and a.delivery is Delivery.INCIDENT]
    assert sorted(paging) == sorted(child for composite in found for child in composite.children)
    assert len(found) == len({composite.subject for composite in found})
    assert {"mlwarden-test-platform-PipelineHealthy"} == {composite.suppressor for composite in found}
    assert () == check((*own, *found))


def test_a_function_that_fails_each_time_its_batch_is_retried_fires():
    alarm = platform.alarms(configured(), NAMES)[0]

    every_third: list[float | None] = [1 if minute % 3 == 0 else None for minute in range(17)]
    assert State.ALARM is state(alarm, {"value": every_third})
    assert State.OK is state(alarm, {"value": [None] * 16 + [1]})


@pytest.mark.parametrize("name", ["default.toml", "example-production.toml"])
def test_every_alarm_is_of_a_known_condition_with_a_name_of_its_stage(name):
    config = shipped(name)

    for alarm in (*alarms.compute(config), *platform.alarms(config, NAMES)):
        assert alarm.condition in alarms.CONDITIONS
        assert alarm.condition == alarm.runbook
        assert alarm.name.startswith(name_prefix(config.deployment.stage))
        assert alarm.name.endswith(f"-{alarm.condition}")
        assert alarm.owner
        assert alarm.title == alarm.title.strip(" .")


def test_every_condition_is_met_by_some_alarm():
    config = configured(ENDPOINT, GPU_HOST)

    own = alarms.compute(config)
    met = {one.condition for one in (*own, *direct.composites(config, own), *platform.alarms(config, NAMES))}
    assert met == alarms.CONDITIONS


def test_the_same_configuration_gives_the_same_alarms():
    assert alarms.compute(shipped("default.toml")) == alarms.compute(shipped("default.toml"))
