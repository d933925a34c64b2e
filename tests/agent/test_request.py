import threading
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent.lane import PATIENCE
from agent.sinks import Verdict
from tests.agent.fakes import FakeSink, window
from tests.agent.test_delivery import make, minutes, work

LATER, THROTTLED, UNKNOWN, REFUSED = Verdict.LATER, Verdict.THROTTLED, Verdict.UNKNOWN, Verdict.REFUSED


@given(st.sets(st.integers(0, 29), max_size=4), st.integers(1, 12))
def test_poison_is_found_and_everything_else_arrives_once(poison, room):
    bad = {("path", f"/{number % 10}"): number // 10 for number in poison}

    def is_poison(item):
        return any(bad.get(pair) == minutes([item])[0] for pair in item.datum.dimensions)

    sink = FakeSink(max_entries=room, poison=is_poison)
    delivery, store, clock = make(sink)
    for minute in range(3):
        delivery.offer(window(minute, 10))

    work(delivery, clock, turns=200)
    more = 0
    while delivery.left() and more < 30:  # what is left is bad; but a minute has always something good
        more += 1
        delivery.offer(window(2 + more, 1))
        work(delivery, clock, turns=8)

    assert 0 == delivery.left()
    arrived = [(minutes([item])[0], item.datum.dimensions) for item in sink.taken]
    assert len(arrived) == len(set(arrived)) == 30 - len(bad) + more
    assert len(bad) == store.counts().get("datums_quarantined", 0)
    assert "resends" not in store.counts()


def test_a_sink_that_refuses_everything_costs_no_datum_and_is_not_asked_for_each(caplog):
    closed = [True]
    sink = FakeSink(poison=lambda item: closed[0])
    delivery, store, clock = make(sink)
    asked = []
    for minute in range(40):
        delivery.offer(window(minute, 25))
        before = len(sink.requests)
        delivery.turn()
        asked.append(len(sink.requests) - before)
        clock.advance(60)

    assert {} == store.counts()
    assert 40 == delivery.left()
    assert {"refused as a whole: refused"} == {record.reason for record in caplog.records}
    searches = [count for count in asked if count]
    assert 2 * 4 * 25 - 1 == searches.pop(3), "the fourth is thorough"
    assert {PATIENCE} == set(searches)
    closed[0] = False
    work(delivery, clock)

    assert 1000 == len(sink.taken)
    assert {} == store.counts()


@given(st.integers(1, 60))
def test_a_sink_that_takes_everything_again_amid_a_search_costs_no_datum_and_gets_each_once(refusals):
    sink = FakeSink(*[REFUSED] * refusals)
    delivery, store, clock = make(sink)
    delivery.offer(window(0, 25))

    work(delivery, clock)

    assert 25 == len(sink.taken) == len({item.datum.dimensions for item in sink.taken})
    assert {} == store.counts()


def test_bad_datums_alone_are_set_aside_once_the_sink_has_taken_others():
    sink = FakeSink(max_entries=2, poison=lambda item: minutes([item]) == [0])
    delivery, store, clock = make(sink)
    delivery.offer(window(0, 2))
    work(delivery, clock, turns=10)
    assert {} == store.counts(), "the sink has taken nothing else"

    for minute in range(1, 4):
        delivery.offer(window(minute, 2))
        work(delivery, clock, turns=10)

    assert 0 == delivery.left()
    assert {"datums_quarantined": 2} == store.counts()
    assert 6 == len(sink.taken)


def test_a_long_search_keeps_no_other_sink_waiting():
    closed, well = FakeSink(poison=lambda item: True), FakeSink()
    closed.name = "closed"
    delivery, store, clock = make(closed, well)
    begin = clock.now()
    offered: list[datetime] = []
    late: list[timedelta] = []

    def pass_time(seconds):
        while (clock.now() - begin) // timedelta(minutes=1) >= len(offered):
            offered.append(clock.now())
            delivery.offer(window(len(offered) - 1, 200))

    def arrive(item):
        late.append(clock.now() - offered[minutes([item])[0]])
        return False

    well.poison = arrive
    clock.woken = pass_time
    pass_time(0)
    while len(closed.requests) < 1000:
        delivery.turn()
        clock.sleep(1, threading.Event())

    assert len(offered) >= 8
    assert max(late) < timedelta(seconds=3)
    assert store.depth("fake") <= 1 < store.depth("closed")


def test_more_bad_datums_before_the_good_ones_than_a_short_search_goes_through_are_found():
    sink = FakeSink(poison=lambda item: int(dict(item.datum.dimensions)["path"][1:]) < 60)
    delivery, store, clock = make(sink)
    delivery.offer(window(0, 64))

    work(delivery, clock)

    assert 0 == delivery.left()
    assert {"datums_quarantined": 60} == store.counts()
    assert 4 == len(sink.taken)


def test_throttling_while_poison_is_sought_sends_nothing_twice():
    sink = FakeSink(Verdict.TAKEN, THROTTLED, poison=lambda item: ("path", "/2") in item.datum.dimensions)
    sink.verdicts = [REFUSED, Verdict.TAKEN, THROTTLED]
    delivery, store, clock = make(sink)
    delivery.offer(window(0, 4))

    work(delivery, clock)

    assert ["/0", "/1", "/3"] == sorted(dict(item.datum.dimensions)["path"] for item in sink.taken)
    assert {"datums_quarantined": 1} == store.counts()
