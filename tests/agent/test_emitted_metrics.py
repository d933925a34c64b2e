import pytest

from agent.aggregate import Aggregate
from agent.collectors.registry import COLLECTORS
from agent.loop import Loop
from agent.sample import Window
from core.catalogue import host, metrics
from tests.agent.fakes import NOON, FakeClock, context


@pytest.fixture
def everything(tmp_path, monkeypatch):
    """Every datum that the agent can emit: two looks at a host with swap and (simulated) GPUs."""
    root = context().proc_root
    proc = tmp_path / "proc"
    for file in root.rglob("*"):
        if file.is_file():
            (proc / file.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
            (proc / file.relative_to(root)).write_bytes(file.read_bytes())
    meminfo = (proc / "meminfo").read_text()
    (proc / "meminfo").write_text(meminfo.replace("SwapTotal:             0 kB", "SwapTotal:          1000 kB"))
    here = context(proc_root=proc, gpu="simulated")
    windows: list[Window] = []
    loop = Loop(
        {name: make(here) for name, make in COLLECTORS.items()},
        aggregate=Aggregate((("host", "h"),)),
        clock=FakeClock(),
        timer=lambda: 0.0,
        sample_every=NOON - NOON,
        window_length=NOON.replace(minute=1) - NOON,
        hand_on=windows.append,
    )
    loop.round(NOON)
    (proc / "stat").write_bytes((context("second").proc_root / "stat").read_bytes())
    loop.round(NOON)
    loop.close()
    return windows[0].datums


def test_every_emitted_series_is_in_the_catalogue_with_its_dimensions_and_unit(everything):
    for datum in everything:
        known = metrics.find("CWAgent", datum.metric.name)
        assert known is not None
        assert known == datum.metric
        assert frozenset(name for name, _ in datum.dimensions) in known.dimension_sets
        assert known.minimum is None or datum.minimum >= known.minimum
        assert known.maximum is None or datum.maximum <= known.maximum


def test_every_metric_of_the_catalogue_is_emitted(everything):
    assert {metric.name for metric in host.METRICS} == {datum.metric.name for datum in everything}


def test_the_host_and_its_instance_id_are_both_legal_identities():
    for metric in host.METRICS:
        assert {frozenset({"host"}), frozenset({"InstanceId"})} >= {
            names & {"host", "InstanceId"} for names in metric.dimension_sets
        }
