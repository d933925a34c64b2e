import threading
from datetime import timedelta

import pynvml
import pytest

from agent.aggregate import Aggregate
from agent.clock import Bell, SystemClock
from agent.collectors.gpu import Gpu
from agent.loop import Loop
from agent.nvml import Nvml
from agent.spool import Spool
from tests.agent.fake_nvml import LOST, UNKNOWN, FakeGpu, FakeNvml
from tests.agent.fakes import FakeClock, context

RECOVERY_ACTION = 0x8000


class Host:
    """Two GPUs under the real binding, and the collector that looks at them."""

    def __init__(self, *gpus):
        self.fake = FakeNvml(*gpus)
        self.clock = FakeClock()
        self.source = Nvml(monotonic=self.clock.monotonic, driver_present=lambda: True, restart=lambda: None)
        self.gpu = Gpu(context(monotonic=self.clock.monotonic), self.source)

    def look(self):
        found: dict[tuple[str, ...], list[float]] = {}
        for sample in self.gpu.collect():
            found.setdefault((sample.metric.name, *(value for _, value in sample.dimensions)), []).append(sample.value)
        return found

    def report(self, index, code, kind=0x8):
        """An event of the driver; returns once the watch has it."""
        self.fake.xids.put((index, code, kind))
        pause = threading.Event()
        for _ in range(2000):
            if self.source.faults_waiting():
                return
            pause.wait(0.01)
        raise AssertionError("the watch did not note the event")


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setattr("agent.xids.WAIT_MILLISECONDS", 10)
    monkeypatch.setattr("agent.nvml.ENDING_SECONDS", 20)
    before = set(threading.enumerate())
    hosts = []

    def make(*gpus):
        made = Host(*gpus)
        monkeypatch.setattr(pynvml, "nvmlLib", made.fake)
        pynvml._nvmlGetFunctionPointer_cache.clear()
        hosts.append(made)
        return made

    yield make
    for made in hosts:
        made.gpu.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(5)  # before another driver is loaded
    assert [] == [told for made in hosts for told in made.fake.misuse]
    pynvml._nvmlGetFunctionPointer_cache.clear()


def test_a_fault_presses_until_it_is_told_and_the_values_that_it_left_out_too(host):
    here = host(FakeGpu(), FakeGpu())
    here.look()
    quiet = here.gpu.pressing()
    here.report(1, 79)

    first = here.look()
    owed = here.gpu.pressing()
    second = here.look()

    assert not quiet
    assert first["gpu_xid_critical", "1"] == [1]
    assert ("gpu_visible_count",) not in first, "the driver is not asked before the fault is told"
    assert owed
    assert second["gpu_visible_count",] == [2]
    assert not here.gpu.pressing()


def test_faults_that_do_not_end_do_not_keep_the_values_away(host):
    here = host(FakeGpu())
    here.look()
    here.report(0, 31)
    here.look()
    here.report(0, 31)

    found = here.look()

    assert found["gpu_xid_application", "0"] == [1]
    assert found["nvidia_smi_utilization_gpu", "0"] == [50]


def test_a_collector_that_is_closed_lets_go_of_the_driver_and_its_watch(host):
    before = set(threading.enumerate())
    here = host(FakeGpu())
    here.look()
    threads = set(threading.enumerate()) - before

    here.gpu.close()

    assert {"gpu", "xid"} == {thread.name for thread in threads}
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert here.fake.calls.count("nvmlShutdown") == 1


