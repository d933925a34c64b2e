import threading
from datetime import timedelta

import pytest

from local.clock import Clock
from local.pace import Pace
from tests.local.engine.conftest import START


def test_a_running_clock_reaches_due_work_and_stops_when_told():
    clock, reached = Clock(START), threading.Event()
    clock.schedule(START + timedelta(hours=1), reached.set)
    pace = Pace(clock, speed=36_000)

    pace.start()
    happened = reached.wait(30)
    pace.stop()
    stopped_at = clock.now()

    assert happened
    assert stopped_at >= START + timedelta(hours=1)
    assert "clock-pace" not in {thread.name for thread in threading.enumerate()}


def test_failing_work_is_told_and_the_clock_goes_on(caplog):
    clock, reached = Clock(START), threading.Event()
    told: list[Exception] = []
    clock.schedule(START, lambda: 1 / 0)
    clock.schedule(START + timedelta(minutes=1), reached.set)
    pace = Pace(clock, speed=36_000, failed=told.append)

    pace.start()
    happened = reached.wait(30)
    pace.stop()

    assert happened
    assert [ZeroDivisionError] == [type(error) for error in told]
    assert "due work failed" in caplog.text


def test_a_speed_that_does_not_move_is_refused():
    with pytest.raises(ValueError, match="speed"):
        Pace(Clock(START), speed=0)
