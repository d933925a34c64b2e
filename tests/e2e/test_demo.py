"""`mlwarden demo --once --json`, which is what `make demo ARGS="--once --json"` runs."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from cli.demo import HEALTHY
from tests.e2e.command import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """The JSON that the demo printed: all of its standard output."""
    done = run("demo", "--once", "--json", "--speed", "300")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def agent(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The agent's series that are about the whole host, by metric."""
    return {series["metric"]: series for series in told["agent"] if set(series["dimensions"]) == {"host"}}


def test_it_has_the_fire_and_the_resolve_message_as_the_subscriber_reads_them(told: dict[str, Any]) -> None:
    fire, resolve = told["fire"], told["resolve"]

    assert (fire["protocol"], fire["endpoint"]) == ("email", "oncall@example.com")
    assert fire["body"].startswith("CRITICAL ranker: ")
    assert "ranker-v2 (was ranker-v1)" in fire["body"]
    assert resolve["body"].startswith("RESOLVED ranker: ")
    assert told["messages"] == 2


def test_it_has_the_time_from_fault_to_message_in_virtual_seconds(told: dict[str, Any]) -> None:
    between = datetime.fromisoformat(told["fire"]["time"]) - datetime.fromisoformat(told["fault_at"])

    assert told["fault_to_message_seconds"] == between.total_seconds()
    assert 60 < told["fault_to_message_seconds"] < 600


def test_it_has_the_datapoints_that_the_real_agent_sent_of_this_machine(agent: dict[str, dict[str, Any]]) -> None:
    used, available, heartbeat = (agent[name] for name in ("mem_used_percent", "mem_available", "agent_heartbeat"))

    assert 0 < used["average"] <= used["maximum"] <= 100
    assert used["unit"] == "Percent"
    assert available["average"] > 2**20
    assert heartbeat["unit"] == "Count"


def test_every_minute_has_a_heartbeat_however_slow_this_machine_is(
    told: dict[str, Any], agent: dict[str, dict[str, Any]]
) -> None:
    began = datetime.fromisoformat(told["fault_at"]) - HEALTHY
    ended = datetime.fromisoformat(told["resolve"]["time"])

    assert agent["agent_heartbeat"]["minutes"] >= (ended - began) // timedelta(minutes=1) - 1


def test_the_agents_alarm_does_not_page_because_its_heartbeats_arrive(told: dict[str, Any]) -> None:
    alarms = {str(change["name"]) for change in told["alarms"] if change["new"] == "ALARM"}
    levels = {f"mlwarden-demo-laptop-{condition}" for condition in ("HighCPU", "HighMemory", "DiskFull")}

    assert alarms
    assert all(
        name.startswith(("mlwarden-demo-ranker-", "mlwarden-demo-platform-PipelineHealthy")) for name in alarms - levels
    )


def test_every_function_of_an_alert_ran(told: dict[str, Any]) -> None:
    assert set(told["functions"]) >= {"router", "notifier", "responder"}
