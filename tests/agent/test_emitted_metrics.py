from dataclasses import replace

import pynvml
import pytest

from agent.collectors.gpu import Gpu
from agent.sample import Sample
from agent.selection import Selection
from core.catalogue import gpu, host, kubernetes, metrics
from core.catalogue.tiers import Tier
from tests.agent.fake_nvml import FakeNvml, let_go
from tests.agent.whole_host import WholeHost, data, old_gpu, whole_gpu

KNOWN = (*host.METRICS, *gpu.METRICS, *kubernetes.METRICS)


@pytest.fixture
def everything(tmp_path, monkeypatch):
    """Every datum that the agent can emit: looks at a host that has everything, with an XID between them."""
    monkeypatch.setattr("agent.xids.WAIT_MILLISECONDS", 10)
    monkeypatch.setattr(pynvml, "nvmlLib", FakeNvml(whole_gpu(), old_gpu()))
    pynvml._nvmlGetFunctionPointer_cache.clear()
    here = WholeHost(tmp_path)
    suppressing = Selection(Tier.FULL, most=1, monotonic=here.clock.monotonic)
    for metric in (host.SYSTEM_LOAD1, host.SYSTEM_LOAD5):
        suppressing.admits(Sample(metric, 1))
    simulated = Gpu(replace(here.context, gpu="simulated"))
    loop, windows = here.loop({**here.host, **here.others, "simulated": simulated, "selection": suppressing})
    here.rounds(loop, 1)
    monkeypatch.setattr(here.source, "take_faults", lambda: {0: (79,)})
    here.rounds(loop, 2)  # the fault alone, then with the values
    loop.close()
    let_go(here.source)
    pynvml._nvmlGetFunctionPointer_cache.clear()
    return data(windows)


def test_no_collector_fails_on_a_host_that_has_everything(everything):
    success = [datum for datum in everything if datum.metric is host.AGENT_COLLECTOR_SUCCESS]

    assert [] == [datum.dimensions for datum in success if not datum.minimum]


def test_every_emitted_series_is_in_the_catalogue_with_its_dimensions_and_unit(everything):
    for datum in everything:
        known = metrics.find("CWAgent", datum.metric.name)
        assert known is not None
        assert known == datum.metric
        assert frozenset(name for name, _ in datum.dimensions) in known.dimension_sets
        assert known.minimum is None or datum.minimum >= known.minimum
        assert known.maximum is None or datum.maximum <= known.maximum


def test_every_metric_of_the_catalogue_is_emitted(everything):
    assert {metric.name for metric in KNOWN} == {datum.metric.name for datum in everything}


def test_a_fold_is_emitted_wherever_the_catalogue_has_one(everything):
    folded = {datum.metric.name for datum in everything if len(datum.dimensions) == 1}

    assert {metric.name for metric in KNOWN if frozenset({"host"}) in metric.dimension_sets} == folded


def test_the_host_and_its_instance_id_are_both_legal_identities():
    for metric in KNOWN:
        assert {frozenset({"host"}), frozenset({"InstanceId"})} >= {
            names & {"host", "InstanceId"} for names in metric.dimension_sets
        }
