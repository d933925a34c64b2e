"""AWS's documented events and payloads, and what CloudWatch must have held when it sent them."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from core.cloudwatch.state import State
from local.cloudwatch.records import Status
from tests.cloudwatch.fakes import FakeWorld

EVENTS = Path(__file__).parent / "data" / "events"
CPU = {
    "AlarmName": "ServerCpuTooHigh",
    "AlarmDescription": "Goes into alarm when server CPU utilization is too high!",
    "Namespace": "AWS/EC2",
    "MetricName": "CPUUtilization",
    "Dimensions": [{"Name": "InstanceId", "Value": "i-12345678901234567"}],
    "Statistic": "Average",
    "Period": 300,
    "EvaluationPeriods": 1,
    "DatapointsToAlarm": 1,
    "Threshold": 50.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


def sample(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def status(state: dict[str, str]) -> Status:
    """The state of a sample as CloudWatch must have held it."""
    at = datetime.fromisoformat(state["timestamp"])
    return Status(
        State(state["value"]),
        state["reason"],
        state.get("reasonData", ""),
        updated=at,
        transitioned=at,
        suppressed_by=state.get("actionsSuppressedBy", ""),
        suppressed_reason=state.get("actionsSuppressedReason", ""),
    )


def alarm_of(world: FakeWorld, name: str) -> Any:
    found = world.cloudwatch.alarms.registry.find(name)
    assert found is not None
    return found


def network(expression: str) -> list[dict[str, Any]]:
    """The queries of the documented alarm on network traffic."""

    def query(id_: str, name: str) -> dict[str, Any]:
        metric = {"Namespace": "AWS/EC2", "MetricName": name, "Dimensions": CPU["Dimensions"]}
        return {"Id": id_, "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Maximum"}, "ReturnData": False}

    total = {"Id": "e1", "Expression": expression, "Label": "Total Network Traffic", "ReturnData": True}
    return [query("m1", "NetworkIn"), query("m2", "NetworkOut"), total]
