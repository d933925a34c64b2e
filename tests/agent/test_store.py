import errno
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent import store as module
from agent.held import Piece
from agent.spool import FILE, Spool
from agent.store import LIMITS_SECONDS, OLDEST, RESERVED_BYTES, Occupied, Store
from tests.agent.fakes import NOON, FakeClock, window

SINKS = ("a",)
PLENTY = (10 * RESERVED_BYTES, 5 * RESERVED_BYTES)


@pytest.fixture
def clock():
    return FakeClock(NOON)


@pytest.fixture
def make(tmp_path, clock):
    opened = []

    def make(folder=tmp_path, limit=10**8, free=PLENTY):
        opened.append(Store(folder, sinks=SINKS, limit_bytes=limit, clock=clock, free=lambda _: free))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


def full(store, pages=0):
    """As when the disk takes `pages` more."""
    spool = store._disk
    present = spool._read("PRAGMA page_count", ())[0][0]
    spool._read(f"PRAGMA max_page_count = {present + pages}", ())


def tend(store, clock):
    clock.advance(LIMITS_SECONDS)
    store.tend()


def minutes(store):
    return [
        [spool.load("a", number).start.minute for number in spool.waiting("a", newest_first=False, limit=10**6)]
        for spool in store.spools
    ]


def test_windows_wait_on_disk_through_a_restart(make):
    store = make()
    store.add(window(0))
    store.close()

    assert [[0]] == minutes(make())


def test_what_a_full_disk_does_not_take_waits_in_memory_and_goes_to_disk_later(make, clock, caplog):
    caplog.set_level(logging.INFO)
    store = make()
    store.add(window(0))
    full(store)
    for minute in range(1, 30):
        store.add(window(minute, 200))

    in_memory, on_disk = minutes(store)
    assert list(range(30)) == on_disk + in_memory
    assert in_memory
    assert 30 == store.depth("a")
    store._disk._read("PRAGMA max_page_count = 100000", ())
    tend(store, clock)

    assert [list(range(30))] == minutes(store)
    messages = [record.message for record in caplog.records]
    assert ["disk does not take windows: they wait in memory", "windows wait on disk again"] == messages


