import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from agent.clock import ClockError, SystemClock
from agent.embedded_clock import EmbeddedClock
from tests.agent.fakes import NOON, loopback


def test_the_embedded_clock_gives_the_servers_time():
    with loopback(lambda _: (200, {"now": "2026-03-01T12:00:00Z"})) as server:
        clock = EmbeddedClock(server.url)

        assert clock.now() == NOON
        assert clock.monotonic() == 0.0
        assert server.requests[0].path == "/_mlwarden/clock"
        clock.close()


def test_sleeping_ends_when_the_virtual_seconds_have_passed():
    instants = iter(NOON + timedelta(seconds=30 * n) for n in range(1000))
    with loopback(lambda _: (200, {"now": next(instants).isoformat()})) as server:
        clock = EmbeddedClock(server.url, poll_seconds=0)

        clock.sleep(300, threading.Event())

        assert clock.now() >= NOON + timedelta(seconds=300)
        assert len(server.requests) < 20
        clock.close()


def test_the_server_is_not_asked_more_often_than_told():
    with loopback(lambda _: (200, {"now": "2026-03-01T12:00:00Z"})) as server:
        clock = EmbeddedClock(server.url, poll_seconds=3600)
        for _ in range(100):
            clock.now()

        assert len(server.requests) == 1
        clock.close()


def test_time_goes_on_at_wall_speed_when_the_server_goes_away():
    with loopback(lambda _: (200, {"now": "2026-03-01T12:00:00Z"})) as server:
        clock = EmbeddedClock(server.url, poll_seconds=0)
    clock.close()
    before = time.monotonic()

    clock.sleep(0.05, threading.Event())

    assert clock.now() >= NOON + timedelta(seconds=0.05)
    assert time.monotonic() - before >= 0.05


def test_a_clock_that_never_answered_is_named():
    with pytest.raises(ClockError, match=r"clock_url: http://127\.0\.0\.1:9/_mlwarden/clock does not answer"):
        EmbeddedClock("http://127.0.0.1:9")


def test_sleeping_ends_at_once_when_woken():
    wake = threading.Event()
    wake.set()

    SystemClock().sleep(3600, wake)

    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(minutes=1)
