import threading
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from local.clock import Clock, Order
from tests.local.engine.conftest import START

MINUTE = timedelta(minutes=1)


def test_work_of_one_instant_runs_in_its_order_and_then_as_scheduled():
    clock = Clock(START)
    ran: list[Any] = []
    for order in (Order.DELIVERIES, Order.ACTIONS, Order.DATUMS, Order.EVALUATION, Order.SCHEDULES):
        clock.schedule(START + MINUTE, partial(ran.append, order), order)

    clock.advance(MINUTE)

    assert list(Order) == ran


def test_work_that_comes_due_meanwhile_runs_before_later_instants():
    clock = Clock(START)
    ran: list[Any] = []

    def first() -> None:
        ran.append(("first", clock.now()))
        clock.schedule(clock.now(), lambda: ran.append(("follow-up", clock.now())), Order.DATUMS)

    clock.schedule(START + 2 * MINUTE, lambda: ran.append(("later", clock.now())), Order.DATUMS)
    clock.schedule(START + MINUTE, first, Order.DELIVERIES)

    clock.advance(2 * MINUTE)

    expected = [("first", START + MINUTE), ("follow-up", START + MINUTE), ("later", START + 2 * MINUTE)]
    assert expected == ran


def test_time_stands_still_until_the_clock_is_moved():
    clock = Clock(START)

    clock.settle()

    assert START == clock.now()


def test_due_work_cannot_move_the_clock():
    clock = Clock(START)
    clock.schedule(START, lambda: clock.run_until(START + MINUTE))

    with pytest.raises(RuntimeError, match="schedule work instead"):
        clock.settle()


def test_threads_take_turns_to_move_the_clock():
    clock, entered, released = Clock(START), threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        released.wait(10)

    clock.schedule(START, wait)
    first = threading.Thread(target=clock.settle)
    second = threading.Thread(target=lambda: clock.advance(MINUTE))
    first.start()
    entered.wait(10)
    second.start()
    released.set()
    first.join()
    second.join()

    assert START + MINUTE == clock.now()


def test_work_that_fails_leaves_the_rest_due():
    clock = Clock(START)
    ran: list[Any] = []
    clock.schedule(START, lambda: 1 / 0)
    clock.schedule(START, lambda: ran.append(clock.now()))

    with pytest.raises(ZeroDivisionError):
        clock.settle()
    clock.settle()

    assert [START] == ran


def test_repeated_work_stops_when_told():
    clock = Clock(START)
    ran: list[Any] = []
    stop = clock.every(MINUTE, lambda: ran.append(clock.now()), first=START + MINUTE)

    clock.advance(2 * MINUTE)
    stop()
    clock.advance(5 * MINUTE)

    assert [START + MINUTE, START + 2 * MINUTE] == ran


def test_a_start_without_time_zone_is_refused():
    with pytest.raises(ValueError, match="aware"):
        Clock(datetime(2026, 1, 1))  # noqa: DTZ001  # the mistake under test
