import gzip
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cloudwatch.datums import Datum
from local import keep, storefile
from local.cloudwatch.kept import column, restored
from local.cloudwatch.store import Column
from local.storefile import DamagedError
from local.world import World
from tests.cloudwatch.fakes import FUNCTION, START, TOPIC, FakeWorld


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store"


def filled():
    """A world that holds one of everything, each in the middle of something."""
    world = FakeWorld()
    world.call("PutDashboard", DashboardName="board", DashboardBody='{"widgets":[]}')
    for value in (1.0, 2.0, 2.0):
        world.put(value, "Many", Unit="Count")
    folded = {"SampleCount": 3.0, "Sum": 6.0, "Minimum": 1.0, "Maximum": 3.0}
    world.call("PutMetricData", Namespace="App", MetricData=[{"MetricName": "Folded", "StatisticValues": folded}])
    world.alarm(AlarmActions=[TOPIC, FUNCTION], OKActions=[TOPIC], Tags=[{"Key": "team", "Value": "ml"}])
    world.alarm("Suppressor", Threshold=100.0)
    world.call(
        "PutCompositeAlarm",
        AlarmName="Top",
        AlarmRule="ALARM(High)",
        AlarmActions=[TOPIC],
        ActionsSuppressor="Suppressor",
        ActionsSuppressorWaitPeriod=600,
        ActionsSuppressorExtensionPeriod=60,
    )
    world.call(
        "PutAnomalyDetector",
        SingleMetricAnomalyDetector={"Namespace": "App", "MetricName": "Errors", "Dimensions": [], "Stat": "Sum"},
        Configuration={"ExcludedTimeRanges": [{"StartTime": 1.0, "EndTime": 2.0}]},
    )
    query = 'SELECT MAX(Queued) FROM "App" GROUP BY Host ORDER BY MAX() DESC'
    world.call(
        "PutMetricAlarm",
        AlarmName="PerHost",
        Metrics=[{"Id": "q1", "Expression": query, "Period": 60}],
        EvaluationPeriods=1,
        Threshold=5.0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[TOPIC],
    )
    world.call(
        "PutAlarmMuteRule",
        Name="morning",
        Rule={"Schedule": {"Expression": "cron(0 10 * * *)", "Duration": "PT30M"}},
        MuteTargets={"AlarmNames": ["High", "PerHost"]},
    )
    for host in ("a", "b"):
        world.put(9.0, "Queued", Dimensions=[{"Name": "Host", "Value": host}])
    world.put_every_minute([1, 9, 9])
    world.events.events.clear()
    return world


def reborn(world, path):
    """A world of the same instant that has read what the other one kept."""
    save(world, path)
    contents = keep.load(path)
    assert contents is not None
    again = FakeWorld(contents.now)
    restore(again, path)
    return again


def save(world, path):
    keep.save(cast(World, world), path)


def restore(world, path):
    contents = keep.load(path)
    assert contents is not None
    keep.restore(cast(World, world), contents)


def answers(world):
    """All that CloudWatch says of what it holds."""
    asked: dict[str, dict[str, Any]] = {
        "DescribeAlarms": {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]},
        "DescribeAlarmHistory": {},
        "ListMetrics": {},
        "ListDashboards": {},
        "GetDashboard": {"DashboardName": "board"},
        "ListAlarmMuteRules": {},
        "DescribeAnomalyDetectors": {"AnomalyDetectorTypes": ["SINGLE_METRIC", "METRIC_MATH"]},
        "DescribeAlarmContributors": {"AlarmName": "PerHost"},
        "ListTagsForResource": {"ResourceARN": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:High"},
        "GetMetricData": {
            "MetricDataQueries": [
                {"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}
                for number, (metric, stat) in enumerate(
                    ({"Namespace": "App", "MetricName": name}, stat)
                    for name in ("Errors", "Many", "Folded")
                    for stat in ("Sum", "SampleCount", "p90", "Maximum")
                )
            ],
            "StartTime": START - timedelta(hours=2),
            "EndTime": START + timedelta(hours=2),
        },
    }
    return {operation: world.call(operation, **params) for operation, params in asked.items()}


def test_everything_is_as_it_was(path):
    world = filled()

    found = answers(reborn(world, path))

    assert found == answers(world)
    assert all(any(answer.values()) for answer in found.values())


def test_nobody_is_told_of_what_was_kept(path):
    again = reborn(filled(), path)
    again.advance(seconds=1)

    assert (again.events.events, again.topics.published, again.functions.invoked) == ([], [], [])


def test_what_comes_next_is_the_same(path):
    world = filled()
    again = reborn(world, path)

    for each in (world, again):
        each.events.events.clear()
        each.topics.published.clear()
        each.put_every_minute([0, 0, 9, 9, None, None, None])
        each.advance(hours=1)

    assert again.events.events == world.events.events
    assert again.topics.published == world.topics.published
    assert answers(again) == answers(world)


def test_an_alarm_that_was_deployed_meanwhile_keeps_its_definition_and_takes_up_the_state(path):
    world = FakeWorld()
    world.alarm()
    world.put_every_minute([9])
    save(world, path)
    again = FakeWorld(world.clock.now())
    again.alarm(Threshold=7.0)

    restore(again, path)

    assert (again.described()["Threshold"], again.state()) == (7.0, "ALARM")


def test_two_saves_of_the_same_are_the_same_bytes(path):
    world = filled()

    save(world, path)
    first = path.read_bytes()
    save(world, path)

    assert path.read_bytes() == first
    assert [each.name for each in path.parent.iterdir()] == ["store"]


def test_no_file_is_nothing(path):
    assert keep.load(path) is None


def rewritten(path, change):
    """Change the store's text, its checksum left as it was."""
    path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()))))


