"""The control routes and switches of `mlwarden serve`."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import server
from local.clients import Clients
from local.clock import Clock
from local.deployer import deploy
from tests.e2e.command import Serving, run, serving
from tests.e2e.deployed import START

MIDNIGHT = "2026-11-20T00:00:00Z"
DOCUMENTED = Path(__file__).parents[2] / "docs/embedded-aws.md"


@pytest.fixture
def served() -> Iterator[Serving]:
    """An empty embedded AWS in a process of its own, whose data takes a minute to be seen."""
    with serving("--empty", "--clock", "virtual", "--start", MIDNIGHT, "--ingestion-delay", "60") as served:
        yield served


def state(cloudwatch: Any) -> list[str]:
    return [alarm["StateValue"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]]


def test_a_virtual_clock_stands_at_its_start_until_told_and_alarms_see_data_after_the_delay(served: Serving) -> None:
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

        assert served.control("clock") == {"now": MIDNIGHT}
        assert served.control("clock", {"advance_seconds": 60}) == {"now": "2026-11-20T00:01:00Z"}
        assert state(cloudwatch) == ["INSUFFICIENT_DATA"]
        assert served.control("clock", {"now": "2026-11-20T00:02:00Z"}) == {"now": "2026-11-20T00:02:00Z"}
        assert state(cloudwatch) == ["ALARM"]


def test_the_fault_that_the_documentation_asks_for_is_taken(served: Serving) -> None:
    body = re.search(r"^\$ curl -d '(.*)' ", DOCUMENTED.read_text(encoding="utf-8"), re.MULTILINE)
    assert body

    served.control("faults", json.loads(body[1]))

    with (
        closing(Clients(url=served.url, region="us-east-1")) as aws,
        pytest.raises(ClientError, match="InternalServer"),
    ):
        aws.get("dynamodb").transact_write_items(
            TransactItems=[{"Delete": {"TableName": "t", "Key": {"pk": {"S": "a"}}}}]
        )


def test_a_reset_goes_back_to_the_start(served: Serving) -> None:
    with closing(Clients(url=served.url, region="us-east-1")) as aws:
        aws.get("sqs").create_queue(QueueName="q")
        served.control("clock", {"advance_seconds": 3600})

        answer = served.control("reset", {})

        assert answer == {"now": MIDNIGHT}
        assert served.control("messages") == []
        assert aws.get("sqs").list_queues().get("QueueUrls") is None


@pytest.mark.parametrize(
    "options, reason",
    [
        (["--ingestion-delay", "-1"], "not a number of seconds"),
        (["--start", "noon"], "not ISO 8601"),
        (["--empty", "--config", "x.toml"], "not allowed with"),
    ],
)
def test_a_wrong_option_is_named(options: list[str], reason: str) -> None:
    ended = run("serve", *options)

    assert ended.returncode == 2
    assert reason in ended.stderr


def test_a_reset_deploys_again(assembly: Path) -> None:
    def names(aws: Clients) -> set[str]:
        pages = aws.get("cloudwatch").get_paginator("describe_alarms").paginate()
        return {alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]}

    with (
        server.start(clock=Clock(START), prepare=lambda world: deploy(world, assembly)) as running,
        closing(Clients(url=running.url, region=running.world.region)) as aws,
    ):
        before = names(aws)
        running.world.clock.advance(timedelta(minutes=3))
        aws.get("cloudwatch").delete_alarms(AlarmNames=[min(before)])

        running.reset()

        assert names(aws) == before
        assert running.world.clock.now() == START
