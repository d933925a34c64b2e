import logging
import math
import threading
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent.aggregate import LARGEST_VALUE, Aggregate, window_start
from agent.loop import Loop
from agent.sample import NoData, Sample, Window
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
    stop = threading.Event()
    clock.woken = lambda _: stop.set() if clock.now() >= NOON + timedelta(seconds=125) else None
    loop, windows = make({}, clock)

    loop.run(stop)

    assert [NOON, NOON + MINUTE, NOON + 2 * MINUTE] == [window.start for window in windows]
    # 47 then 50 and 55; 0 to 55; 0 (and at 5 the stop)
    assert [3, 12, 1] == [series(window, "agent_heartbeat")[""].count for window in windows]
    assert clock.asleep[:2] == [3.0, 5.0]


def test_waking_a_moment_early_is_not_one_more_round():
    clock = FakeClock()
    stop = threading.Event()

    def early(seconds):
        clock.advance(-0.002)
        if len(clock.asleep) == 3:
            stop.set()

    clock.woken = early
    loop, windows = make({}, clock)

    loop.run(stop)

    assert series(windows[0], "agent_heartbeat")[""].count == 3


def test_stopping_hands_on_the_open_window():
    stop = threading.Event()
    collector = FakeCollector(Sample(host.SYSTEM_LOAD1, 2.0))
    clock = FakeClock()
    clock.woken = lambda _: stop.set()
    loop, windows = make({"load": collector}, clock)

    loop.run(stop)

    assert collector.looks == 1
    assert series(windows[0], "system_load1")[""].total == 2.0


def test_what_is_no_number_for_cloudwatch_is_dropped_and_counted():
    aggregate = Aggregate(ME)
    for value in (math.nan, math.inf, -math.inf, 2 * LARGEST_VALUE, 1.0):
        aggregate.add(Sample(host.SYSTEM_LOAD1, value))

    window = aggregate.close(NOON, MINUTE)

    assert window.dropped == 4
    assert (1.0, 1) == (window.datums[0].total, window.datums[0].count)


def test_each_window_begins_empty():
    aggregate = Aggregate(ME)
    aggregate.add(Sample(host.SYSTEM_LOAD1, math.nan))
    aggregate.close(NOON, MINUTE)

    window = aggregate.close(NOON, MINUTE)

    assert ((), 0) == (window.datums, window.dropped)


@given(st.lists(st.floats(-1e12, 1e12), min_size=1))
def test_a_statistic_set_describes_its_samples(values):
    aggregate = Aggregate(ME)
    for value in values:
        aggregate.add(Sample(host.DISK_USED, value, (("path", "/"),)))

    (datum,) = aggregate.close(NOON, MINUTE).datums

    assert (min(values), max(values), len(values)) == (datum.minimum, datum.maximum, datum.count)
    assert math.isclose(sum(values), datum.total, rel_tol=1e-9, abs_tol=1e-3)
    assert (*ME, ("path", "/")) == datum.dimensions


@given(st.integers(0, 10**7), st.sampled_from([60, 120, 300]))
def test_windows_are_whole_multiples_of_their_length(seconds, length):
    now = NOON + timedelta(seconds=seconds)

    start = window_start(now, timedelta(seconds=length))

    assert start <= now < start + timedelta(seconds=length)
    assert start.timestamp() % length == 0
