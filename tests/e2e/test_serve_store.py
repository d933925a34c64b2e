"""`mlwarden serve --store`: CloudWatch outlives the process, and a damaged file does not stop it."""

import signal
import urllib.error
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from local.clients import Clients
from tests.e2e.command import Serving, run, serving

MIDNIGHT = "2026-11-20T00:00:00Z"
VIRTUAL = ("--empty", "--clock", "virtual", "--start", MIDNIGHT)


def fire(served: Serving) -> None:
    """Have an alarm in ALARM at one minute past midnight."""
    with closing(Clients(url=served.url, region="eu-central-1")) as aws:
        cloudwatch = aws.get("cloudwatch")
        cloudwatch.put_metric_alarm(
            AlarmName="High",
            Namespace="App",
            MetricName="m",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
        )
        cloudwatch.put_metric_data(Namespace="App", MetricData=[{"MetricName": "m", "Value": 1}])
    served.control("clock", {"advance_seconds": 60})


def alarms(served: Serving) -> Mapping[str, Any]:
    with closing(Clients(url=served.url, region="eu-central-1")) as aws:
        return {one["AlarmName"]: one["StateValue"] for one in aws.get("cloudwatch").describe_alarms()["MetricAlarms"]}


def test_a_run_goes_on_where_the_last_one_stopped_and_a_reset_returns_there(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    with serving(*VIRTUAL, "--store", store) as served:
        fire(served)
        status, said = served.end(signal.SIGTERM)
    assert (status, said) == (0, "")

    with serving(*VIRTUAL, "--store", store) as served:
        assert served.control("clock") == {"now": "2026-11-20T00:01:00Z"}
        assert alarms(served) == {"High": "ALARM"}
        served.control("clock", {"advance_seconds": 3600})
        assert alarms(served) == {"High": "INSUFFICIENT_DATA"}
        assert served.control("reset", {}) == {"now": "2026-11-20T00:01:00Z"}
        assert alarms(served) == {"High": "ALARM"}


def test_a_damaged_file_is_set_aside_and_named_and_the_run_goes_on(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with serving(*VIRTUAL, "--store", str(store)) as served:
        fire(served)
        answer = served.control("store", {})
    assert answer == {"store": str(store), "bytes": store.stat().st_size}
    damaged = store.read_bytes()[:-10]
    store.write_bytes(damaged)

    with serving(*VIRTUAL, "--store", str(store)) as served:
        assert (served.control("clock"), alarms(served)) == ({"now": MIDNIGHT}, {})
        status, said = served.end(signal.SIGINT)

    (aside,) = tmp_path.glob("store.corrupt-*")
    assert status == 0
    assert said == f"mlwarden: the store {store} is set aside as {aside.name}: it is truncated; the run starts empty\n"
    assert aside.read_bytes() == damaged


def test_without_a_file_there_is_nothing_to_write_to() -> None:
    with serving(*VIRTUAL) as served:
        with pytest.raises(urllib.error.HTTPError) as refused:
            served.control("store", {})
        with refused.value as answer:
            assert (answer.code, "--store FILE" in answer.read().decode()) == (409, True)


def test_a_place_where_no_file_can_be_is_refused_at_the_start(tmp_path: Path) -> None:
    done = run("serve", "--empty", "--store", str(tmp_path / "absent" / "store"))

    assert done.returncode == 1
    assert "--store" in done.stderr
    assert "is no folder" in done.stderr
