import logging
import threading
from datetime import timedelta

import pynvml
import pytest

from agent.aggregate import Aggregate
from agent.collectors.gpu import Gpu
from agent.gpu import XidClass, classify
from agent.loop import Loop
from agent.nvml import Nvml
from agent.sample import NoData
from tests.agent.fake_nvml import FakeGpu, FakeNvml, let_go
from tests.agent.fakes import FakeClock, context

NOT_SUPPORTED, FUNCTION_NOT_FOUND, LOST, VERSION_MISMATCH, UNKNOWN = 3, 13, 15, 18, 999


@pytest.fixture
def driver(monkeypatch):
    """Loads a fake driver under the real binding."""
    monkeypatch.setattr("agent.xids.WAIT_MILLISECONDS", 10)
    monkeypatch.setattr("agent.nvml.ENDING_SECONDS", 20)

    def load(*gpus):
        fake = FakeNvml(*gpus)
        monkeypatch.setattr(pynvml, "nvmlLib", fake)
        pynvml._nvmlGetFunctionPointer_cache.clear()
        return fake

    yield load
    pynvml._nvmlGetFunctionPointer_cache.clear()


@pytest.fixture
def sources():
    """Makes sources and ends their watches with the test."""
    made = []

    def make(clock, present=True, restart=lambda: None):
        source = Nvml(monotonic=clock.monotonic, driver_present=lambda: present, restart=restart)
        made.append(source)
        return source

    yield make
    for source in made:
        let_go(source)


def look(collector):
    """By metric and index ("" for the fold), the values of one look."""
    found: dict[tuple[str, str], list[float]] = {}
    for sample in collector.collect():
        found.setdefault((sample.metric.name, dict(sample.dimensions).get("index", "")), []).append(sample.value)
    return found


def test_every_gpu_is_read_and_the_fold_has_one_sample_a_gpu(driver, sources):
    driver(FakeGpu(), FakeGpu(utilization=90, temperature=80, memory_used=60 * 2**30))
    gpu = Gpu(context(), sources(FakeClock()))
    look(gpu)

    found = look(gpu)

    assert found["gpu_visible_count", ""] == found["gpu_expected_count", ""] == [2]
    assert found["nvidia_smi_utilization_gpu", "1"] == [90]
    assert found["nvidia_smi_utilization_gpu", ""] == [50, 90]
    assert found["nvidia_smi_memory_used", "1"] == [60 * 1024]
    assert found["gpu_memory_used_percent", ""] == [25, 75]
    assert found["nvidia_smi_temperature_gpu", ""] == [60, 80]
    assert found["nvidia_smi_power_draw", "0"] == [250]
    assert found["gpu_clock_percent", "0"] == [50]
    for name in ("gpu_ecc_uncorrected", "gpu_xid_critical", "gpu_xid_warning", "gpu_lost"):
        assert found[name, ""] == [0, 0], "there before anything happens"
    assert found["gpu_driver_hung", ""] == [0]


def test_where_there_are_no_gpus_the_driver_is_looked_for_now_and_then(sources, monkeypatch):
    clock = FakeClock()
    source, asked = sources(clock, present=False), []
    genuine = source.read

    def read():
        asked.append(clock.monotonic())
        return genuine()

    monkeypatch.setattr(source, "read", read)
    gpu = Gpu(context(monotonic=clock.monotonic), source)

    loop = Loop(
        {"gpu": gpu},
        aggregate=Aggregate(()),
        clock=clock,
        timer=lambda: 0.0,
        sample_every=timedelta(seconds=1),
        window_length=timedelta(minutes=1),
        hand_on=lambda window: None,
    )
    for _ in range(40):
        loop.round(clock.now())
        clock.advance(1)

    assert [at - asked[0] for at in asked] == [0, 30]


def test_a_host_without_a_driver_has_no_gpu_series_and_says_so_once(sources, caplog):
    caplog.set_level(logging.INFO)
    clock = FakeClock()
    gpu = Gpu(context(), sources(clock, present=False))

    for _ in range(500):
        clock.advance(5)
        with pytest.raises(NoData):
            look(gpu)

    assert ["no NVIDIA GPU found"] == [record.message for record in caplog.records]


