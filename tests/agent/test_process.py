"""The real agent as a process, against servers on the loopback."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.agent.fakes import NOON, Request, loopback

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "a-secret-that-nobody-prints",
    "AWS_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def command(*arguments):
    return [sys.executable, "-W", "error", "-m", "agent", *arguments]


def once(*arguments, **environment):
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@contextmanager
def running(config, folder):
    """The agent under `config`, its windows in `folder`; killed at the end if it still runs."""
    process = subprocess.Popen(
        command("run"),
        cwd=ROOT,
        env=ENVIRONMENT | {"MLWARDEN_AGENT_CONFIG": json.dumps(config | {"state_dir": str(folder)})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class EmbeddedAws:
    """A clock that moves on by `step` with each question, and CloudWatch with the answers it is given."""

    def __init__(self, step, answers=()):
        self.now = NOON
        self.step = timedelta(seconds=step)
        self.answers = list(answers)

    def __call__(self, request: Request):
        if request.path == "/_mlwarden/clock":
            self.now += self.step
            return 200, {"now": self.now.strftime("%Y-%m-%dT%H:%M:%SZ")}
        return self.answers.pop(0) if self.answers else (200, {})


def test_once_prints_one_line_a_datum():
    done = once("--once", "--sink", "stdout", MLWARDEN_AGENT_CONFIG='{"host": "h"}')

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (0, "") == (done.returncode, done.stderr)
    assert {"cpu_usage_active", "mem_used_percent", "disk_used_percent", "agent_heartbeat"} <= {
        line["metric"] for line in lines
    }
    assert all(line["dimensions"]["host"] == "h" for line in lines)


def test_once_to_cloudwatch_fails_when_nothing_was_taken():
    done = once("run", "--once", AWS_ENDPOINT_URL="http://127.0.0.1:9")

    assert done.returncode == 1
    assert done.stderr.startswith("mlwarden-agent: not sent: 127.0.0.1:9: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_valid_configuration_is_described():
    done = once("check-config", MLWARDEN_AGENT_CONFIG="sample_seconds = 10")

    assert done.returncode == 0
    assert "a sample each 10 s" in done.stdout


@pytest.mark.parametrize("arguments", [["check-config"], ["run"], ["--once"]])
def test_a_wrong_configuration_stops_the_agent_before_it_starts(arguments):
    done = once(*arguments, MLWARDEN_AGENT_CONFIG="sample_secnds = 10")

    assert done.returncode == 2
    assert done.stderr.startswith("mlwarden-agent: sample_secnds: unknown key; known: ")
    assert len(done.stderr.splitlines()) == 1


def test_windows_follow_the_embedded_clock_and_sigterm_flushes_the_last(tmp_path):
    with loopback(EmbeddedAws(step=7)) as server:
        config = {"endpoint_url": server.url, "clock_url": server.url, "host": "h", "gpu": "simulated"}
        with running(config, tmp_path) as process:
            assert server.wait_for(lambda: len(server.puts()) >= 2)
            sent = len(server.puts())
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=5)

        puts = server.puts()
    starts = [put["MetricData"][0]["Timestamp"] for put in puts]
    assert process.returncode == 0
    assert len(puts) >= sent
    assert starts == sorted(starts)
    assert starts[0] == NOON.timestamp()
    assert all(start % 60 == 0 for start in starts)
    assert "agent stopped windows_waiting=0" in errors
    assert "GPUs are SIMULATED" in errors
    assert "a-secret" not in errors


def test_a_short_window_arrives_when_the_agent_is_stopped_right_away(tmp_path):
    with loopback(EmbeddedAws(step=0)) as server:  # the minute never ends by itself
        config = {"endpoint_url": server.url, "clock_url": server.url, "host": "h"}
        with running(config, tmp_path) as process:
            # The first round is taken before the agent sleeps, and sleeping asks for the time again and again.
            assert server.wait_for(lambda: len(server.requests) >= 10)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=5)

        (put,) = server.puts()
    assert process.returncode == 0
    assert "agent_heartbeat" in {datum["MetricName"] for datum in put["MetricData"]}


def test_a_throttled_window_arrives_later_and_once(tmp_path):
    throttled = (400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
    with loopback(EmbeddedAws(step=7, answers=[throttled, throttled])) as server:
        config = {"endpoint_url": server.url, "clock_url": server.url, "host": "h"}
        with running(config, tmp_path) as process:
            assert server.wait_for(lambda: len(server.puts()) >= 5)
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=5)

        starts = [put["MetricData"][0]["Timestamp"] for put in server.puts()]
    assert starts[0] == starts[1] == starts[2]
    assert len(set(starts[2:])) == len(starts[2:])
    assert errors.count("windows not sent") == 1
    assert "ThrottlingException Rate exceeded" in errors


def test_what_a_killed_agent_had_not_sent_arrives_after_its_restart(tmp_path):
    with loopback(EmbeddedAws(step=7)) as server:
        config = {"clock_url": server.url, "host": "h"}
        with running(config | {"endpoint_url": "http://127.0.0.1:9"}, tmp_path):
            assert server.wait_for(lambda: len(server.requests) >= 40)
        with running(config | {"endpoint_url": server.url}, tmp_path) as process:
            assert server.wait_for(lambda: len(server.puts()) >= 1)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=5)

        starts = {datum["Timestamp"] for put in server.puts() for datum in put["MetricData"]}
    assert int(NOON.timestamp()) in starts
    assert len(starts) >= 3


def test_a_second_agent_does_not_start_on_the_same_folder(tmp_path):
    with loopback(EmbeddedAws(step=0)) as server:
        config = {"endpoint_url": server.url, "clock_url": server.url, "host": "h"}
        with running(config, tmp_path) as first:
            assert server.wait_for(lambda: len(server.requests) >= 5)
            with running(config, tmp_path) as second:
                _, errors = second.communicate(timeout=10)

    assert 2 == second.returncode
    assert f"mlwarden-agent: state_dir: {tmp_path} is another agent's (process {first.pid})\n" == errors


def test_stopping_does_not_wait_for_a_server_that_is_away(tmp_path):
    with loopback(EmbeddedAws(step=7)) as server:
        config = {"endpoint_url": "http://127.0.0.1:9", "clock_url": server.url, "host": "h"}
        with running(config, tmp_path) as process:
            assert server.wait_for(lambda: len(server.requests) >= 30)
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=5)

    assert process.returncode == 0
    assert "windows_waiting=0" not in errors
