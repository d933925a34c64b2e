import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inputs.intake import Intake, Rejected
from agent.inputs.statsd import STALE_SECONDS, Kind, Line, Statsd, parse_line
from core.catalogue import inputs
from tests.agent.fakes import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def statsd(clock):
    intake = Intake("statsd", most_series=50, monotonic=clock.monotonic)
    made = Statsd(port=0, tags=("model",), intake=intake, monotonic=clock.monotonic)
    yield made
    made.close()


def collected(statsd):
    return {
        (sample.metric.name, sample.dimensions): (sample.value, sample.times)
        for sample in statsd.collect()
        if sample.metric is not inputs.AGENT_INPUT_REJECTED
    }


def rejected(statsd):
    return sum(sample.value for sample in statsd.collect() if sample.metric is inputs.AGENT_INPUT_REJECTED)


def test_a_line_has_values_a_type_a_rate_and_tags():
    line = parse_line("latency:12:15.5|ms|@0.1|#model:a:b,canary")

    assert line == Line("latency", Kind.TIMER, ("12", "15.5"), 0.1, (("model", "a:b"), ("canary", "")))


@pytest.mark.parametrize(
    "line, said",
    [
        ("latency", "is not name:value"),
        ("latency:|c", "is not name:value"),
        (":1|c", "is not name:value"),
        ("latency:1", "is not name:value"),
        ("latency:1|x", "known: c, g, ms, h, d, s"),
        ("latency:1|c|@0", "not in"),
        ("latency:1|c|@2", "not in"),
        ("latency:1|ms|@1e-320", "not in"),
        ("latency:1|ms|@nan", "not in"),
        ("latency:1|c|T1656581400", "timestamp"),
        ("_e{5,4}:title|text", "events"),
        ("_sc|name|0", "service checks"),
    ],
)
def test_what_is_no_line_is_refused_by_name(line, said):
    with pytest.raises(Rejected, match=said):
        parse_line(line)


@given(st.text(max_size=40))
def test_any_line_is_taken_or_refused(text):
    try:
        parse_line(text)
    except Rejected:
        return


def test_a_sampled_counter_counts_for_all(statsd):
    statsd.datagram(b"orders:1|c|@0.1\norders:2|c")

    assert {("orders", ()): (12.0, 1)} == collected(statsd)
    assert {} == collected(statsd)


def test_a_sampled_timer_is_seen_as_often_as_it_stands_for(statsd):
    statsd.datagram(b"latency:20|ms|@0.25|#model:m,pod:p")

    assert {("latency", (("model", "m"),)): (20.0, 4)} == collected(statsd)


def test_a_gauge_stands_until_it_is_stale_and_moves_by_signs(statsd, clock):
    statsd.datagram(b"queue:10|g\nqueue:+5|g\nqueue:-2|g")

    assert {("queue", ()): (13.0, 1)} == collected(statsd)
    clock.advance(STALE_SECONDS - 1)
    assert {("queue", ()): (13.0, 1)} == collected(statsd)
    clock.advance(1)
    assert {} == collected(statsd)


def test_a_set_counts_its_members_once(statsd):
    statsd.datagram(b"users:anna|s\nusers:bert|s\nusers:anna|s")

    assert {("users", ()): (2.0, 1)} == collected(statsd)


def test_one_bad_line_does_not_spoil_the_others(statsd):
    statsd.datagram(b"good:1|c\nbad\nworse:x|g\ngood:1|c\n")

    assert 2 == rejected(statsd)
    statsd.datagram(b"good:1|c\nbad\ngood:1|c\n")
    assert {("good", ()): (2.0, 1)} == collected(statsd)


def test_datagrams_arrive_at_the_loopback_port(statsd):
    arrived = threading.Event()
    take = statsd.datagram

    def seen(content):
        take(content)
        arrived.set()

    statsd.datagram = seen
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"orders:3|c", ("127.0.0.1", statsd.port))

    assert arrived.wait(10)
    assert {("orders", ()): (3.0, 1)} == collected(statsd)


def test_a_datagram_that_fails_is_counted_and_the_next_is_taken(statsd):
    arrived = threading.Event()
    take = statsd.datagram

    def failing(content):
        if content == b"broken:1|c":
            raise RuntimeError("not foreseen")
        take(content)
        arrived.set()

    statsd.datagram = failing
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for content in (b"broken:1|c", b"orders:3|c"):
            sender.sendto(content, ("127.0.0.1", statsd.port))

    assert arrived.wait(10)
    told = {sample.metric.name: sample.value for sample in statsd.collect()}
    assert {"orders": 3.0, inputs.AGENT_INPUT_REJECTED.name: 1} == told


@given(st.floats(), st.floats(), st.sampled_from(["c", "g", "ms", "h", "d"]))
def test_any_number_at_any_rate_is_taken_or_counted(value, rate, kind):
    intake = Intake("statsd", most_series=50, monotonic=FakeClock().monotonic)
    made = Statsd(port=0, tags=(), intake=intake, monotonic=FakeClock().monotonic)
    made.datagram(f"x:{value}|{kind}|@{rate}".encode())
    told = list(made.collect())
    made.close()

    rejections = [sample.value for sample in told if sample.metric is inputs.AGENT_INPUT_REJECTED]
    assert rejections == [1 - len(told[:-1])]
