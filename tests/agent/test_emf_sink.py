import json
import os
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sample import Datum
from agent.sinks import Answer as Reply
from agent.sinks import Unfit, Verdict
from agent.sinks.emf import MAX_METRICS, MAX_NUMBERS, MOST_SAMPLES, EmfFile, expand, lines
from core.catalogue import host
from tests.agent.fakes import NOON, datum
from tests.agent.test_sinks import gauge

MINUTE = timedelta(minutes=1)
AT = int(NOON.timestamp())


def test_emf_lines_hold_what_has_the_same_time_and_dimensions():
    content = [
        (NOON, gauge(1.0, 2.0, 2.0)),
        (NOON, gauge(7.0, metric=host.NET_BYTES_SENT)),
        (NOON + MINUTE, gauge(3.0)),
        (NOON, gauge(4.0, second=5)),
    ]

    first, second, third = [json.loads(line) for line in lines(content, "CWAgent")]

    assert {
        "_aws": {
            "Timestamp": AT * 1000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "CWAgent",
                    "Dimensions": [["host"]],
                    "Metrics": [
                        {"Name": "cpu_usage_active", "Unit": "Percent"},
                        {"Name": "net_bytes_sent", "Unit": "Bytes"},
                    ],
                }
            ],
        },
        "host": "h",
        "cpu_usage_active": [1.0, 2.0, 2.0],
        "net_bytes_sent": [7.0],
    } == first
    assert (AT + 60) * 1000 == second["_aws"]["Timestamp"]
    assert (AT + 4) * 1000 == third["_aws"]["Timestamp"]
    assert 1 == third["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["StorageResolution"]


@given(st.lists(st.tuples(st.integers(0, 150), st.integers(1, 250)), min_size=1, max_size=30))
def test_emf_lines_keep_the_formats_limits_and_lose_no_sample(series):
    metrics = [host.METRICS[number % len(host.METRICS)] for number, _ in series]
    content = [
        (NOON, gauge(*[float(n)] * count, metric=metric)) for metric, (n, count) in zip(metrics, series, strict=True)
    ]

    found = [json.loads(line) for line in lines(content, "CWAgent")]

    total = 0
    for line in found:
        names = [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
        assert len(names) == len(set(names)) <= MAX_METRICS
        assert all(1 <= len(line[name]) <= MAX_NUMBERS for name in names)
        total += sum(len(line[name]) for name in names)
    assert sum(count for _, count in series) == total


@given(st.lists(st.integers(-1000, 1000).map(float), min_size=1, max_size=200))
def test_a_statistic_set_is_told_by_numbers_with_the_same_statistics(values):
    numbers = list(expand(gauge(*values).folded()))

    assert (min(values), max(values), len(values)) == (min(numbers), max(numbers), len(numbers))
    assert sum(values) == pytest.approx(sum(numbers), abs=1e-6)


def often(counted):
    """A datum of values, each seen so many times."""
    values, counts = tuple(sorted(counted)), tuple(counted[value] for value in sorted(counted))
    total = sum(value * count for value, count in counted.items())
    return Datum(host.CPU_USAGE_ACTIVE, (("host", "h"),), values[0], values[-1], total, sum(counts), values, counts)


@pytest.mark.parametrize("unit", [10_000, 2**60])
def test_of_very_many_samples_the_shape_is_told_in_bounds(unit):
    numbers = list(expand(often({1.0: unit, 2.0: 2 * unit, 5.0: unit, 9.0: 1})))

    assert len(numbers) == MOST_SAMPLES
    assert [numbers.count(value) for value in (1.0, 2.0, 5.0, 9.0)] == pytest.approx([2500, 5000, 2500, 1], abs=1)
    assert (1.0, 9.0) == (numbers[0], numbers[-1])


@given(st.dictionaries(st.integers(0, 99).map(float), st.integers(1, 10**6), min_size=1, max_size=40))
def test_numbers_of_a_datum_are_its_own_and_no_more_than_it_has(counted):
    datum = often(counted)

    numbers = list(expand(datum))

    assert len(numbers) == min(datum.count, MOST_SAMPLES)
    assert (datum.minimum, datum.maximum) == (numbers[0], numbers[-1])
    assert set(numbers) <= set(datum.values)
    assert numbers == sorted(numbers)


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0, 1), st.integers(MOST_SAMPLES, 2**70))
def test_a_set_of_very_many_samples_keeps_its_edges_and_about_its_average(one, other, share, count):
    least, most = min(one, other), max(one, other)
    total = (least + share * (most - least)) * count
    numbers = list(expand(Datum(host.CPU_USAGE_ACTIVE, (), least, most, total, count)))

    assert (MOST_SAMPLES, least, most) == (len(numbers), min(numbers), max(numbers))
    assert sum(numbers) / MOST_SAMPLES == pytest.approx(total / count, rel=1e-9, abs=(most - least) / 1000)


def test_a_request_of_emf_has_no_more_numbers_than_its_lines_may_hold(tmp_path):
    sink = EmfFile(tmp_path / "metrics.log", namespace="CWAgent")

    entries = [sink.item(NOON, MINUTE, often({1.0: count})).entries for count in (1, 100, 101, 2**60)]

    assert [1, 1, 2, MOST_SAMPLES // MAX_NUMBERS] == entries


def emf_items(sink, count=3):
    return [sink.item(NOON, MINUTE, datum(float(n), f"/{n}")) for n in range(count)]


def test_emf_is_appended_to_a_file_that_may_be_rotated(tmp_path):
    path = tmp_path / "metrics.log"
    sink = EmfFile(path, namespace="CWAgent")

    assert Reply(Verdict.TAKEN) == sink.send(emf_items(sink), timeout_seconds=1)
    path.rename(tmp_path / "metrics.log.1")
    sink.send(emf_items(sink, 1), timeout_seconds=1)

    assert [3, 1] == [len((tmp_path / name).read_text().splitlines()) for name in ("metrics.log.1", "metrics.log")]
    with pytest.raises(Unfit):
        sink.item(NOON, MINUTE, datum(path=""))


def test_what_could_be_written_in_part_only_is_cut_off_again(tmp_path, monkeypatch):
    sink = EmfFile(tmp_path / "metrics.log", namespace="CWAgent")
    sink.send(emf_items(sink, 1), timeout_seconds=1)
    before = (tmp_path / "metrics.log").read_text()
    write = os.write
    room = [100]

    def full(descriptor, content):
        if room[0] == 0:
            raise OSError(28, "No space left on device")
        written = write(descriptor, bytes(content[: room[0]]))
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", full)
    reply = sink.send(emf_items(sink), timeout_seconds=1)
    monkeypatch.undo()

    assert Reply(Verdict.LATER, f"{tmp_path / 'metrics.log'}: No space left on device") == reply
    assert before == (tmp_path / "metrics.log").read_text()


# ---------------------------------------------------------------- standard output
