import pynvml
import pytest

from agent.collectors.registry import COLLECTORS
from agent.config import COLLECTORS as NAMES
from agent.sample import NoData, Sample
from agent.selection import LIMIT_SECONDS, UNHEALTHY_SECONDS, Selection
from core.catalogue import gpu, host, tiers
from core.catalogue.tiers import Tier
from tests.agent.fake_nvml import FakeGpu, FakeNvml, let_go
from tests.agent.fakes import FakeClock
from tests.agent.trees import group
from tests.agent.whole_host import WholeHost, series, whole_gpu

GPU_0, GPU_1 = (("index", "0"),), (("index", "1"),)
OF_HOSTS = frozenset(
    {"gpu", "cpu", "load", "pressure", "memory", "swap", "disk", "diskio", "network", "tcp", "processes", "clock"}
    | {"container"}
)


@pytest.fixture
def sent(tmp_path, monkeypatch):
    """What a host sends at a tier: its series by the windows of some rounds."""
    monkeypatch.setattr("agent.xids.WAIT_MILLISECONDS", 10)
    hosts = []

    def rounds(tier, *gpus, most=500):
        monkeypatch.setattr(pynvml, "nvmlLib", FakeNvml(*gpus))
        pynvml._nvmlGetFunctionPointer_cache.clear()
        here = WholeHost(tmp_path)
        group(tmp_path, "system.slice/mlwarden-agent.service")  # with the unit's limits
        hosts.append(here)
        selection = Selection(tier, most=most, monotonic=here.clock.monotonic)
        made = {name: one for name, one in {**here.host, "gpu": here.others["gpu"]}.items() if name in OF_HOSTS}
        loop, windows = here.loop({**made, "selection": selection}, admits=selection.admits)
        here.rounds(loop, 4)
        loop.close()
        return series(windows)

    yield rounds
    for here in hosts:
        let_go(here.source)
    pynvml._nvmlGetFunctionPointer_cache.clear()


def healthy():
    made = whole_gpu()
    made.parts = None
    return made


@pytest.mark.parametrize(
    "tier, gpus, count",
    [
        (Tier.LEAN, 0, 15),
        (Tier.LEAN, 1, 25),
        (Tier.LEAN, 8, 25),
        (Tier.STANDARD, 0, 40),
        (Tier.STANDARD, 1, 50),
        (Tier.STANDARD, 8, 120),
    ],
)
def test_a_healthy_host_sends_exactly_its_tiers_series(sent, tier, gpus, count):
    found = sent(tier, *(healthy() for _ in range(gpus)))

    assert count == len(found)
    assert count == tiers.series(tier, gpus=gpus)


def test_all_that_there_is_is_much_more(sent):
    found = sent(Tier.FULL, healthy())

    assert tiers.series(Tier.FULL, gpus=1) is None
    assert len(found) > 100


def test_gpus_are_looked_at_first_for_less_is_sent_of_their_host():
    assert next(iter(COLLECTORS)) == "gpu"
    assert set(NAMES) == set(COLLECTORS)


def selection(tier=Tier.LEAN, most=500):
    clock = FakeClock()
    return Selection(tier, most=most, monotonic=clock.monotonic), clock


def test_an_unhealthy_gpus_own_series_are_sent_until_it_has_been_healthy_for_a_while():
    chosen, clock = selection()
    own, others = Sample(gpu.NVIDIA_SMI_POWER_DRAW, 1, GPU_0), Sample(gpu.NVIDIA_SMI_POWER_DRAW, 1, GPU_1)
    before = chosen.admits(own)
    chosen.admits(Sample(gpu.GPU_XID_CRITICAL, 1, GPU_0))

    during, of_another = chosen.admits(own), chosen.admits(others)
    clock.advance(UNHEALTHY_SECONDS)

    assert (before, during, of_another, chosen.admits(own)) == (False, True, False, False)


@pytest.mark.parametrize(
    "metric, good, bad",
    [
        (gpu.GPU_ECC_UNCORRECTED, 0, 1),
        (gpu.GPU_THROTTLE_HW_THERMAL, 0, 100),
        (gpu.GPU_RECOVERY_ACTION, 0, 1),
        (gpu.GPU_REMAP_PENDING, 0, 1),
        (gpu.GPU_RETIRED_PAGES_PENDING, 0, 1),
        (gpu.GPU_FABRIC_READY, 1, 0),
        (gpu.GPU_TEMPERATURE_MARGIN, 5, 0),
        (gpu.GPU_LOST, 0, 1),
    ],
)
def test_what_tells_that_a_gpu_is_unhealthy(metric, good, bad):
    chosen, _ = selection()
    own = Sample(gpu.NVIDIA_SMI_POWER_DRAW, 1, GPU_0)
    chosen.admits(Sample(metric, good, GPU_0))
    healthy = chosen.admits(own)
    chosen.admits(Sample(metric, bad, GPU_0))

    assert (healthy, chosen.admits(own)) == (False, True)


def test_a_failing_collectors_own_series_are_sent():
    chosen, _ = selection()
    own = (("collector", "disk"),)

    assert not chosen.admits(Sample(host.AGENT_COLLECTOR_SUCCESS, 1, own))
    assert chosen.admits(Sample(host.AGENT_COLLECTOR_SUCCESS, 0, own))


def test_beyond_the_limit_the_least_important_give_way_and_are_counted():
    chosen, clock = selection(Tier.FULL, most=3)
    full = [Sample(host.SYSTEM_LOAD15, 1), Sample(host.MEM_FREE, 1), Sample(host.MEM_DIRTY, 1)]
    with pytest.raises(NoData):
        list(chosen.collect())
    taken = [chosen.admits(sample) for sample in full]

    lean, fault = chosen.admits(Sample(host.CPU_USAGE_ACTIVE, 1)), chosen.admits(Sample(gpu.GPU_XID_CRITICAL, 0))
    late = chosen.admits(Sample(host.SYSTEM_LOAD5, 1))

    assert taken == [True, True, True]
    assert (lean, fault, late) == (True, True, False)
    assert [chosen.admits(sample) for sample in full].count(True) == 1
    assert [(host.AGENT_SERIES_SUPPRESSED, 3.0)] == [(one.metric, one.value) for one in chosen.collect()]
    clock.advance(LIMIT_SECONDS)
    with pytest.raises(NoData):
        list(chosen.collect())


def test_a_fault_is_never_kept_out_by_what_came_before_it(sent):
    found = sent(Tier.FULL, FakeGpu(uncorrected=1), most=12)

    names = {name for name, _ in found}
    assert {"agent_heartbeat", "gpu_ecc_uncorrected", "gpu_xid_critical", "gpu_lost", "mem_oom_kills"} <= names
    assert "agent_series_suppressed" in names


def test_series_that_come_and_go_are_forgotten_with_the_hour():
    chosen, clock = selection(Tier.FULL)
    for pod in range(20):
        chosen.admits(Sample(host.DISK_USED, 1, (("path", f"/pod-{pod}"),)))
    clock.advance(LIMIT_SECONDS)
    with pytest.raises(NoData):
        list(chosen.collect())
    chosen.admits(Sample(host.DISK_USED, 1, (("path", "/"),)))

    assert 1 == len(chosen._ranks) == len(chosen._sent)
