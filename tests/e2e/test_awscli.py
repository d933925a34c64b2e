"""The ordinary AWS CLI against `mlwarden serve`."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.incidents.rules import patterns
from stacks.packaging import ROOT
from tests.e2e.command import PATIENCE, Serving, serving
from tests.e2e.deployed import plain

START = "2026-11-01T09:00:00Z"

Aws = Callable[..., Any]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def program() -> Path:
    """The pinned AWS CLI, which `make test` installs into an environment of its own."""
    path = Path(os.environ.get("MLWARDEN_AWSCLI") or ROOT / ".venv-awscli" / "bin" / "aws")
    if not path.is_file():
        reason = f"no AWS CLI at {path}: `make test` installs it, MLWARDEN_AWSCLI names another"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="module")
def served(program: Path) -> Iterator[Serving]:
    with serving("--clock", "virtual", "--start", START) as served:
        yield served


@pytest.fixture(scope="module")
def aws(program: Path, served: Serving) -> Aws:
    """Runs one command of the AWS CLI and gives its answer; its error is the test's."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "AWS_ACCESS_KEY_ID": "dummy",
        "AWS_SECRET_ACCESS_KEY": "dummy",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def run(*arguments: str) -> Any:
        command = [str(program), "--endpoint-url", served.url, "--output", "json", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return run


def resources(templates: dict[str, dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The resources of a type in all templates."""
    found = (each for template in templates.values() for each in template["Resources"].values())
    return [each for each in found if each["Type"] == kind]


def test_describe_alarms_lists_every_alarm_of_the_templates(aws: Aws, templates: dict[str, dict[str, Any]]) -> None:
    answer = aws("cloudwatch", "describe-alarms", "--alarm-types", "MetricAlarm", "CompositeAlarm")

    for key, kind in (
        ("MetricAlarms", "AWS::CloudWatch::Alarm"),
        ("CompositeAlarms", "AWS::CloudWatch::CompositeAlarm"),
    ):
        wanted = {each["Properties"]["AlarmName"] for each in resources(templates, kind)}
        assert {alarm["AlarmName"] for alarm in answer[key]} == wanted


def test_describe_alarms_shows_an_alarm_as_its_template_has_it(aws: Aws) -> None:
    answer = aws("cloudwatch", "describe-alarms", "--alarm-names", "mlwarden-demo-ranker-HighP99Latency")

    (alarm,) = answer["MetricAlarms"]
    latency = next(query for query in alarm["Metrics"] if query["Id"] == "latency")
    assert (alarm["Threshold"], alarm["TreatMissingData"]) == (500_000, "notBreaching")
    assert latency["MetricStat"]["Stat"] == "p99"
    assert latency["MetricStat"]["Metric"]["MetricName"] == "ModelLatency"


def test_get_dashboard_gives_a_body_whose_alarms_are_the_deployed_ones(aws: Aws) -> None:
    answer = aws("cloudwatch", "get-dashboard", "--dashboard-name", "mlwarden-demo-fleet")

    widgets = json.loads(answer["DashboardBody"])["widgets"]
    shown = next(widget for widget in widgets if widget["type"] == "alarm")
    assert answer["DashboardArn"] == "arn:aws:cloudwatch::123456789012:dashboard/mlwarden-demo-fleet"
    assert (
        "arn:aws:cloudwatch:us-east-1:123456789012:alarm:mlwarden-demo-ranker-Unhealthy"
        in (shown["properties"]["alarms"])
    )


def test_get_metric_data_gives_a_percentile_and_metric_math_over_data_put_by_the_cli(aws: Aws) -> None:
    at = "2026-11-01T08:59:00Z"
    latencies = {"MetricName": "Latency", "Values": [10, 20, 30, 1000], "Counts": [50, 40, 9, 1], "Timestamp": at}
    errors = {"MetricName": "Errors", "Value": 3, "Timestamp": at}
    aws("cloudwatch", "put-metric-data", "--namespace", "Cli", "--metric-data", json.dumps([latencies, errors]))

    def stat(identifier: str, name: str, statistic: str, *, shown: bool) -> dict[str, Any]:
        metric = {"Namespace": "Cli", "MetricName": name}
        query = {"Metric": metric, "Period": 60, "Stat": statistic}
        return {"Id": identifier, "MetricStat": query, "ReturnData": shown}

    queries = [
        stat("p", "Latency", "p99", shown=True),
        stat("n", "Latency", "SampleCount", shown=False),
        stat("e", "Errors", "Sum", shown=False),
        {"Id": "rate", "Expression": "100 * e / n", "Label": "error rate"},
    ]
    window = ("--start-time", "2026-11-01T08:55:00Z", "--end-time", START)

    answer = aws("cloudwatch", "get-metric-data", "--metric-data-queries", json.dumps(queries), *window)

    values = {result["Id"]: (result["Label"], result["Values"]) for result in answer["MetricDataResults"]}
    assert values == {"p": ("Latency", [pytest.approx(30, rel=0.01)]), "rate": ("error rate", [3.0])}


def test_list_rules_gives_the_rules_with_the_deployments_prefix_in_their_pattern(aws: Aws) -> None:
    rules = {
        rule["Name"].split("-")[3].rstrip("0123456789ABCDEF"): rule for rule in aws("events", "list-rules")["Rules"]
    }

    pattern = json.loads(rules["AlarmChanges"]["EventPattern"])
    expected = {name for name, _, _ in patterns("demo")}
    assert set(rules) == expected | {"Heartbeat", "Report", "Sweep"}
    assert pattern["detail"]["alarmName"] == [{"prefix": "mlwarden-demo-"}]
    assert rules["Report"]["ScheduleExpression"] == "cron(0 6 ? * MON *)"


def test_list_subscriptions_gives_the_configurations_subscribers(aws: Aws) -> None:
    subscriptions = aws("sns", "list-subscriptions")["Subscriptions"]

    found = {plain(each["TopicArn"].split("-")[5]): (each["Protocol"], each["Endpoint"]) for each in subscriptions}
    assert len(subscriptions) == 3
    assert found == {
        "Critical": ("email", "oncall@example.com"),
        "Warning": ("email", "oncall@example.com"),
        "Info": ("email", "ml-platform@example.com"),
    }


def test_the_clock_moves_over_http_and_alarms_are_evaluated_on_the_way(aws: Aws, served: Serving) -> None:
    before = served.control("clock")["now"]
    served.control("clock", {"advance_seconds": 120})

    answer = aws("cloudwatch", "describe-alarms", "--alarm-names", "mlwarden-demo-router-FunctionErrors")

    (alarm,) = answer["MetricAlarms"]
    assert (before, served.control("clock")["now"]) == (START, "2026-11-01T09:02:00Z")
    assert alarm["StateValue"] == "OK"
    assert served.control("messages") == []
