from datetime import timedelta
from functools import partial

from agent.aggregate import Aggregate
from agent.clock import Bell
from agent.sample import NoData, Sample
from core.catalogue import gpu as gpus
from core.catalogue import host
from tests.agent.fakes import NOON, FakeClock, FakeCollector
from tests.agent.test_loop import ME, MINUTE, make, series


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
