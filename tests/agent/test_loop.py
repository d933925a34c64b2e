import logging
from datetime import timedelta

from agent.aggregate import Aggregate
from agent.clock import Bell
from agent.loop import Loop
from agent.sample import NoData, Sample, Window
from core.catalogue import gpu as gpus
from core.catalogue import host
from tests.agent.fakes import NOON, FakeClock, FakeCollector

MINUTE = timedelta(minutes=1)
ME = (("host", "h"),)


def make(collectors, clock, **changes):
    windows: list[Window] = []
    arguments = {
        "aggregate": Aggregate(ME),
        "clock": clock,
        "timer": lambda: 0.0,
        "sample_every": timedelta(seconds=5),
        "window_length": MINUTE,
        "hand_on": windows.append,
    }
    return Loop(collectors, **(arguments | changes)), windows


def series(window, name):
    return {dict(datum.dimensions).get("collector", ""): datum for datum in window.datums if datum.metric.name == name}


def test_a_collector_that_sees_slow_things_looks_twice_at_first_and_then_at_its_own_pace():
    clock, slow, quick = (
        FakeClock(),
        FakeCollector(Sample(host.SYSTEM_LOAD1, 1)),
        FakeCollector(Sample(host.MEM_USED, 1)),
    )
    loop, windows = make({"slow": slow, "quick": quick}, clock, sample_every=timedelta(seconds=1), every={"slow": 5.0})

    for late in (0.0, 0.1, -0.1, 0.1, 0.0, 0.1, -0.1, 0.0, 0.0, 0.1, 0.0, -0.1):  # rounds are never quite even
        clock.advance(late)
        loop.round(NOON)
        clock.advance(1 - late)
    loop.close()

    looks = {name: series(windows[0], name)[""].count for name in ("system_load1", "mem_used")}
    assert looks == {"system_load1": 4, "mem_used": 12}  # rounds 1, 2, 7 and 12


def test_a_pace_quicker_than_the_rounds_changes_nothing():
    clock, collector = FakeClock(), FakeCollector(Sample(host.SYSTEM_LOAD1, 1))
    loop, windows = make({"slow": collector}, clock, every={"slow": 5.0})

    for _ in range(6):
        loop.round(NOON)
        clock.advance(5)
    loop.close()

    assert series(windows[0], "system_load1")[""].count == 6


def test_one_failing_collector_is_counted_and_never_stops_the_others():
    good = FakeCollector(Sample(host.SYSTEM_LOAD1, 1.5))
    bad = FakeCollector(Sample(host.MEM_TOTAL, 8), error=ZeroDivisionError("by zero"))
    loop, windows = make({"bad": bad, "good": good}, FakeClock())

    loop.round(NOON)
    loop.round(NOON)
    loop.close()

    success = series(windows[0], "agent_collector_success")
    assert (success["bad"].total, success["bad"].count) == (0, 2)
    assert (success["good"].total, success["good"].count) == (2, 2)
    assert series(windows[0], "system_load1")[""].count == 2
    assert series(windows[0], "mem_total")[""].count == 2, "what came before the failure is kept"
    assert series(windows[0], "agent_heartbeat")[""].count == 2


def test_a_failure_that_goes_on_is_logged_once_and_its_end_once(caplog):
    caplog.set_level(logging.INFO)
    collector = FakeCollector(error=OSError("gone"))
    loop, _ = make({"disk": collector}, FakeClock())

    for _ in range(10):
        loop.round(NOON)
    collector.error = None
    loop.round(NOON)

    assert ["collector failed", "collector recovered"] == [record.message for record in caplog.records]
    assert caplog.records[1].failures == 10


def test_a_failure_is_logged_again_after_five_minutes(caplog):
    clock = FakeClock()
    loop, _ = make({"disk": FakeCollector(error=OSError("gone"))}, clock)

    loop.round(clock.now())
    clock.advance(299)
    loop.round(clock.now())
    clock.advance(1)
    loop.round(clock.now())

    assert [1, 3] == [record.failures for record in caplog.records]


def test_no_data_is_no_failure_and_has_no_series():
    loop, windows = make({"gpu": FakeCollector(error=NoData())}, FakeClock())

    loop.round(NOON)
    loop.close()

    assert {"agent_heartbeat"} == {datum.metric.name for datum in windows[0].datums}


def test_a_collectors_duration_is_measured_in_milliseconds():
    ticks = iter([1.0, 1.25])
    loop, windows = make({"cpu": FakeCollector()}, FakeClock(), timer=lambda: next(ticks))

    loop.round(NOON)
    loop.close()

    assert series(windows[0], "agent_collector_duration")["cpu"].total == 250.0