def test_a_folder_that_cannot_be_made_is_asked_for_again(make, clock, tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    store = make(tmp_path / "taken")
    store.add(window(0))
    tend(store, clock)
    assert [[0]] == minutes(store)

    (tmp_path / "taken").unlink()
    tend(store, clock)

    assert (tmp_path / "taken" / FILE).exists()
    assert [[0]] == minutes(store)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to a read-only folder")
def test_a_read_only_folder_leaves_windows_in_memory(make, tmp_path):
    tmp_path.chmod(0o500)
    store = make()
    store.add(window(0))
    tmp_path.chmod(0o700)

    assert [[0]] == minutes(store)


def test_a_corrupt_file_is_set_aside_named_and_started_anew(make, tmp_path, caplog):
    (tmp_path / FILE).write_bytes(b"garbage " * 1000)
    (tmp_path / f"{FILE}.corrupt-20200101T000000Z").write_bytes(b"an older one")

    store = make()
    store.add(window(0))

    (aside,) = tmp_path.glob(f"{FILE}.corrupt-*")
    assert b"garbage " * 1000 == aside.read_bytes()
    assert aside.name in caplog.text.replace(str(tmp_path), "") or any(
        record.file == aside for record in caplog.records if record.message == "spool set aside"
    )
    assert {"spools_set_aside": 1} == store.counts()


def damage(store, file):
    """What is on disk is overwritten while the store has it open."""
    store._disk.checkpoint()
    store._disk._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store._disk._database.execute("PRAGMA cache_size = 0")
    with file.open("r+b") as opened:
        opened.write(b"\xff" * file.stat().st_size)
    store._disk._database.execute("PRAGMA shrink_memory")


def test_a_file_that_breaks_while_it_is_open_is_set_aside_and_the_window_kept(make, clock, tmp_path):
    store = make()
    for minute in range(40):
        store.add(window(minute, 30))
    damage(store, tmp_path / FILE)

    store.add(window(50))

    assert 1 == len(list(tmp_path.glob(f"{FILE}.corrupt-*")))
    tend(store, clock)
    assert [[50]] == minutes(store)
    assert 1 == store.counts()["spools_set_aside"]


def test_a_damaged_file_that_cannot_be_set_aside_leaves_windows_in_memory(make, clock, tmp_path, caplog, monkeypatch):
    store = make()
    for minute in range(40):
        store.add(window(minute, 30))
    damage(store, tmp_path / FILE)

    def refuse(path, target):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    with monkeypatch.context() as read_only:  # root, which the tests may be, writes to any folder
        read_only.setattr(Path, "rename", refuse)
        store.add(window(50))
        tend(store, clock)
        store.add(window(51))
        assert [[50, 51]] == minutes(store)
    assert "disk does not take windows: they wait in memory" in caplog.text
    tend(store, clock)

    assert [[50, 51]] == minutes(store)
    assert 1 == len(list(tmp_path.glob(f"{FILE}.corrupt-*")))


def test_a_disk_that_does_not_tell_what_is_free_is_told_of(make, clock, caplog):
    def free(folder):
        raise OSError(errno.EIO, "Input/output error", str(folder))

    store = make()
    store._free = free
    store.add(window(0))
    tend(store, clock)

    assert [[0]] == minutes(store)
    assert ["Input/output error" in str(record.error) for record in caplog.records] == [True]


def test_windows_older_than_two_weeks_are_dropped_and_counted(make, clock, caplog):
    store = make()
    for minute in range(3):
        store.add(window(minute))
    clock.advance(OLDEST.total_seconds() + 10 - LIMITS_SECONDS)

    tend(store, clock)

    assert [[1, 2]] == minutes(store)
    assert {"windows_expired": 1} == store.counts()
    assert "windows dropped: older than two weeks" in caplog.text


def test_the_spool_does_not_outgrow_its_limit(make, clock):
    store = make(limit=60_000)
    for minute in range(20):
        for _ in range(20):
            store.add(window(minute, 40))
        tend(store, clock)
        assert store._disk.used() <= 60_000

    assert 0 < store.depth("a")
    assert 0 < store.counts()["windows_dropped"]


def test_the_spool_does_not_grow_where_little_is_free_until_there_is_room(make, clock, monkeypatch):
    monkeypatch.setattr(module, "MEMORY_BYTES", 20_000)
    little, free = (10 * RESERVED_BYTES, RESERVED_BYTES // 20), [PLENTY]
    store = make()
    store._free = lambda _: free[0]

    def grow():
        for minute in range(50):
            store.add(window(minute, 40))
        tend(store, clock)
        return store._disk.used()

    free[0] = little
    before = grow()
    assert {} == store.counts(), "what is there stays"
    assert before > 20_000
    for _ in range(5):
        assert grow() <= before
    assert 0 < store.counts()["windows_degraded"]
    free[0] = PLENTY

    assert max(grow() for _ in range(5)) > before


def test_a_spool_that_is_begun_where_little_is_free_holds_what_memory_would(make, clock):
    store = make(free=(10 * RESERVED_BYTES, RESERVED_BYTES // 20))
    tend(store, clock)
    for minute in range(50):
        store.add(window(minute, 40))
    tend(store, clock)

    assert 50 == store.depth("a")
    assert {} == store.counts()


def test_memory_is_bounded(clock, make, monkeypatch):
    monkeypatch.setattr(module, "MEMORY_BYTES", 200_000)
    store = make(folder=None)
    for minute in range(60):
        for _ in range(20):
            store.add(window(minute, 40))
        tend(store, clock)

    assert store._memory.used() <= 200_000
    assert 59 == minutes(store)[0][-1]


def test_two_agents_do_not_share_a_folder(make, tmp_path):
    make()
    script = (
        "import sys; from pathlib import Path; from agent.clock import SystemClock; from agent.store import *\n"
        "try: Store(Path(sys.argv[1]), sinks=['a'], limit_bytes=1, clock=SystemClock())\n"
        "except Occupied as error: print(error)"
    )
    root = Path(__file__).parents[2]

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True
    )

    assert f"state_dir: {tmp_path} is another agent's (process {os.getpid()})\n" == done.stdout


def test_the_folder_is_free_once_the_agent_is_gone(make):
    make().close()

    make()
    with pytest.raises(Occupied):
        make()


def test_the_log_is_moved_into_the_file_while_commits_go_on(make, clock, tmp_path):
    store = make()
    for number in range(600):
        store.add(window(number % 60))
    before = (tmp_path / FILE).stat().st_size

    tend(store, clock)
    store.add(window(1))

    assert before < (tmp_path / FILE).stat().st_size
    assert 601 == store.depth("a")


def test_what_a_killed_agent_attempted_is_known(make, tmp_path):
    store = make()
    store.add(window(0))
    (spool,) = store.spools
    held = spool.load("a", 1)
    spool.attempt("a", [Piece(held, 2)])
    # Another process would see what this one committed, without its closing anything.
    other = Spool(tmp_path / FILE, sinks=SINKS)

    found = other.load("a", 1)
    assert found is not None
    assert 2 == found.tried
    other.close()
