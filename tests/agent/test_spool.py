import sqlite3
from datetime import timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.database import CorruptError, SpoolError
from agent.held import Piece
from agent.sample import Datum
from agent.spool import Spool
from core.catalogue import gpu as gpus
from core.catalogue import host
from tests.agent.fakes import NOON, datum, window

SINKS = ("a", "b")


@pytest.fixture
def spool(tmp_path):
    opened = Spool(tmp_path / "spool.db", sinks=SINKS)
    yield opened
    opened.close()


def reopen(spool, sinks=SINKS):
    spool.close()
    return Spool(spool.path, sinks=sinks)


def held(spool, sink="a", newest_first=False):
    return [spool.load(sink, number) for number in spool.waiting(sink, newest_first=newest_first, limit=1000)]


def whole(one):
    return Piece(one, len(one.datums))


def values(one):
    return [(d.metric.name, d.dimensions, d.values, d.counts, d.total, d.second) for d in one.datums]


def test_a_window_comes_back_as_it_was(spool):
    fine = msgspec.structs.replace(datum(2.5, "/fine"), second=17)
    signed = Datum(host.SYSTEM_LOAD1, (("host", "h"),), -2.0, 3.5, 1.25, 3)
    spool.add(window(3, 0, datum(1.0), fine, signed))

    (found,) = held(reopen(spool))

    assert (NOON + timedelta(minutes=3), timedelta(minutes=1)) == (found.start, found.length)
    assert values(window(3, 0, datum(1.0), fine, signed)) == values(found)
    assert (found.datums[2].minimum, found.datums[2].maximum, found.datums[2].count) == (-2.0, 3.5, 3)
    assert found.datums[0].metric.unit == host.DISK_USED.unit


def test_a_window_goes_when_every_sink_has_it(spool):
    spool.add(window())
    (one,) = held(spool)

    spool.taken("a", [whole(one)])
    assert (0, 1) == (spool.depth("a"), spool.depth("b"))
    assert values(one) == values(held(spool, "b")[0])
    spool.taken("b", [whole(one)])

    assert [] == spool._read("SELECT id FROM window", ())


def test_a_sink_that_is_new_starts_now_and_one_that_is_gone_holds_nothing(spool):
    spool.add(window(0))
    spool = reopen(spool, ("b", "c"))
    spool.add(window(1))

    assert (2, 1) == (spool.depth("b"), spool.depth("c"))
    spool.taken("b", [whole(one) for one in held(spool, "b")])
    assert 1 == len(spool._read("SELECT id FROM window", ()))
    spool.close()


def test_what_waits_for_a_sink_that_is_gone_is_given_up_counted_and_told_of(spool, caplog):
    for minute in range(3):
        spool.add(window(minute))
    spool.taken("a", [whole(held(spool)[0])])

    spool = reopen(spool, ("b",))
    assert {"windows_given_up": 2} == spool.counts()
    assert [("a", 2)] == [(record.sink, record.windows) for record in caplog.records]
    caplog.clear()
    spool.taken("b", [whole(one) for one in held(spool, "b")])
    spool = reopen(spool, ("c",))

    assert {"windows_given_up": 2} == spool.counts()
    assert [] == caplog.records, "nothing waited for it"
    spool.close()


def test_a_window_that_has_the_number_of_one_that_is_gone_is_its_own(spool):
    numbers = []
    for minute in range(3):
        spool.add(window(minute))
        for sink in SINKS:
            (one,) = held(spool, sink)
            numbers.append(one.number)
            assert values(one) == values(window(minute))
            spool.taken(sink, [whole(one)])
    spool.adopt(0, 60, window(9).datums, None)

    assert values(held(spool)[0]) == values(window(9))
    assert set(numbers) == {1}


def test_an_attempt_without_an_answer_makes_the_next_a_resend(spool):
    spool.add(window(0))
    spool.add(window(1))
    pieces = [whole(one) for one in held(spool)]
    assert 0 == spool.attempt("a", pieces)

    spool = reopen(spool)  # as after kill -9
    again = [whole(one) for one in held(spool)]

    assert 2 == spool.attempt("a", again)
    assert {"resends": 2} == spool.counts()
    assert 0 == spool.attempt("b", [whole(one) for one in held(spool, "b")]), "each sink has its own attempts"
    spool.close()


def test_an_attempt_that_was_answered_with_no_makes_none(spool):
    spool.add(window())
    piece = whole(held(spool)[0])

    for _ in range(3):
        spool.attempt("a", [piece])
        spool.not_taken("a", [piece])
        piece = whole(held(spool)[0])

    assert {} == spool.counts()


