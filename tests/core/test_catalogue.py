from hypothesis import given
from hypothesis import strategies as st

from core.catalogue import endpoint, host, instances, metrics
from core.catalogue.alarm import Subject, alarm_name, name_prefix
from core.catalogue.metric import Emitted
from core.cloudwatch.limits import UNITS
from core.config import Endpoint

NAMES = st.from_regex(r"[a-zA-Z0-9](-?[a-zA-Z0-9]){0,20}", fullmatch=True)
STATISTICS = {"Average", "Sum", "Minimum", "Maximum", "SampleCount", "p*"}


def test_every_metric_is_known_by_namespace_and_name_once():
    assert len({(metric.namespace, metric.name) for metric in metrics.ALL}) == len(metrics.ALL)
    assert all(metrics.find(metric.namespace, metric.name) is metric for metric in metrics.ALL)


def test_a_metric_that_does_not_exist_is_not_found():
    assert metrics.find("AWS/SageMaker", "EndpointStatus") is None
    assert metrics.find("AWS/SageMaker", "CPUUtilization") is None


def test_every_metric_speaks_cloudwatchs_language():
    for metric in metrics.ALL:
        assert metric.unit in UNITS, metric.name
        assert set(metric.statistics) <= STATISTICS, metric.name
        assert metric.dimension_sets, metric.name
        assert metric.source, metric.name
        assert metric.maximum is None or metric.minimum is None or metric.minimum < metric.maximum, metric.name


def test_no_series_of_an_endpoint_has_its_name_alone():
    assert all(frozenset({"EndpointName"}) not in metric.dimension_sets for metric in endpoint.METRICS)


def test_requests_are_published_on_traffic_and_utilisation_always():
    assert {"AWS/SageMaker"} == {one.namespace for one in endpoint.METRICS if one.emitted is Emitted.ON_TRAFFIC}
    assert {"/aws/sagemaker/Endpoints"} == {one.namespace for one in endpoint.METRICS if one.emitted is Emitted.ALWAYS}


def test_latency_is_in_microseconds_and_shown_in_milliseconds():
    assert "Microseconds" == endpoint.MODEL_LATENCY.unit
    assert ("ms", 0.001) == (endpoint.MODEL_LATENCY.display.unit, endpoint.MODEL_LATENCY.display.scale)


def test_overhead_latency_has_no_percentiles():
    assert "p*" in endpoint.MODEL_LATENCY.statistics
    assert "p*" not in endpoint.OVERHEAD_LATENCY.statistics


def test_every_host_series_exists_on_ec2_and_elsewhere():
    for metric in host.METRICS:
        on_ec2 = {names - {"InstanceId"} for names in metric.dimension_sets if "InstanceId" in names}
        elsewhere = {names - {"host"} for names in metric.dimension_sets if "host" in names}

        assert on_ec2 == elsewhere, metric.name
        assert len(on_ec2) * 2 == len(metric.dimension_sets), metric.name


def test_what_compute_optimizer_reads_has_its_names_and_dimensions():
    by_gpu = frozenset({"InstanceId", "index"})

    assert frozenset({"InstanceId"}) in host.MEM_USED_PERCENT.dimension_sets
    for name in ("nvidia_smi_utilization_gpu", "nvidia_smi_memory_used", "nvidia_smi_temperature_gpu"):
        metric = metrics.find("CWAgent", name)
        assert metric is not None
        assert by_gpu in metric.dimension_sets


@given(stage=st.from_regex(r"[a-z][a-z0-9]{0,15}", fullmatch=True), subject=NAMES, condition=st.just("HighCPU"))
def test_an_alarms_name_begins_with_its_stages_prefix_and_ends_in_its_condition(stage, subject, condition):
    name = alarm_name(stage, subject, condition)

    assert name.startswith(name_prefix(stage))
    assert subject == name.removeprefix(name_prefix(stage)).removesuffix(f"-{condition}")


@given(name=NAMES, variant=NAMES)
def test_a_variant_is_part_of_the_label_unless_it_is_the_only_one(name, variant):
    assert name == Subject("endpoint", name, "AllTraffic").label
    assert name == Subject("host", name).label
    if variant != "AllTraffic":
        assert f"{name}-{variant}" == Subject("endpoint", name, variant).label


def test_instance_counts_are_ec2s():
    assert instances.Instance(8, 1) == instances.find("ml.g5.2xlarge")
    assert instances.Instance(48, 4) == instances.find("ml.g5.12xlarge")
    assert instances.Instance(96, 8) == instances.find("ml.p4d.24xlarge")
    assert instances.Instance(36, 0) == instances.find("ml.c5.9xlarge")
    assert instances.Instance(2, 0) == instances.find("ml.m5.large")
    assert instances.Instance(4, 0) == instances.find("ml.inf1.xlarge")
    assert instances.find("g5.2xlarge") is None


def test_the_configurations_counts_win_over_the_table():
    known = Endpoint(name="a", instance_type="ml.g5.2xlarge", p99_ms=1)
    stated = Endpoint(name="a", instance_type="ml.g5.2xlarge", p99_ms=1, vcpus=16, gpus=2)
    unknown = Endpoint(name="a", instance_type="ml.z9.large", p99_ms=1, vcpus=2)

    assert instances.Instance(8, 1) == endpoint.instance(known)
    assert instances.Instance(16, 2) == endpoint.instance(stated)
    assert instances.Instance(2, 0) == endpoint.instance(unknown)
