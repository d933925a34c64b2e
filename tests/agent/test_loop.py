import logging
import math
from datetime import timedelta
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from agent.aggregate import LARGEST_VALUE, MOST_SAMPLES, Aggregate, window_start
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


def test_what_an_application_counted_many_times_as_a_whole_number_is_summed_exactly():
    aggregate = Aggregate(ME)

    aggregate.add(Sample(host.NET_BYTES_RECV, 1234567, times=3))
    window = aggregate.close(NOON, MINUTE)

    (datum,) = window.datums
    assert (datum.total, datum.values, datum.counts) == (3 * 1234567, (1234567.0,), (3,))


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


def aggregated(metric, values, **arguments):
    aggregate = Aggregate(ME, **arguments)
    for value in values:
        aggregate.add(Sample(metric, value, (("path", "/"),)))
    (datum,) = aggregate.close(NOON, MINUTE).datums
    return datum


@given(st.lists(st.floats(0, 1e12), min_size=1))
def test_a_gauge_has_its_values_to_three_significant_digits(values):
    datum = aggregated(host.DISK_USED, values)

    rounded = [float(f"{value:.3g}") for value in values] if len(set(values)) > 1 else values
    assert sorted(rounded) == sorted(
        value for value, count in zip(datum.values, datum.counts, strict=True) for _ in range(count)
    )
    assert (min(rounded), max(rounded), len(values)) == (datum.minimum, datum.maximum, datum.count)
    assert math.isclose(sum(rounded), datum.total, rel_tol=1e-9, abs_tol=1e-3)
    assert math.isclose(sum(values), datum.total, rel_tol=5e-3, abs_tol=1e-3)
    assert (*ME, ("path", "/")) == datum.dimensions


@given(st.lists(st.integers(0, 10**12).map(float), min_size=1))
def test_what_is_counted_is_exact(values):
    assert sum(values) == aggregated(host.NET_BYTES_SENT, values).total


def test_a_gauge_that_stands_still_is_exact():
    assert (25276502016.0,) == aggregated(host.MEM_TOTAL, [25276502016.0] * 12).values


@given(st.lists(st.floats(-1e6, 1e6), min_size=1).filter(lambda values: min(values) < 0))
def test_signed_values_are_a_statistic_set(values):
    datum = aggregated(host.SYSTEM_LOAD1, values)

    assert ((), ()) == (datum.values, datum.counts)
    assert len(values) == datum.count


def test_a_flood_of_samples_is_counted_by_value():
    aggregate = Aggregate(ME)
    for number in range(3 * MOST_SAMPLES):
        aggregate.add(Sample(host.SYSTEM_LOAD1, number / 7))
    (series,) = aggregate._series.values()

    assert len(series.samples) < MOST_SAMPLES
    assert 3 * MOST_SAMPLES == aggregate.close(NOON, MINUTE).datums[0].count


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


class FakePressing(FakeCollector):
    """Presses for as many looks as are `waiting`."""

    waiting = 0
    ring = None

    def pressing(self):
        return self.waiting > 0

    def notify(self, ring):
        self.ring = ring

    def collect(self):
        self.waiting = max(0, self.waiting - 1)
        return super().collect()


def test_what_cannot_wait_is_looked_at_when_it_comes_however_long_the_interval():
    clock, stop = FakeClock(), Bell()
    gpu = FakePressing(Sample(gpus.GPU_XID_CRITICAL, 0.0))

    def woken(_):
        if clock.now() == NOON + timedelta(seconds=20) and gpu.ring is not None:  # but it was 3 s past noon
            clock.advance(-17)
            gpu.samples, gpu.waiting = (Sample(gpus.GPU_XID_CRITICAL, 1.0),), 2
            gpu.ring()
            gpu.ring = None
        elif len(clock.asleep) == 2:
            stop.end()

    clock.woken = woken
    loop, windows = make({"gpu": gpu}, clock, pressing={"gpu": gpu}, sample_every=timedelta(seconds=20))

    loop.run(stop)

    assert [timedelta(seconds=4)] * 2 + [MINUTE] == [window.length for window in windows]
    assert gpu.looks == 1 + 2, "the first may leave something out, the second looks closer"
    assert clock.asleep == [20.0, 17.0], "nothing else wakes it"


class EndedTooSoon(Bell):
    def clear(self):
        self.end()
        super().clear()