def test_a_no_does_not_answer_an_earlier_attempt(spool):
    spool.add(window())
    spool.attempt("a", [whole(held(spool)[0])])
    second = whole(held(spool)[0])
    spool.attempt("a", [second])
    spool.not_taken("a", [second])

    assert 1 == spool.attempt("a", [whole(held(spool)[0])])
    assert {"resends": 2} == spool.counts()


def test_a_window_may_be_taken_in_parts(spool):
    spool.add(window(0, 5))
    (one,) = held(spool)
    part = Piece(one, 3)
    spool.attempt("a", [part])
    spool.taken("a", [part])

    (rest,) = held(reopen(spool))

    assert (3, 3) == (rest.done, rest.tried)
    assert 5 == len(rest.datums)


def test_the_newest_or_the_oldest_come_first(spool):
    for minute in range(3):
        spool.add(window(minute))

    minutes = [[one.start.minute for one in held(spool, newest_first=order)] for order in (True, False)]

    assert [[2, 1, 0], [0, 1, 2]] == minutes


def test_what_is_too_old_is_dropped_and_counted(spool):
    for minute in range(5):
        spool.add(window(minute))

    assert 3 == spool.expire(NOON + timedelta(minutes=3))
    assert [3, 4] == [one.start.minute for one in held(spool)]
    assert {"windows_expired": 3} == spool.counts()


def busy(minute, fault=False):
    chance = Random(minute)
    varied = []
    for n in range(30):
        numbers = tuple(map(float, sorted(chance.sample(range(1000), 60))))
        varied.append(
            Datum(host.DISK_USED, (("path", f"/{n}"),), numbers[0], numbers[-1], sum(numbers), 60, numbers, (1,) * 60)
        )
    if fault:
        varied.append(Datum(gpus.GPU_XID_CRITICAL, (), 0.0, 1.0, 1.0, 60, (0.0, 1.0), (59, 1)))
    return window(minute, 0, *varied)


def test_a_full_spool_degrades_the_oldest_windows_but_no_fault(spool):
    for minute in range(200):
        spool.add(busy(minute, fault=minute == 3))
    limit = spool.used() * 3 // 4

    spool.shrink(limit)

    assert spool.used() <= limit
    found = held(spool)
    assert 200 == len(found)
    whole = busy(0).datums[0]
    assert whole.folded().total == found[0].datums[0].total
    assert msgspec.structs.replace(whole.folded(), metric=found[0].datums[0].metric) == found[0].datums[0]
    assert (59, 1) == found[3].datums[-1].counts
    assert found[-1].datums[0].values
    assert 0 < spool.counts()["windows_degraded"] < 200


def test_a_spool_that_is_still_too_full_drops_the_oldest_windows_but_no_fault(spool):
    for minute in range(200):
        spool.add(busy(minute, fault=minute == 3))

    spool.shrink(0)

    (left,) = held(spool)
    assert [gpus.GPU_XID_CRITICAL.name] == [one.metric.name for one in left.datums]
    assert {"windows_degraded": 200, "windows_dropped": 199, "windows_cut_to_faults": 1} == spool.counts()


def test_a_window_that_was_sent_in_part_keeps_its_datums_in_place(spool):
    spool.add(busy(0, fault=True))
    (one,) = held(spool)
    spool.taken("a", [Piece(one, 7)])

    spool.shrink(0)

    (left,) = held(spool)
    assert (7, 31) == (left.done, len(left.datums))


def test_a_damaged_record_is_dropped_and_counted(spool):
    spool.add(window(0))
    spool.add(window(1))
    with sqlite3.connect(spool.path) as other:
        other.execute("UPDATE window SET record = x'00ff' WHERE id = 1")
    other.close()

    assert [None, 1] == [one and one.start.minute for one in held(spool)]
    assert {"windows_damaged": 1} == spool.counts()


@pytest.mark.parametrize(
    "content", [b"not a database at all, and long enough to be read as one" * 20, b"SQLite format 3\0"]
)
def test_a_file_that_is_no_spool_is_told_from_a_disk_that_fails(tmp_path, content):
    path = tmp_path / "spool.db"
    path.write_bytes(content * 100)

    with pytest.raises(CorruptError, match=r"spool\.db"):
        Spool(path, sinks=SINKS)


def test_a_spool_of_another_version_is_not_touched(spool):
    spool._database.execute("PRAGMA user_version = 9")

    with pytest.raises(CorruptError, match="version 9"):
        reopen(spool)