def other_version(text):
    header, _, body = text.partition(b"\n")
    return json.dumps(json.loads(header) | {"version": 2}).encode() + b"\n" + body


DAMAGES = (
    *("cut", "empty", "text", "bytes", "other format", "no header", "other version", "changed", "shortened"),
    *("unknown kind", "no JSON", "no line"),
)


@pytest.mark.parametrize(
    "damage, why",
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-20]), "truncated"),
        (lambda path: path.write_bytes(b""), "not of the format"),
        (lambda path: path.write_bytes(b"metrics: none\n"), "not gzip"),
        (
            lambda path: path.write_bytes(path.read_bytes()[:40] + b"\0\0\0\0" + path.read_bytes()[44:]),
            "not gzip|trunc",
        ),
        (lambda path: path.write_bytes(gzip.compress(b'{"format": "other"}\n')), "not of the format mlwarden-store"),
        (lambda path: path.write_bytes(gzip.compress(b"[]\n")), "not of the format mlwarden-store"),
        (lambda path: rewritten(path, other_version), "version 2; this mlwarden reads version 1"),
        (lambda path: rewritten(path, lambda text: text.replace(b"Errors", b"Errots")), "checksum"),
        (lambda path: rewritten(path, lambda text: text[:-30]), "checksum"),
        (
            lambda path: storefile.write(path, [b'"2026-11-20T10:00:00Z"', b'["us-east-1","alarm",{}]']),
            "cannot be read",
        ),
        (lambda path: storefile.write(path, [b'"2026-11-20T10:00:00Z"', b"{"]), "cannot be read"),
        (lambda path: storefile.write(path, []), "cannot be read"),
    ],
    ids=DAMAGES,
)
def test_a_damaged_file_is_refused_with_the_reason(path, damage, why):
    save(filled(), path)
    damage(path)

    with pytest.raises(DamagedError, match=why):
        keep.load(path)


def test_what_is_refused_by_now_is_named_and_nothing_is_put_back(path):
    world = FakeWorld()
    world.alarm("Fine")
    world.alarm()
    world.cloudwatch.alarms.registry.metric["High"].params["Period"] = 61
    save(world, path)
    again = FakeWorld()

    with pytest.raises(DamagedError, match=r"us-east-1 is refused: .*[Pp]eriod"):
        restore(again, path)

    assert again.call("DescribeAlarms")["MetricAlarms"] == []


def test_a_write_that_fails_leaves_the_old_file(path, monkeypatch):
    save(filled(), path)
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(FakeWorld(), path)

    assert path.read_bytes() == before


def test_damaged_files_set_aside_in_one_second_have_names_of_their_own(path):
    now = datetime(2026, 11, 20, 10, tzinfo=UTC)
    asides = []
    for _ in range(3):
        path.write_bytes(b"?")
        asides.append(storefile.set_aside(path, now).name)

    stem = "store.corrupt-20261120T100000Z"
    assert asides == [stem, f"{stem}-2", f"{stem}-3"]


@given(
    st.lists(
        st.tuples(st.integers(-100, 100), st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 5)),
        max_size=20,
    )
)
def test_a_column_comes_back_to_the_bit(samples):
    found = Column(60)
    for slot, value, count in samples:
        for _ in range(count):
            found.add(_datum(slot * 60, value))

    again = restored(column("None", found))

    assert (again.base, again.singles.tobytes()) == (found.base, found.singles.tobytes())
    assert {slot: dict(bucket.values()) for slot, bucket in again.buckets.items()} == {
        slot: dict(bucket.values()) for slot, bucket in found.buckets.items()
    }


def _datum(at, value):
    return Datum("E", (), at, "None", 60, value)