def until(condition):
    pause = threading.Event()
    for _ in range(2000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come to be")


def test_the_driver_is_let_go_of_only_once_nothing_waits_in_it(host, monkeypatch):
    monkeypatch.setattr("agent.xids.WAIT_MILLISECONDS", 60_000)
    here = host(FakeGpu())
    here.look()
    until(lambda: here.fake.waits)

    here.source.close()
    held = here.fake.references
    here.fake.xids.put((0, 79))  # which ends the wait
    until(lambda: not here.fake.references)

    assert held == 1
    assert [] == here.fake.misuse
    assert here.fake.calls.index("nvmlEventSetFree") < here.fake.calls.index("nvmlShutdown")


def test_another_configuration_opens_the_driver_while_the_one_before_it_still_waits(host, monkeypatch):
    monkeypatch.setattr("agent.xids.WAIT_MILLISECONDS", 60_000)
    here = host(FakeGpu())
    here.look()
    until(lambda: here.fake.waits)
    here.source.close()

    after = Nvml(monotonic=here.clock.monotonic, driver_present=lambda: True, restart=lambda: None)
    seen = after.read().readings
    until(lambda: here.fake.waits == 2)
    for _ in range(2):
        here.fake.xids.put(UNKNOWN)
    until(lambda: here.fake.references == 1)
    after.close()
    until(lambda: not here.fake.references)

    assert len(seen) == 1
    assert [] == here.fake.misuse


def test_a_driver_that_failed_is_opened_anew_only_once_it_is_let_go_of(host, monkeypatch):
    monkeypatch.setattr("agent.xids.WAIT_MILLISECONDS", 60_000)
    monkeypatch.setattr("agent.nvml.ENDING_SECONDS", 0)
    here = host(FakeGpu())
    here.look()
    until(lambda: here.fake.waits)
    here.fake.break_everything(UNKNOWN)
    here.look()
    here.fake.errors = {}
    here.clock.advance(5)

    held = here.look()["gpu_visible_count",]
    here.fake.xids.put(LOST)
    until(lambda: not here.fake.references)
    until(lambda: here.source._watch.ended(0))
    after = here.look()["gpu_visible_count",]
    here.fake.xids.put(UNKNOWN)

    assert (held, after) == ([0], [1])


def test_an_only_gpu_that_is_lost_is_told_once_until_it_was_back(host):
    here = host(FakeGpu())
    here.look()
    here.fake.gpus[0].errors = {"nvmlDeviceGetUtilizationRates": LOST}

    told = []
    for _ in range(40):  # with the pauses between generations, in which nothing is told of any GPU
        told += here.look().get(("gpu_lost", "0"), [])
        here.clock.advance(30)
    here.clock.advance(300)
    here.fake.gpus[0].errors = {}
    back = here.look()
    here.fake.gpus[0].errors = {"nvmlDeviceGetUtilizationRates": LOST}
    again = here.look()

    assert sum(told) == 1
    assert back["gpu_lost", "0"] == [0]
    assert again["gpu_lost", "0"] == [1]


def test_an_event_without_a_code_is_only_time_for_a_look(host):
    here = host(FakeGpu(event_types=0x8 | RECOVERY_ACTION))
    here.look()
    here.report(0, 0, RECOVERY_ACTION)

    found = here.look()

    assert found["gpu_xid_critical", "0"] == [0]
    assert found["gpu_visible_count",] == [1]
    assert not here.gpu.pressing()


def test_a_lost_gpu_does_not_end_the_watch_of_the_others(host):
    here = host(FakeGpu(), FakeGpu())
    here.look()
    here.fake.xids.put(LOST)
    here.report(1, 48)

    assert here.look()["gpu_xid_critical", "1"] == [1]


def test_a_watch_that_fails_has_no_series_of_zeros(host, caplog):
    before = set(threading.enumerate())
    here = host(FakeGpu())
    here.look()
    here.fake.xids.put(UNKNOWN)
    for thread in set(threading.enumerate()) - before:
        if thread.name == "xid":
            thread.join(20)

    assert ("gpu_xid_critical", "0") not in here.look()
    assert "XIDs are no longer reported" in caplog.text


def test_a_watch_that_failed_takes_up_no_gpu_that_comes_back(host):
    before = set(threading.enumerate())
    here = host(FakeGpu(), FakeGpu())
    here.look()
    here.fake.xids.put(UNKNOWN)
    for thread in set(threading.enumerate()) - before:
        if thread.name == "xid":
            thread.join(20)
    here.fake.gpus[0].errors = {"nvmlDeviceGetUtilizationRates": LOST}
    here.look()
    here.fake.gpus[0].errors = {}
    here.look()

    found = here.look()
    here.source.close()

    assert found["gpu_visible_count",] == [2]
    assert ("gpu_xid_critical", "0") not in found, "nobody waits for them"
    assert not here.fake.event_sets


def test_an_xid_that_comes_just_after_the_driver_failed_is_told(host, monkeypatch):
    monkeypatch.setattr("agent.xids.WAIT_MILLISECONDS", 60_000)
    here = host(FakeGpu())
    here.look()
    until(lambda: here.fake.waits)
    here.fake.break_everything(UNKNOWN)
    here.look()
    here.report(0, 79)

    assert here.look()["gpu_xid_critical", "0"] == [1]


def test_an_xid_is_in_the_spool_though_the_driver_hangs_and_no_round_is_due(host, tmp_path):
    here, spool = host(FakeGpu(), FakeGpu()), Spool(tmp_path / "spool", sinks=["cloudwatch"])
    stop, first, handed = Bell(), threading.Event(), threading.Event()
    rounds: list[bool] = []

    def hand_on(window):
        spool.add(window)
        handed.set()

    def round_taken():
        rounds.append(True)
        first.set()

    loop = Loop(
        {"gpu": here.gpu},
        aggregate=Aggregate((("host", "h"),)),
        clock=SystemClock(),
        timer=lambda: 0.0,
        sample_every=timedelta(minutes=30),
        window_length=timedelta(minutes=60),
        hand_on=hand_on,
        pressing={"gpu": here.gpu},
        round_taken=round_taken,
    )
    thread = threading.Thread(target=loop.run, args=(stop,), daemon=True)
    thread.start()
    looked = first.wait(20)
    here.fake.hang = release = threading.Event()
    here.fake.xids.put((1, 79, 0x8))

    told = handed.wait(20)
    stop.end()
    release.set()
    thread.join(20)
    held = spool.load("cloudwatch", spool.waiting("cloudwatch", newest_first=False, limit=1)[0])
    spool.close()
    assert looked
    assert told
    assert held is not None
    assert {("gpu_xid_critical", 1.0), ("gpu_xid_errors", 1.0)} == {
        (one.metric.name, one.maximum) for one in held.datums
    }
    assert len(rounds) == 1
