import logging
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.delivery import IDLE_SECONDS, Delivery
from agent.lane import SENT
from agent.pace import LONGEST_BACKOFF_SECONDS, MOST_CALLS_A_SECOND, Pace, backoff_seconds
from agent.sample import Datum
from agent.sinks import Verdict
from agent.store import Store
from core.catalogue import gpu, host
from tests.agent.fakes import NOON, FakeClock, FakeSink, datum, window

LATER, THROTTLED, UNKNOWN, REFUSED = Verdict.LATER, Verdict.THROTTLED, Verdict.UNKNOWN, Verdict.REFUSED


def make(*sinks, folder=None, **changes):
    clock = FakeClock(NOON + timedelta(days=1))
    store = Store(folder, sinks=[sink.name for sink in sinks], limit_bytes=10**8, clock=clock, free=lambda _: (1, 1))
    return Delivery(store, sinks, clock=clock, chance=lambda: 1.0, **changes), store, clock


def work(delivery, clock, turns=50):
    """Turns until all sinks have all; how long each wait was."""
    waits: list[float] = []
    while delivery.left() and len(waits) < turns:
        waits.append(delivery.turn())
        clock.advance(waits[-1])
    return waits


def minutes(request):
    return list(dict.fromkeys((item.start - NOON) // timedelta(minutes=1) for item in request))


def test_a_request_carries_as_many_windows_as_fit_the_newest_first():
    sink = FakeSink(max_entries=5)
    delivery, _, clock = make(sink)
    for minute in range(4):
        delivery.offer(window(minute, 2))

    work(delivery, clock)

    assert [[3, 2, 1], [1, 0]] == [minutes(request) for request in sink.requests]
    assert [5, 3] == [len(request) for request in sink.requests]
    assert 8 == len({(item.start, item.datum.dimensions) for item in sink.taken})


def test_now_and_then_the_oldest_come_first():
    sink = FakeSink(max_entries=2)
    delivery, _, clock = make(sink)
    for minute in range(6):
        delivery.offer(window(minute, 2))

    work(delivery, clock)

    assert [[5], [4], [3], [0], [2], [1]] == [minutes(request) for request in sink.requests]


def test_a_backlog_is_sent_at_two_calls_a_second():
    sink = FakeSink(max_entries=2)
    delivery, _, clock = make(sink)
    for minute in range(10):
        delivery.offer(window(minute, 2))

    waits = work(delivery, clock)

    assert 10 == len(sink.requests)
    assert 9 / MOST_CALLS_A_SECOND == pytest.approx(sum(waits[:9]), rel=0.05)
    assert min(waits[:9]) > 0.3


def test_what_is_not_taken_is_tried_again_after_growing_pauses():
    sink = FakeSink(LATER, LATER, LATER)
    delivery, store, clock = make(sink)
    delivery.offer(window())

    waits = work(delivery, clock)

    assert [1.0, 2.0, 4.0] == waits[:3]
    assert 4 == len(sink.requests)
    assert "resends" not in store.counts()


def test_throttling_halves_the_rate_which_comes_back_slowly():
    pace = Pace()
    for _ in range(3):
        pace.throttled(0.0, 0.0)
    assert MOST_CALLS_A_SECOND / 8 == pace.calls_a_second

    taken = 0
    while pace.calls_a_second < MOST_CALLS_A_SECOND:
        pace.taken()
        taken += 1

    assert 20 < taken < 30


def test_a_throttled_window_is_sent_again_and_is_no_resend():
    sink = FakeSink(THROTTLED)
    delivery, store, clock = make(sink)
    delivery.offer(window())

    work(delivery, clock)

    assert 2 == len(sink.taken)
    assert {} == store.counts()


def test_a_lost_answer_makes_a_resend_that_is_counted():
    sink = FakeSink(UNKNOWN, LATER)
    delivery, store, clock = make(sink)
    delivery.offer(window(0))
    delivery.offer(window(1))

    work(delivery, clock)

    assert {"resends": 4} == store.counts(), "two windows, twice"
    assert 4 == len(sink.taken)


def test_what_a_sink_would_never_take_is_set_aside_once_and_not_sent():
    sink = FakeSink(LATER, LATER)
    delivery, store, clock = make(sink)
    delivery.offer(window(0, 0, datum(path="unfit"), datum(path="/a"), datum(path="unfit")))
    delivery.offer(window(1, 0, datum(path="unfit")))

    work(delivery, clock)

    assert ["/a"] == [dict(item.datum.dimensions)["path"] for item in sink.taken]
    assert {"datums_quarantined": 3} == store.counts()


def test_a_window_without_anything_for_the_sink_is_done():
    sink = FakeSink()
    delivery, _, clock = make(sink)
    delivery.offer(window(0, 0, datum(metric=host.AGENT_HEARTBEAT)))

    work(delivery, clock)

    assert [] == sink.requests
    assert 0 == delivery.left()


def test_a_datum_larger_than_a_request_is_set_aside():
    sink = FakeSink()
    sink.max_bytes = 50
    delivery, store, clock = make(sink)
    delivery.offer(window(0, 2))

    work(delivery, clock)

    assert {"datums_quarantined": 2} == store.counts()


def test_one_sink_in_trouble_does_not_hold_the_other():
    away, well = FakeSink(*[LATER] * 3), FakeSink()
    away.name = "away"
    delivery, _, clock = make(away, well)
    delivery.offer(window(0))
    delivery.turn()

    assert 2 == len(well.taken)
    assert 0 == len(away.taken)
    work(delivery, clock)
    assert 2 == len(away.taken)


def test_windows_of_a_clock_that_was_ahead_wait_and_hold_nothing_up():
    sink = FakeSink()
    delivery, _, clock = make(sink)
    delivery.offer(window(0))
    for minute in range(150):
        delivery.offer(window(3 * 24 * 60 + minute))

    delivery.turn()
    assert [0] == minutes(sink.taken)
    clock.advance(3 * 24 * 3600)
    work(delivery, clock)

    assert 0 == delivery.left()


def test_nothing_waiting_means_nothing_to_do():
    delivery, _, _ = make(FakeSink())

    assert IDLE_SECONDS == delivery.turn()


def test_the_thread_sends_what_is_offered_and_stopping_tries_once_more():
    sink = FakeSink()
    delivery, _, _ = make(sink)
    delivery.start()
    delivery.offer(window(0))

    assert sink.sent.wait(10)
    sink.verdicts = [LATER] * 1000
    delivery.offer(window(1))

    assert 1 == delivery.finish(within_seconds=10)


class Broken(FakeSink):
    """Raises what no sink should, as often as it is told to."""

    name = "broken"

    def __init__(self, times):
        super().__init__()
        self.times = times

    def send(self, items, *, timeout_seconds):
        if self.times:
            self.times -= 1
            raise ValueError("nobody foresaw this")
        return super().send(items, timeout_seconds=timeout_seconds)


def test_what_nobody_foresaw_is_told_once_and_neither_sink_stops(caplog):
    broken, well = Broken(5), FakeSink()
    delivery, _, clock = make(broken, well)
    delivery.offer(window(0))

    work(delivery, clock)

    assert 2 == len(broken.taken) == len(well.taken)
    told = [record for record in caplog.records if record.message == "delivery failed"]
    assert ["nobody foresaw this"] == [str(record.exc_info[1]) for record in told]


def test_the_thread_outlives_a_turn_that_fails(caplog, monkeypatch):
    sink = FakeSink()
    delivery, store, _ = make(sink)
    failures = [OSError("the store fails"), RuntimeError("and again")]
    monkeypatch.setattr(store, "tend", lambda: failures and (_ for _ in ()).throw(failures.pop()))
    delivery.offer(window(0))
    delivery.start()

    assert sink.sent.wait(10)
    assert delivery.at_work
    assert 0 == delivery.finish(within_seconds=10)
    assert ["delivery failed"] == [record.message for record in caplog.records if record.levelname == "ERROR"]


def test_a_window_that_the_store_cannot_hold_is_told_of_and_the_next_is_sent(caplog):
    sink = FakeSink()
    delivery, store, clock = make(sink)
    delivery.offer(window(0, 0, Datum(host.DISK_USED, (), 1.0, 1.0, 1.0, 1, (1.0,), (-5,))))
    delivery.offer(window(1))

    work(delivery, clock)

    assert [1] == minutes(sink.taken)
    assert "window lost: the store cannot hold it" in caplog.text
    assert {"windows_lost": 1} == store.counts()


def test_trouble_is_logged_once_until_it_ends(caplog):
    caplog.set_level(logging.INFO)
    sink = FakeSink(LATER, LATER, LATER, LATER)
    delivery, _, clock = make(sink)
    delivery.offer(window(0))

    work(delivery, clock)

    assert ["windows not sent", "windows sent"] == [record.message for record in caplog.records]


def test_each_minute_that_a_sink_has_is_told_once_and_the_backlog_only_now_and_then(caplog):
    caplog.set_level(logging.INFO)
    delivery, _, clock = make(FakeSink())
    for minute in (5, 0, 6):
        delivery.offer(window(minute))
        work(delivery, clock)

    starts = [record.start for record in caplog.records if record.message == SENT]
    assert [(NOON + timedelta(minutes=minute)).isoformat() for minute in (5, 6)] == starts


def test_a_fault_that_went_ahead_does_not_say_that_its_minute_was_sent(caplog):
    caplog.set_level(logging.INFO)
    delivery, _, clock = make(FakeSink())
    delivery.offer(window(0, 0, Datum(gpu.GPU_ECC_UNCORRECTED, (), 1, 1, 1, 1, (1,), (1,))))
    work(delivery, clock)

    assert ["none"] == [record.start for record in caplog.records if record.message == SENT]


def test_an_attempt_that_cannot_be_noted_is_not_made(tmp_path):
    sink = FakeSink()
    delivery, store, clock = make(sink, folder=tmp_path)
    delivery.offer(window(0, 3))
    (spool,) = store.spools
    spool._database.execute("PRAGMA query_only = 1")

    delivery.turn()
    assert [] == sink.requests
    spool._database.execute("PRAGMA query_only = 0")
    work(delivery, clock)

    assert 3 == len(sink.taken)
    assert {} == store.counts()


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_pause_is_never_longer_than_five_minutes(failures, chance):
    assert 0 <= backoff_seconds(failures, chance) <= LONGEST_BACKOFF_SECONDS