def test_a_full_disk_takes_nothing_and_loses_nothing(spool):
    spool.add(window(0))
    spool._database.execute(f"PRAGMA max_page_count = {spool._read('PRAGMA page_count', ())[0][0]}")

    large = window(1, 0, *[one for minute in range(50) for one in busy(minute).datums])

    with pytest.raises(SpoolError, match="full") as caught:
        spool.add(large)

    assert not isinstance(caught.value, CorruptError)
    spool._database.execute("PRAGMA max_page_count = 100000")
    spool.add(busy(59))
    found = held(reopen(spool))
    assert [0, 59] == [one.start.minute for one in found]
    assert values(busy(59)) == values(found[-1]), "series that were not stored are stored again"


def test_windows_move_to_another_spool_with_their_cursors(spool):
    memory = Spool(None, sinks=SINKS)
    memory.add(window(0, 5))
    memory.add(window(1))
    first, second = held(memory)
    memory.taken("a", [Piece(first, 2)])
    memory.attempt("b", [whole(first)])
    memory.taken("a", [whole(second)])

    assert 2 == memory.move_to(spool)

    assert [(0, 2, 2)] == [(one.start.minute, one.done, one.tried) for one in held(spool)]
    assert [(0, 5), (1, 0)] == [(one.start.minute, one.tried) for one in held(spool, "b")]
    assert 0 == memory.depth("a") == memory.depth("b")
    memory.close()


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.integers(1, 5)), max_size=40))
def test_whatever_is_taken_the_rest_waits(steps):
    spool = Spool(None, sinks=SINKS)
    expected = {sink: dict.fromkeys(range(10), 0) for sink in SINKS}
    for minute in range(10):
        spool.add(window(minute, 5))

    for sink, minute, more in steps:
        one = spool.load(sink, minute + 1)
        if one is None:
            assert minute not in expected[sink]
            continue
        upto = min(one.done + more, 5)
        spool.taken(sink, [Piece(one, upto)])
        expected[sink][minute] = upto
        if upto == 5:
            del expected[sink][minute]

    assert expected == {sink: {one.start.minute: one.done for one in held(spool, sink)} for sink in SINKS}
    kept = {number - 1 for (number,) in spool._read("SELECT id FROM window", ())}
    assert kept == set(expected["a"]) | set(expected["b"])
    spool.close()


def pods(number):
    """A window with two series that no other has."""
    return window(number, 0, *(datum(float(number), f"/pod-{number}-{one}") for one in range(2)))


def test_series_that_no_window_has_are_forgotten_once_there_are_many(spool, monkeypatch):
    monkeypatch.setattr("agent.spool.MOST_SERIES", 3)
    for number in range(3):
        spool.add(pods(number))
    for sink in SINKS:
        for one in held(spool, sink)[:2]:
            spool.taken(sink, [whole(one)])
    waiting = len(spool._series)
    for sink in SINKS:
        spool.taken(sink, [whole(one) for one in held(spool, sink)])

    assert (6, 0) == (waiting, len(spool._series)), "none goes while a window waits"
    spool.add(pods(7))
    again = reopen(spool)
    assert [values(pods(7))] == [values(one) for one in held(again)]
    assert 7 <= min(number for (number,) in again._read("SELECT id FROM series", ())), "a number was given twice"
    again.close()


def test_series_are_not_forgotten_by_what_was_not_stored(spool, monkeypatch):
    monkeypatch.setattr("agent.spool.MOST_SERIES", 1)
    spool.add(pods(1))
    for one in held(spool):
        spool.taken("a", [whole(one)])
    (one,) = held(spool, "b")
    forget = spool._forget_series

    def fails():
        forget()
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(spool, "_forget_series", fails)
    with pytest.raises(SpoolError, match="disk"):
        spool.taken("b", [whole(one)])
    spool.add(pods(1))

    assert [values(pods(1))] * 2 == [values(one) for one in held(spool, "b")]
    assert [values(pods(1))] * 2 == [values(one) for one in held(reopen(spool), "b")]


@given(st.lists(st.tuples(st.sampled_from(["add", "taken", "reopen"]), st.integers(0, 9)), max_size=30))
def test_whatever_comes_and_goes_each_window_keeps_its_series(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("spool") / "spool.db"
    opened = Spool(path, sinks=("a",))
    expected = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agent.spool.MOST_SERIES", 3)
        for step, number in steps:
            if step == "add":
                opened.add(pods(number))
                expected.append(pods(number))
            elif step == "taken":
                opened.taken("a", [whole(one) for one in held(opened)[: number + 1]])
                del expected[: number + 1]
            elif step == "reopen":
                opened = reopen(opened, ("a",))
            found = held(opened)
            assert [[(d.dimensions, d.total) for d in one.datums] for one in expected] == [
                [(d.dimensions, d.total) for d in one.datums] for one in found
            ]
            assert expected or len(opened._series) <= 3 + 2
    opened.close()
