import pytest

from core.catalogue import dashboards, gpu, host, host_alarms, kubernetes, tiers
from core.catalogue.metric import Emitted
from core.catalogue.tiers import Tier
from tests.core.configurations import GPU_HOST, configured

OWN = (*host.METRICS, *gpu.METRICS, *kubernetes.METRICS)
CPU_HOST = '[[hosts]]\nname = "web"\ninstance_id = "i-0123456789abcdef1"'


def further(dimensions):
    return tuple(name for name, _ in dimensions if name not in {"InstanceId", "host"})


@pytest.mark.parametrize(
    "tier, gpus, paths, count",
    [
        (Tier.LEAN, 0, 1, 15),
        (Tier.LEAN, 8, 1, 25),
        (Tier.STANDARD, 0, 1, 40),
        (Tier.STANDARD, 1, 1, 50),
        (Tier.STANDARD, 8, 1, 120),
        (Tier.STANDARD, 0, 3, 44),
        (Tier.FULL, 8, 1, None),
    ],
)
def test_a_tiers_series_are_counted(tier, gpus, paths, count):
    assert count == tiers.series(tier, gpus=gpus, paths=paths)


@pytest.mark.parametrize(
    "group",
    [tiers.LEAN_HOST, tiers.STANDARD_HOST, tiers.GPUS_TOGETHER, tiers.STANDARD_GPU, tiers.STANDARD_WITHOUT_GPUS],
)
def test_no_metric_is_in_a_group_twice_and_each_has_such_a_series(group):
    names = [metric.name for metric in group]

    assert len(names) == len(set(names))
    assert not set(tiers.STANDARD_WITHOUT_GPUS) & set(tiers.STANDARD_HOST)
    kind = {"index"} if group is tiers.STANDARD_GPU else set()
    for metric in group:
        own = kind | ({"path"} if metric.name.startswith("disk_") else set())
        assert frozenset({"host", *own}) in metric.dimension_sets, metric.name


@pytest.mark.parametrize("text", [CPU_HOST, GPU_HOST])
def test_the_leanest_tier_has_all_that_a_hosts_alarms_watch(text):
    config = configured(text)
    [one] = config.hosts
    watched = [
        query.stat for alarm in host_alarms.alarms(config, one) for query in alarm.queries if query.stat is not None
    ]

    assert watched
    for stat in watched:
        assert Tier.LEAN is tiers.least(stat.metric.name, further(stat.dimensions), gpus=bool(one.gpus)), stat


def test_the_standard_tier_has_all_that_the_dashboard_of_hosts_shows():
    config = configured(GPU_HOST)
    bodies = [one.body for one in dashboards.compute(config, region="eu-west-1", alarm_arn_prefix="arn:")]
    shown = [
        row
        for body in bodies
        for widget in body["widgets"]
        for row in widget["properties"].get("metrics", ())
        if row[0] == "CWAgent"
    ]

    assert len(shown) > 20
    for _, name, *rest in shown:
        names = [one for one in rest if isinstance(one, str)][::2]
        needed = tiers.least(name, further((one, "") for one in names), gpus=True)
        assert needed is not None, name
        assert tiers.has(Tier.STANDARD, needed), (name, names)


@pytest.mark.parametrize("gpus", [False, True])
def test_a_tier_has_all_that_those_below_it_have(gpus):
    for metric in OWN:
        for dimensions in metric.dimension_sets:
            needed = tiers.least(metric.name, further((name, "") for name in dimensions), gpus=gpus)
            assert needed is not None
            assert [tiers.has(tier, needed) for tier in Tier] == sorted(tiers.has(tier, needed) for tier in Tier)


def test_events_are_sent_at_every_tier_and_applications_metrics_are_no_tiers():
    for metric in OWN:
        if metric.emitted is Emitted.ON_EVENT:
            for dimensions in metric.dimension_sets:
                assert Tier.LEAN is tiers.least(metric.name, further((name, "") for name in dimensions), gpus=True)
    assert tiers.least("requests", (), gpus=True) is None


def test_every_fault_can_tell_that_its_device_is_unhealthy():
    for metric in OWN:
        if metric.fault:
            assert metric.name in tiers.JUDGED
            assert (tiers.unhealthy(metric, 0), tiers.unhealthy(metric, 1)) == (False, True)
