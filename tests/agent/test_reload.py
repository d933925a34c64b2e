"""The real agent as a process, told by signals and watched as systemd watches it."""

import json
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from agent.config import Config
from agent.notify import Notifier
from agent.reload import Signals
from tests.agent.test_process import ENVIRONMENT, ROOT


@contextmanager
def running(path, **environment):
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "run", "--config", str(path)],
        cwd=ROOT,
        env=ENVIRONMENT | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def systemd(tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(20)
        yield listener, path


def write(path, **keys):
    path.write_text(json.dumps({"host": "h", "sinks": ["stdout"], "collectors": ["load"], "sample_seconds": 1} | keys))


def until(listener, wanted):
    """What is told up to, and with, the wanted message."""
    told: list[bytes] = []
    while not told or not told[-1].startswith(wanted):
        told.append(listener.recv(200))
    return told


def finish(process, number=signal.SIGTERM):
    process.send_signal(number)
    return process.communicate(timeout=20)


def test_a_reload_takes_the_new_configuration_and_its_ports(tmp_path, systemd):
    listener, address = systemd
    path, alive = tmp_path / "agent.json", tmp_path / "alive"
    write(path)
    with running(path, NOTIFY_SOCKET=address, WATCHDOG_USEC="1000000") as process:
        until(listener, b"READY=1")
        until(listener, b"WATCHDOG=1")
        write(path, health_file=str(alive), collectors=["memory"])

        process.send_signal(signal.SIGHUP)
        told = until(listener, b"READY=1")
        until(listener, b"WATCHDOG=1")
        output, errors = finish(process)

    assert any(message.startswith(b"RELOADING=1") for message in told)
    assert alive.exists()
    assert 0 == process.returncode
    assert "configuration reloaded" in errors
    assert {"system_load1", "mem_used_percent"} <= {json.loads(line)["metric"] for line in output.splitlines()}


def test_a_broken_configuration_leaves_the_present_one_at_work_and_says_so(tmp_path, systemd):
    listener, address = systemd
    path = tmp_path / "agent.json"
    write(path)
    with running(path, NOTIFY_SOCKET=address, WATCHDOG_USEC="1000000") as process:
        until(listener, b"READY=1")
        write(path, sample_seconds=0)

        process.send_signal(signal.SIGHUP)
        until(listener, b"READY=1")
        until(listener, b"WATCHDOG=1")
        _, errors = finish(process, signal.SIGINT)

    assert 0 == process.returncode
    assert "configuration not reloaded: the present one stays" in errors
    assert "sample_seconds" in errors


def test_a_configuration_that_does_not_start_gives_way_to_the_one_before_it(tmp_path, systemd):
    listener, address = systemd
    path = tmp_path / "agent.json"
    write(path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        with running(path, NOTIFY_SOCKET=address, WATCHDOG_USEC="1000000") as process:
            until(listener, b"READY=1")
            write(path, statsd_port=other.getsockname()[1])

            process.send_signal(signal.SIGHUP)
            until(listener, b"RELOADING=1")
            until(listener, b"READY=1")
            until(listener, b"WATCHDOG=1")
            _, errors = finish(process)

    assert 0 == process.returncode
    assert "configuration not reloaded: it does not start error=statsd_port" in errors
    assert "Address already in use" in errors


def test_what_did_not_start_is_tried_again_when_it_is_asked_for_again(tmp_path, systemd):
    listener, address = systemd
    path = tmp_path / "agent.json"
    write(path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        with running(path, NOTIFY_SOCKET=address, WATCHDOG_USEC="1000000") as process:
            until(listener, b"READY=1")
            write(path, statsd_port=other.getsockname()[1])
            for last in (False, True):
                if last:
                    other.close()
                process.send_signal(signal.SIGHUP)
                until(listener, b"RELOADING=1")
                until(listener, b"READY=1")
                until(listener, b"WATCHDOG=1")
            _, errors = finish(process)

    assert 0 == process.returncode
    assert "configuration not reloaded: it does not start" in errors
    assert "configuration reloaded" in errors


def test_whatever_keeps_a_configuration_from_being_read_a_stop_is_still_heard(caplog):
    def read():
        raise ZeroDivisionError("of a library")

    signals = Signals(read, Notifier({}))
    waiting = threading.Thread(target=signals._wait, daemon=True)
    waiting.start()
    for number in (signal.SIGHUP, signal.SIGTERM):
        signals._numbers.put(number)
    waiting.join(20)

    assert not waiting.is_alive()
    assert signals.take() is None
    assert "configuration not reloaded: the present one stays" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_stop_right_after_a_reload_is_not_lost(tmp_path, systemd):
    listener, address = systemd
    path = tmp_path / "agent.json"
    write(path)
    with running(path, NOTIFY_SOCKET=address) as process:
        until(listener, b"READY=1")
        write(path, collectors=["memory"])

        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)

    assert 0 == process.returncode


def test_statsd_is_heard_by_the_process_and_leaves_with_its_windows(tmp_path, systemd):
    listener, address = systemd
    path = tmp_path / "agent.json"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    write(path, statsd_port=port, statsd_tags=["model"])
    with (
        running(path, NOTIFY_SOCKET=address, WATCHDOG_USEC="1000000") as process,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        until(listener, b"READY=1")
        sender.sendto(b"latency:20|ms|@0.5|#model:m", ("127.0.0.1", port))
        for _ in range(2):  # a whole round after it was sent
            until(listener, b"WATCHDOG=1")
        output, _ = finish(process)

    data = [json.loads(line) for line in output.splitlines()]
    [datum] = [datum for datum in data if datum["metric"] == "latency"]
    assert {"host": "h", "model": "m"} == datum["dimensions"]
    assert 2 == datum["count"]
    assert "agent_input_rejected" in {datum["metric"] for datum in data}


def test_a_configuration_read_just_as_another_is_taken_up_is_neither_lost_nor_the_end():
    configurations = [Config(host=name) for name in ("first", "second")]
    signals = Signals(lambda: configurations[0], Notifier({}))

    signals._again()
    first = signals.take()
    signals.bell.end()  # by one that was read before that, and taken up with it
    again = signals.take()
    configurations.pop(0)
    signals._again()
    second = signals.take()

    assert (first, again, second) == (Config(host="first"), Config(host="first"), Config(host="second"))
    assert not signals.bell.ended