@pytest.mark.parametrize("initialization", [0, 9])
def test_a_driver_without_gpus_is_no_failure_and_is_told_once(driver, sources, caplog, initialization):
    caplog.set_level(logging.INFO)
    clock = FakeClock()
    driver().errors = {"nvmlInitWithFlags": initialization}
    gpu = Gpu(context(), sources(clock))

    for _ in range(100):
        clock.advance(60)
        with pytest.raises(NoData):
            look(gpu)

    assert ["no NVIDIA GPU found"] == [record.message for record in caplog.records]


def test_what_a_gpu_does_not_support_is_left_out_and_not_asked_again(driver, sources):
    fake = driver(FakeGpu(errors={"nvmlDeviceGetTotalEccErrors": NOT_SUPPORTED}), FakeGpu())
    gpu = Gpu(context(), sources(FakeClock()))

    look(gpu)
    look(gpu)
    found = look(gpu)

    assert ("gpu_ecc_uncorrected", "0") not in found
    assert found["gpu_ecc_uncorrected", "1"] == [0]
    assert fake.calls.count("nvmlDeviceGetTotalEccErrors") == 2 * (1 + 3), "corrected and uncorrected"


def test_an_old_driver_is_asked_for_memory_in_the_old_way(driver, sources):
    driver(FakeGpu(errors={"nvmlDeviceGetMemoryInfo_v2": FUNCTION_NOT_FOUND}))

    found = look(Gpu(context(), sources(FakeClock())))

    assert found["gpu_memory_used_percent", "0"] == [25]


def test_a_symbol_that_the_library_lacks_costs_only_its_metric(driver, sources, monkeypatch):
    driver(FakeGpu())
    monkeypatch.delattr(FakeNvml, "nvmlDeviceGetPowerUsage")

    found = look(Gpu(context(), sources(FakeClock())))

    assert ("nvidia_smi_power_draw", "0") not in found
    assert found["nvidia_smi_temperature_gpu", "0"] == [60]


def test_a_lost_gpu_is_missing_from_the_count_and_the_others_are_read(driver, sources, caplog):
    fake = driver(FakeGpu(), FakeGpu())
    gpu = Gpu(context(), sources(FakeClock()))
    look(gpu)
    fake.gpus[0].errors = {"nvmlDeviceGetUtilizationRates": LOST, "nvmlDeviceGetHandleByIndex_v2": LOST}

    found = look(gpu)
    after = look(gpu)

    assert after["gpu_lost", ""] == [0, 0], "once, when it happens"
    assert found["gpu_visible_count", ""] == [1]
    assert found["gpu_expected_count", ""] == [2]
    assert found["gpu_lost", "0"] == [1]
    assert found["gpu_lost", ""] == [1, 0]
    assert ("nvidia_smi_utilization_gpu", "0") not in found
    assert found["nvidia_smi_utilization_gpu", "1"] == [50]
    assert [("GPU lost", 0)] == [(record.message, record.gpu) for record in caplog.records]


def test_a_gpu_that_was_reset_comes_back(driver, sources):
    fake = driver(FakeGpu(), FakeGpu())
    gpu = Gpu(context(), sources(FakeClock()))
    fake.gpus[0].errors = {"nvmlDeviceGetUtilizationRates": LOST}
    look(gpu)
    fake.gpus[0].errors = {}

    assert look(gpu)["gpu_visible_count", ""] == [2]


def test_uncorrected_errors_are_counted_as_they_are_added(driver, sources):
    fake = driver(FakeGpu(uncorrected=7))
    gpu = Gpu(context(), sources(FakeClock()))

    first = look(gpu)
    fake.gpus[0].uncorrected = 9
    grown = look(gpu)
    fake.gpus[0].uncorrected = 0
    reloaded = look(gpu)

    assert ("gpu_ecc_uncorrected", "0") not in first
    assert grown["gpu_ecc_uncorrected", "0"] == grown["gpu_ecc_uncorrected", ""] == [2]
    assert ("gpu_ecc_uncorrected", "0") not in reloaded