def test_a_bell_that_is_ended_just_before_it_is_cleared_ends_the_rest_all_the_same():
    clock, gpu, stop = FakeClock(), FakePressing(), EndedTooSoon()
    loop, windows = make({"gpu": gpu}, clock, pressing={"gpu": gpu})

    loop.run(stop)

    assert (gpu.looks, len(windows), clock.asleep) == (1, 1, [])


class FakeDeferring(FakeCollector):
    """What it sees is the number of the look, and understanding it may fail."""

    def __init__(self, *, spoilt=()):
        super().__init__()
        self.spoilt = spoilt
        self.understood = []

    def look(self):
        self.looks += 1
        return partial(self._samples, self.looks)

    def _samples(self, number):
        self.understood.append(number)
        if number in self.spoilt:
            raise ValueError(number)
        yield Sample(host.SYSTEM_LOAD1, number)


def test_looks_that_are_deferred_are_understood_twelve_at_a_time():
    clock, collector = FakeClock(), FakeDeferring()
    loop, _ = make({"load": collector}, clock)

    understood = []
    for _ in range(13):
        loop.round(NOON)
        understood.append(len(collector.understood))
        clock.advance(4)

    assert understood == [0] * 11 + [12] * 2


def test_they_are_understood_earlier_in_a_round_that_has_more_to_do_and_before_the_window_closes():
    clock, collector = FakeClock(), FakeDeferring()
    loop, windows = make({"load": collector, "slow": FakeCollector()}, clock, every={"slow": 28.0})

    understood = []
    for _ in range(15):
        loop.round(clock.now())
        understood.append(len(collector.understood))
        clock.advance(4)
    loop.round(clock.now())  # the next minute's first

    assert understood == [0] * 8 + [9] * 7
    assert collector.understood == list(range(1, 16))
    assert series(windows[0], "system_load1")[""].values == tuple(map(float, range(1, 16)))
    assert series(windows[0], "agent_heartbeat")[""].count == 15


def test_deferred_looks_keep_their_seconds_and_are_judged_each_for_itself():
    clock, collector = FakeClock(), FakeDeferring(spoilt={2})
    aggregate = Aggregate(ME, high_resolution=["system_load1"])
    loop, windows = make({"load": collector}, clock, aggregate=aggregate)

    for _ in range(3):
        loop.round(clock.now())
        clock.advance(5)
    loop.close()

    loads = [one for one in windows[0].datums if one.metric.name == "system_load1"]
    assert [(one.second, one.values) for one in loads] == [(1, (1.0,)), (11, (3.0,))]
    success = series(windows[0], "agent_collector_success")["load"]
    assert (success.total, success.count) == (2, 3)


class FakeBlind(FakeDeferring):
    def look(self):
        raise OSError


def test_a_look_that_fails_is_counted_though_there_is_nothing_to_understand():
    loop, windows = make({"load": FakeBlind()}, FakeClock())

    loop.round(NOON)
    loop.close()

    success = series(windows[0], "agent_collector_success")["load"]
    assert (success.total, success.count) == (0, 1)


def test_who_is_shown_samples_is_shown_them_in_their_round():
    seen: list[Sample] = []
    collector = FakeDeferring()
    loop, _ = make({"load": collector}, FakeClock(), observers=[seen.append])

    loop.round(NOON)

    assert [(sample.metric.name, sample.value) for sample in seen] == [("agent_heartbeat", 1), ("system_load1", 1)]


def test_a_collector_that_says_how_long_it_will_have_nothing_is_not_asked_meanwhile():
    clock, collector = FakeClock(), FakeCollector(error=NoData(12.0))
    other = FakeCollector(Sample(host.MEM_USED, 1))
    loop, _ = make({"gpu": collector, "other": other}, clock)

    looks = []
    for _ in range(6):
        loop.round(clock.now())
        looks.append(collector.looks)
        clock.advance(5)

    assert looks == [1, 1, 1, 2, 2, 2]
    assert other.looks == 6


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


@given(st.integers(0, 10**7), st.sampled_from([60, 120, 300]))
def test_windows_are_whole_multiples_of_their_length(seconds, length):
    now = NOON + timedelta(seconds=seconds)

    start = window_start(now, timedelta(seconds=length))

    assert start <= now < start + timedelta(seconds=length)
    assert start.timestamp() % length == 0
