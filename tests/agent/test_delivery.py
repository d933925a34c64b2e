import logging
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent.delivery import LONGEST_BACKOFF_SECONDS, Delivery, backoff_seconds
from agent.sample import Datum, Window
from agent.sinks import Outcome
from core.catalogue import host
from tests.agent.fakes import NOON, FakeClock, FakeSink


def window(minute, count=2):
    datums = tuple(Datum(host.SYSTEM_LOAD1, (("host", str(n)),), 0, 0, 0, 1) for n in range(count))
    return Window(NOON + timedelta(minutes=minute), timedelta(minutes=1), datums)


def later(offered):
    return Outcome(offered.datums, reason="throttled")


def make(sink, **changes):
    clock = FakeClock()
    return Delivery(sink, clock=clock, chance=lambda: 1.0, **changes), clock


def test_windows_are_sent_oldest_first():
    sink = FakeSink()
    delivery, _ = make(sink)
    for minute in range(3):
        delivery.offer(window(minute))

    delivery.start()

    assert [window(0), window(1), window(2)] == [sink.offered.get(timeout=10) for _ in range(3)]
    assert delivery.finish(within_seconds=10) == 0


def test_a_window_that_is_not_taken_is_tried_again_after_growing_pauses():
    sink = FakeSink(later, later, later)
    delivery, clock = make(sink)
    delivery.offer(window(0))

    delivery.start()
    offered = [sink.offered.get(timeout=10) for _ in range(4)]

    assert [window(0)] * 4 == offered
    assert delivery.finish(within_seconds=10) == 0
    assert [1.0, 2.0, 4.0] == clock.asleep


def test_only_what_was_not_taken_is_sent_again():
    sink = FakeSink(lambda offered: Outcome(offered.datums[1:], rejected=1))
    delivery, _ = make(sink)
    delivery.offer(window(0))

    delivery.start()

    assert [2, 1] == [len(sink.offered.get(timeout=10).datums) for _ in range(2)]
    assert delivery.finish(within_seconds=10) == 0
    assert delivery.rejected == 1


def test_the_oldest_windows_are_dropped_and_counted_when_the_queue_is_full():
    sink = FakeSink()
    delivery, _ = make(sink, capacity=3)
    for minute in range(5):
        delivery.offer(window(minute))

    delivery.start()

    assert [window(2), window(3), window(4)] == [sink.offered.get(timeout=10) for _ in range(3)]
    assert delivery.lost == 2
    delivery.finish(within_seconds=10)


def test_stopping_tries_once_and_says_what_is_left():
    sink = FakeSink(later, later)
    delivery, clock = make(sink)
    for minute in range(2):
        delivery.offer(window(minute))
    delivery._stopping.set()

    delivery.start()

    assert delivery.finish(within_seconds=10) == 2
    assert sink.offered.qsize() == 1
    assert clock.asleep == []


def test_trouble_is_logged_once_until_it_ends(caplog):
    caplog.set_level(logging.INFO)
    sink = FakeSink(later, later, later, later)
    delivery, _ = make(sink)
    delivery.offer(window(0))

    delivery.start()
    for _ in range(5):
        sink.offered.get(timeout=10)
    delivery.finish(within_seconds=10)

    assert ["window not sent", "window sent"] == [record.message for record in caplog.records]


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_pause_is_never_longer_than_five_minutes(failures, chance):
    assert 0 <= backoff_seconds(failures, chance) <= LONGEST_BACKOFF_SECONDS