def test_xids_are_counted_once_by_class(driver, sources):
    fake = driver(FakeGpu(), FakeGpu())
    source = sources(FakeClock())
    gpu = Gpu(context(), source)
    look(gpu)
    for xid in (79, 31, 31, 94):
        fake.xids.put((1, xid))
    fake.xids.join()
    _settle(source, 4)

    found = look(gpu)
    after = look(gpu)

    assert found["gpu_xid_critical", "1"] == [1]
    assert found["gpu_xid_critical", ""] == [0, 1]
    assert found["gpu_xid_application", "1"] == [2]
    assert found["gpu_xid_warning", ""] == [0, 1]
    assert found["gpu_xid_errors", "1"] == [2, 1, 1], "codes 31, 79 and 94"
    assert after["gpu_xid_critical", "1"] == [0]


def _settle(source, count):
    """Wait until the watch has noted so many XIDs: the driver hands one out before the watch has it."""
    pause = threading.Event()
    for _ in range(1000):
        with source._watch._lock:
            if sum(map(len, source._watch._seen.values())) >= count:
                return
        pause.wait(0.01)
    raise AssertionError("the watch did not note the XIDs")


def test_a_gpu_that_cannot_report_xids_has_no_series_of_zeros(driver, sources):
    driver(FakeGpu(event_types=0))
    gpu = Gpu(context(), sources(FakeClock()))
    look(gpu)

    assert ("gpu_xid_critical", "0") not in look(gpu)


def test_a_failed_driver_shows_as_no_gpus_and_is_opened_again_after_growing_pauses(driver, sources):
    clock = FakeClock()
    fake = driver(FakeGpu())
    gpu = Gpu(context(), sources(clock))
    look(gpu)

    fake.break_everything(UNKNOWN)
    gone = look(gpu)
    opened = []
    for _ in range(40):
        clock.advance(1)
        look(gpu)
        opened.append(fake.calls.count("nvmlInitWithFlags"))
    fake.errors = {}
    clock.advance(300)
    back = look(gpu)

    assert gone["gpu_visible_count", ""] == [0]
    assert ("nvidia_smi_utilization_gpu", "0") not in gone
    assert opened[-1] == 1 + 3, "after 5, 10 and 20 seconds"
    assert back["gpu_visible_count", ""] == [1]


def test_gpus_that_all_stopped_answering_are_asked_ever_more_seldom(driver, sources):
    clock = FakeClock()
    fake = driver(FakeGpu(), FakeGpu())
    gpu = Gpu(context(), sources(clock))
    look(gpu)
    for broken in fake.gpus:
        broken.errors = {"nvmlDeviceGetUtilizationRates": LOST}

    for _ in range(40):
        assert look(gpu)["gpu_visible_count", ""] == [0]
        clock.advance(1)

    assert fake.opened == 1 + 3, "after 5, 10 and 20 seconds"


def test_an_upgraded_driver_restarts_the_agent_that_had_read_the_old_one(driver, sources, caplog):
    fake, restarts = driver(FakeGpu()), []
    gpu = Gpu(context(), sources(FakeClock(), restart=lambda: restarts.append(1)))
    look(gpu)
    fake.break_everything(VERSION_MISMATCH)

    look(gpu)

    assert restarts == [1]
    assert "upgraded under the agent" in caplog.text


def test_an_agent_that_never_read_a_gpu_does_not_restart_over_and_over(driver, sources):
    fake, restarts = driver(FakeGpu()), []
    fake.errors = {"nvmlInitWithFlags": VERSION_MISMATCH}

    with pytest.raises(NoData):
        look(Gpu(context(), sources(FakeClock(), restart=lambda: restarts.append(1))))

    assert not restarts


@pytest.mark.parametrize(
    "xid, kind",
    [(79, XidClass.CRITICAL), (48, XidClass.CRITICAL), (31, XidClass.APPLICATION), (94, XidClass.WARNING)],
)
def test_xids_are_classed_by_who_has_to_act(xid, kind):
    assert kind == classify(xid)


def test_simulated_gpus_say_that_they_are(caplog):
    found = look(Gpu(context(gpu="simulated")))

    assert "SIMULATED" in caplog.text
    assert found["agent_simulated_gpus", ""] == [2]
    assert found["gpu_visible_count", ""] == [2]


def test_gpus_can_be_turned_off():
    with pytest.raises(NoData):
        look(Gpu(context(gpu="off")))
