import http.client
import json
import logging
import os
import select
import socket
import sys

import pytest

from agent.config import Config
from agent.delivery import Delivery
from agent.health import LEAST_SECONDS, Health
from agent.job import Job
from agent.logs import MOST_LINES, PER_SECONDS, Limit, Line
from agent.notify import Notifier
from tests.agent.fakes import NOON, FakeClock


def make(clock, file=None, port=0):
    return Health(file=file, port=port, sample_seconds=5, waiting=lambda: 7, monotonic=clock.monotonic)


def ask(port, path="/healthz"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_each_round_touches_the_file(tmp_path):
    file = tmp_path / "alive"
    health = make(FakeClock(), file)
    health.beat()
    os.utime(file, (1, 1))

    health.beat()

    assert file.stat().st_mtime > 1


def test_a_file_that_cannot_be_touched_is_told_of_once(tmp_path, caplog):
    health = make(FakeClock(), tmp_path / "no" / "alive")

    health.beat()
    health.beat()

    assert ["heartbeat file not touched"] == [record.getMessage() for record in caplog.records]


def test_the_page_is_good_until_rounds_are_missed():
    clock = FakeClock()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    health = make(clock, port=port)
    try:
        health.beat()
        clock.advance(LEAST_SECONDS)
        status, body = ask(port)
        assert (200, {"last_round_seconds": LEAST_SECONDS, "windows_waiting": 7}) == (status, json.loads(body))

        clock.advance(1)
        assert 503 == ask(port)[0]
        assert 404 == ask(port, "/")[0]
    finally:
        health.close()


def test_nobody_is_told_that_all_is_well_once_nothing_is_delivered_any_more(tmp_path, monkeypatch):
    rounds = []
    monkeypatch.setattr(Delivery, "_run", lambda self: None)
    config = Config(
        host="h",
        collectors=(),
        sinks=("emf",),
        emf_file=str(tmp_path / "emf"),
        health_file=str(tmp_path / "alive"),
    )
    job = Job(config, environment={}, in_memory=True, round_taken=lambda: rounds.append(1))
    job._loop.round(NOON)
    assert [1] == rounds
    (tmp_path / "alive").unlink()

    job._delivery.start()
    for thread in job._delivery._threads:
        thread.join(10)
    job._loop.round(NOON)
    job.close()

    assert [1] == rounds
    assert not (tmp_path / "alive").exists()


@pytest.fixture
def systemd(tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(5)
        yield listener, path


def test_systemd_is_told_of_readiness_reloads_and_the_end(systemd):
    listener, path = systemd
    notifier = Notifier({"NOTIFY_SOCKET": path})

    notifier.ready()
    notifier.reloading()
    notifier.stopping()

    assert b"READY=1" == listener.recv(100)
    assert b"RELOADING=1\nMONOTONIC_USEC=" == listener.recv(100).rstrip(b"0123456789")
    assert b"STOPPING=1" == listener.recv(100)


def test_the_watchdog_hears_of_rounds_as_often_as_it_needs_to(systemd):
    listener, path = systemd
    listener.setblocking(False)
    clock = FakeClock()
    environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "40000000", "WATCHDOG_PID": str(os.getpid())}
    notifier = Notifier(environment, monotonic=clock.monotonic)

    signs = 0
    for _ in range(8):  # rounds of 5 s
        notifier.alive()
        clock.advance(5)
    while select.select([listener], [], [], 0)[0]:
        assert b"WATCHDOG=1" == listener.recv(100)
        signs += 1

    assert 4 == signs


@pytest.mark.parametrize(
    "environment",
    [{}, {"NOTIFY_SOCKET": "/no/such"}, {"NOTIFY_SOCKET": "@no-such", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}],
)
def test_nobody_who_listens_is_no_error(environment):
    notifier = Notifier(environment)

    notifier.ready()
    notifier.alive()


def test_an_error_that_nobody_foresaw_is_one_line_that_says_where():
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("agent.x", logging.ERROR, "", 0, "delivery failed", (), sys.exc_info())

    line = Line().format(record)

    assert line.startswith("error agent.x: delivery failed error=ValueError('two\\nlines') at=test_health.py:")
    assert "\n" not in line


def lines(limit, clock, message, times):
    record = logging.LogRecord("agent.x", logging.WARNING, "", 0, message, (), None)
    return [limit.filter(record) for _ in range(times)], record


def test_a_flood_of_one_event_is_cut_and_counted_and_others_are_not():
    clock = FakeClock()
    limit = Limit(monotonic=clock.monotonic)

    written, _ = lines(limit, clock, "input rejected", 100)
    others, _ = lines(limit, clock, "GPU lost", 1)
    clock.advance(PER_SECONDS)
    later, record = lines(limit, clock, "input rejected", 1)

    assert MOST_LINES == sum(written)
    assert [True] == others == later
    assert 100 - MOST_LINES == record.left_out
