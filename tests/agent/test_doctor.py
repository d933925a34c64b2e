import fcntl
import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from agent import doctor, doctor_sinks, job
from agent.clock import SystemClock
from agent.config import ConfigError, Page, load
from agent.connection import Response
from agent.findings import Finding, Mark, show
from tests.agent.fakes import NOON, loopback
from tests.agent.test_process import EmbeddedAws, once

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "a-secret-that-nobody-prints"}


def response(status, code="", date="Sun, 01 Mar 2026 12:00:00 GMT"):
    body = b'{"__type": "com.amazonaws#%b", "message": "said"}' % code.encode() if code else b""
    return Response(status, {"date": date}, body)


@pytest.mark.parametrize(
    "answer, mark, fix",
    [
        (response(400, "InvalidParameterValue"), Mark.GOOD, ""),
        (response(200), Mark.GOOD, ""),
        (response(403, "AccessDenied"), Mark.WRONG, "policy"),
        (response(400, "AccessDeniedException"), Mark.WRONG, "policy"),
        (response(403, "ExpiredToken"), Mark.WRONG, "renew"),
        (response(403, "InvalidSignatureException"), Mark.WRONG, "clock"),
        (response(400, "ThrottlingException"), Mark.WARNING, "later"),
        (response(500), Mark.WARNING, "later"),
    ],
)
def test_the_answer_to_a_dry_call_tells_of_the_permission(answer, mark, fix):
    found = doctor_sinks.allowed("PutMetricData", answer)

    assert mark is found.mark
    assert fix in found.fix


@pytest.mark.parametrize(
    "seconds, mark", [(0, Mark.GOOD), (-5, Mark.GOOD), (30, Mark.WARNING), (-299, Mark.WARNING), (301, Mark.WRONG)]
)
def test_a_clock_that_is_off_is_told(seconds, mark):
    [found] = doctor_sinks.clocks(response(200), NOON + timedelta(seconds=seconds))

    assert mark is found.mark
    assert [] == list(doctor_sinks.clocks(Response(200, {}, b""), NOON))


def test_a_folder_that_another_agent_has_is_no_fault(tmp_path):
    with (tmp_path / "lock").open("w+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\n")
        lock.flush()

        found = list(doctor.state(tmp_path))

    assert [Mark.GOOD, Mark.GOOD] == [finding.mark for finding in found]
    assert "process 4711" in found[1].said
    assert "" == doctor.holder(tmp_path / "lock")


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    [found] = doctor.state(tmp_path / "state")

    assert (Mark.WRONG, True) == (found.mark, str(tmp_path) in found.fix)


def test_a_folder_that_may_not_be_looked_into_is_named(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)

    [found] = doctor.state(tmp_path / "state")

    assert found.mark is Mark.WRONG
    assert str(tmp_path / "state") in found.said
    assert "root" in found.fix


def test_a_taken_port_is_wrong_and_a_free_one_good():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        [taken] = doctor.ports(load(f"statsd_port = {port}"))
    [free] = doctor.ports(load(f"statsd_port = {port}"))

    assert [Mark.WRONG, Mark.GOOD] == [taken.mark, free.mark]
    assert "another program" in taken.fix


def test_a_page_is_read_once():
    with loopback(lambda request: (200, "up 1\nup 2\n") if request.path == "/metrics" else (404, "")) as server:
        good = doctor.scraped(Page(url=server.url, metrics=("up",)))
        empty = doctor.scraped(Page(url=server.url, metrics=("down*",)))
        gone = doctor.scraped(Page(url=f"{server.url}/x", metrics=("up",)))

    assert [Mark.GOOD, Mark.WARNING, Mark.WRONG] == [good.mark, empty.mark, gone.mark]
    assert good.said.endswith(": 1 metrics")


def test_a_driver_without_devices_is_wrong_and_none_is_none(tmp_path):
    config = load('collectors = ["gpu"]')
    version = tmp_path / "version"
    [none] = doctor.driver(version, tmp_path / "nvidiactl", config)
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86\nGCC version: 12\n")
    [missing] = doctor.driver(version, tmp_path / "nvidiactl", config)

    assert [Mark.ABSENT, Mark.WRONG] == [none.mark, missing.mark]
    assert "570.86" in missing.said
    assert "GCC" not in missing.said
    assert [] == list(doctor.driver(version, tmp_path, load('gpu = "off"')))


def test_a_collector_that_fails_is_wrong_with_its_reason(tmp_path):
    (tmp_path / "loadavg").write_text("not numbers")
    config = load(f'collectors = ["load"]\nproc_root = "{tmp_path}"')

    [found] = doctor.collectors(config, job.clock_of(config))

    assert Mark.WRONG is found.mark
    assert found.said.startswith("ValueError")


def test_a_collector_that_is_not_told_where_to_look_is_wrong_and_the_others_are_looked_through(monkeypatch):
    monkeypatch.delenv("HOST_IP", raising=False)
    monkeypatch.setattr(job, "ONCE_SECONDS", 0)
    config = load('kubernetes = "node"\ncollectors = ["kubernetes", "load"]')

    of_kubernetes, of_load = sorted(doctor.collectors(config, SystemClock()), key=lambda one: one.thing)

    assert of_kubernetes.mark is Mark.WRONG
    assert "HOST_IP" in of_kubernetes.said
    assert of_load.mark is Mark.GOOD


def test_a_collector_that_looks_now_and_then_is_judged_by_its_first_look():
    config = load('collectors = ["disk"]\ndisk_paths = ["/", "/no/such"]')

    [found] = doctor.collectors(config, job.clock_of(config))

    assert (Mark.WRONG, True) == (found.mark, "/no/such" in found.said)
    [found] = doctor.collectors(load('collectors = ["disk"]'), job.clock_of(config))
    assert (Mark.GOOD, "6 values") == (found.mark, found.said)


def test_a_configuration_that_cannot_be_read_ends_it():
    def read():
        raise ConfigError("ssm:/x: AccessDeniedException")

    [found] = doctor.examine(read, {}, from_parameter=True)

    assert (Mark.WRONG, True) == (found.mark, "ssm:GetParameter" in found.fix)


def test_a_finding_is_a_line_and_its_fix_another():
    lines = list(show([Finding("clock", Mark.WRONG, "an hour\noff", "set it"), Finding("disk", Mark.GOOD, "fine")]))

    assert "WRONG    clock              an hour off" == lines[0]
    assert lines[1].strip() == "-> set it"
    assert 3 == len(lines)


@pytest.mark.parametrize(
    "code, status, said",
    [("InvalidParameterValue", 0, "nothing is wrong"), ("AccessDenied", 1, "output InstancePolicy")],
)
def test_the_command_finds_whether_the_host_may_publish(tmp_path, code, status, said):
    answers = [(400 if code.startswith("Invalid") else 403, {"__type": code, "message": "m"})]
    with loopback(EmbeddedAws(step=0, answers=answers)) as server:
        server.date = "Sun, 01 Mar 2026 12:00:00 GMT"
        config: dict[str, object] = {
            "endpoint_url": server.url,
            "clock_url": server.url,
            "host": "h",
            "state_dir": str(tmp_path),
        }
        config |= {"collectors": ["load"], "gpu": "off"}
        done = once("doctor", MLWARDEN_AGENT_CONFIG=str(config).replace("'", '"'))
        [put] = server.puts()

    assert status == done.returncode, done.stdout + done.stderr
    assert said in done.stdout
    assert "a-secret" not in done.stdout + done.stderr
    assert 1420070400 == put["MetricData"][0]["Timestamp"]
    assert "" == done.stderr
