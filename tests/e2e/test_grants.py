"""Least privilege, shown: what the stacks grant is used by what mlwarden does, or is explained here."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from cli.agent_process import use_host_role
from core.config import Config
from local.access import Usage
from local.access.grants import Grant
from local.clients import Clients
from tests.e2e.deployed import START, Deployed, deployed_at
from tests.e2e.story import tell

EXPLAINED = {
    r"\w+Role\w+ sqs:ChangeMessageVisibility .*": (
        "Lambda's poller may extend the visibility of a batch that it holds (developer guide, Configuring an Amazon "
        "SQS queue to use with Lambda); the embedded poller never needs to."
    ),
    r"NotifierRole\w+ sns:Publish .*-Info\w+-.*": (
        "No alarm of config/default.toml is of severity info; a configuration that has one needs the topic."
    ),
    r"RouterRole\w+ (sns:Publish|kms:Decrypt|kms:GenerateDataKey) .*": (
        "While the table is down the router tells by itself; tests/e2e/test_faults.py shows it."
    ),
    r"RouterRole\w+ dynamodb:Query .*": (
        "No alarm is deleted in this story; one that is takes its contributors with it, which an index names."
    ),
    r"SweeperRole\w+ cloudwatch:DescribeAlarmContributors .*": (
        "No alarm of config/default.toml watches many series; one that does is asked for its contributors."
    ),
    r"Role\w+ (ec2messages|ssmmessages|ssm):(?!GetParameter )\w+ \*": (
        "What the Systems Manager agent on the host calls, which mlwarden installs itself by and does not run here."
    ),
    r"Role\w+ (s3:GetObject|ssm:GetParameter) .*": (
        "stacks/install_agent.sh fetches the agent and its settings by the AWS CLI on the host."
    ),
}
"""Pattern of `role action resource`, without the stack's name → why it is granted though no test uses it."""


@dataclass(frozen=True, slots=True)
class Privileges:
    """What was granted and not used, and every use."""

    unused: tuple[Grant, ...]
    usage: tuple[Usage, ...]


@pytest.fixture(scope="module")
def privileges(assembly: Path, default_config: Config) -> Privileges:
    """Those of a deployment in which all that mlwarden does has happened once, and whose world has ended."""
    with deployed_at(START, assembly, default_config) as deployed:
        tell(deployed)
        deployed.set_alarm("embedder", "HighCPU")
        for queue in ("Events", "Investigations", "Notifications"):
            url = deployed.physical(queue)
            deployed.aws.get("sqs").send_message(QueueUrl=url, MessageBody="not JSON")
        deployed.advance(seconds=5)
        deployed.aws.get("sqs").purge_queue(QueueUrl=deployed.physical("Notifications"))
        deployed.advance(minutes=5)
        deployed.world.functions.invoke(deployed.physical("WidgetFunction"), {})
        recommend(deployed)
        publish_as_agent(deployed)
        return Privileges(deployed.world.access.unused(), tuple(deployed.world.access.usage))


def recommend(deployed: Deployed) -> None:
    """Make a report of every source, and let another one fail for good."""
    for service in ("compute-optimizer", "cost-optimization-hub"):
        deployed.aws.get(service).update_enrollment_status(status="Active")
    name = deployed.physical("RecommenderFunction")
    deployed.world.functions.invoke(name, {})
    function = deployed.world.functions.get(name)
    deployed.world.functions.replace(dataclasses.replace(function, environment={}))
    deployed.world.functions.invoke_later(name, {})
    deployed.advance(minutes=10)


def publish_as_agent(deployed: Deployed) -> None:
    """Send a metric as the agent on a host does."""
    clients = host(deployed)
    clients.get("cloudwatch").put_metric_data(
        Namespace="CWAgent", MetricData=[{"MetricName": "agent_heartbeat", "Value": 1.0}]
    )
    clients.close()


def host(deployed: Deployed) -> Clients:
    """Clients with the role that the agent stack gives to hosts."""
    use_host_role(deployed.world, deployed.config.deployment.stage, "host")
    return Clients(url=deployed.world.url, region=deployed.world.region, access_key="host")


def test_what_is_granted_is_used_or_explained(privileges: Privileges) -> None:
    unused = [f"{grant.role.split('-')[-2]} {grant.action} {grant.resource}" for grant in privileges.unused]

    assert [each for each in unused if not any(re.fullmatch(pattern, each) for pattern in EXPLAINED)] == []
    assert [pattern for pattern in EXPLAINED if not any(re.fullmatch(pattern, each) for each in unused)] == []


def test_nothing_that_mlwarden_does_is_denied(privileges: Privileges) -> None:
    assert [used for used in privileges.usage if not used.allowed] == []


def test_a_host_may_publish_the_agents_metrics_and_nothing_more(deployed: Deployed) -> None:
    clients = host(deployed)
    cloudwatch = clients.get("cloudwatch")

    cloudwatch.put_metric_data(Namespace="CWAgent", MetricData=[{"MetricName": "cpu", "Value": 1.0}])

    with pytest.raises(ClientError, match="not authorized to perform: cloudwatch:PutMetricData"):
        cloudwatch.put_metric_data(Namespace="mlwarden", MetricData=[{"MetricName": "Heartbeat", "Value": 1.0}])
    with pytest.raises(ClientError, match="not authorized to perform: cloudwatch:DescribeAlarms"):
        cloudwatch.describe_alarms()
    clients.close()