def test_windows_close_when_the_wall_clocks_minute_changes():
    clock = FakeClock(NOON + timedelta(seconds=47))
    stop = Bell()
    clock.woken = lambda _: stop.end() if clock.now() >= NOON + timedelta(seconds=125) else None
    loop, windows = make({}, clock)

    loop.run(stop)

    assert [NOON, NOON + MINUTE, NOON + 2 * MINUTE] == [window.start for window in windows]
    # 47 then 50 and 55; 0 to 55; 0 (and at 5 the stop)
    assert [3, 12, 1] == [series(window, "agent_heartbeat")[""].count for window in windows]
    assert clock.asleep[:2] == [3.0, 5.0]


def test_waking_a_moment_early_is_not_one_more_round():
    clock = FakeClock()
    stop = Bell()

    def early(seconds):
        clock.advance(-0.002)
        if len(clock.asleep) == 3:
            stop.end()

    clock.woken = early
    loop, windows = make({}, clock)

    loop.run(stop)

    assert series(windows[0], "agent_heartbeat")[""].count == 3


def test_stopping_hands_on_the_open_window():
    stop = Bell()
    collector = FakeCollector(Sample(host.SYSTEM_LOAD1, 2.0))
    clock = FakeClock()
    clock.woken = lambda _: stop.end()
    loop, windows = make({"load": collector}, clock)

    loop.run(stop)

    assert collector.looks == 1
    assert series(windows[0], "system_load1")[""].total == 2.0


def test_a_metric_of_high_resolution_has_a_datum_a_second():
    clock = FakeClock()
    load = FakeCollector(Sample(host.SYSTEM_LOAD1, 1.5), Sample(host.SYSTEM_LOAD5, 1.5))
    aggregate = Aggregate(ME, high_resolution=["system_load1"])
    loop, windows = make({"load": load}, clock, aggregate=aggregate)

    for _ in range(3):
        loop.round(clock.now())
        clock.advance(5)
    loop.close()

    found = [(datum.metric.name, datum.second, datum.count) for datum in windows[0].datums]
    assert [("system_load1", 1, 1), ("system_load1", 6, 1), ("system_load1", 11, 1)] == [
        one for one in found if one[0] == "system_load1"
    ]
    assert ("system_load5", 0, 3) in found


def test_a_fault_is_handed_on_at_once_and_not_again():
    clock = FakeClock()
    gpu = FakeCollector(Sample(gpus.GPU_XID_CRITICAL, 0.0), Sample(host.SYSTEM_LOAD1, 1.0))
    loop, windows = make({"gpu": gpu}, clock)
    loop.round(clock.now())
    assert [] == windows

    gpu.samples = (Sample(gpus.GPU_XID_CRITICAL, 1.0), Sample(host.SYSTEM_LOAD1, 1.0))
    loop.round(clock.now())

    (fault,) = windows
    assert [("gpu_xid_critical", 1.0, 2)] == [(one.metric.name, one.total, one.count) for one in fault.datums]
    assert (NOON, timedelta(seconds=1)) == (fault.start, fault.length)
    gpu.samples = (Sample(gpus.GPU_XID_CRITICAL, 0.0), Sample(host.SYSTEM_LOAD1, 1.0))
    loop.round(clock.now())
    loop.close()
    assert (0.0, 1) == (
        series(windows[1], "gpu_xid_critical")[""].total,
        series(windows[1], "gpu_xid_critical")[""].count,
    )
    assert 3 == series(windows[1], "system_load1")[""].count


def test_observers_see_each_sample_at_once_and_at_its_windows_end_how_the_looks_went():
    seen: list[Sample] = []
    loop, _ = make({"load": FakeCollector(Sample(host.SYSTEM_LOAD1, 1.0))}, FakeClock(), observers=[seen.append])

    loop.round(NOON)

    assert ["system_load1", "agent_heartbeat"] == [sample.metric.name for sample in seen]
    loop.close()
    of_the_collector = ["agent_collector_success", "agent_collector_duration"]
    assert [*of_the_collector, *of_the_collector] == [sample.metric.name for sample in seen[2:]]


def test_a_clock_that_is_set_back_does_not_stop_the_sampling():
    clock = FakeClock()
    stop = Bell()

    class SetBack(FakeCollector):
        def collect(self):
            clock.advance(-3600 if self.looks == 1 else 0)
            return super().collect()

    collector = SetBack()
    clock.woken = lambda _: stop.end() if len(clock.asleep) == 4 else None
    loop, windows = make({"cpu": collector}, clock)

    loop.run(stop)

    assert max(clock.asleep) <= 5
    assert 4 == collector.looks
    assert [NOON, NOON - timedelta(hours=1)] == [window.start for window in windows]


def test_a_machine_that_slept_goes_on_with_the_present_minute():
    clock = FakeClock()
    stop = Bell()

    def woken(_):
        if len(clock.asleep) == 1:
            clock.advance(8 * 3600)
        if len(clock.asleep) == 3:
            stop.end()

    clock.woken = woken
    loop, windows = make({}, clock)

    loop.run(stop)

    assert [NOON, NOON + timedelta(hours=8)] == [window.start for window in windows]
    assert [1, 2] == [series(window, "agent_heartbeat")[""].count for window in windows]
