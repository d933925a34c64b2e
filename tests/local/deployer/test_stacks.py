"""mlwarden's own stacks, as synthesized, in the embedded AWS."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import server
from local.clients import Clients
from local.clock import Clock
from local.deployer import Deployment, deploy
from local.errors import ServiceError
from local.world import World


@pytest.fixture(scope="module")
def deployed(assembly: Path) -> Iterator[tuple[World, Deployment]]:
    with server.start(clock=Clock(datetime(2030, 1, 1, tzinfo=UTC))) as running:
        yield running.world, deploy(running.world, assembly)


@pytest.fixture(scope="module")
def own(deployed: tuple[World, Deployment]) -> Iterator[Clients]:
    world, _ = deployed
    clients = Clients(url=world.url, region=world.region)
    yield clients
    clients.close()


def critical(deployment: Deployment) -> str:
    return next(
        physical
        for logical, physical in deployment.stacks["mlwarden-demo-notifications"].resources.items()
        if logical.startswith("Critical") and ":sns:" in physical and physical.count(":") == 5
    )


def test_every_resource_of_every_template_is_created(
    deployed: tuple[World, Deployment], templates: dict[str, dict[str, Any]]
) -> None:
    _, deployment = deployed

    expected = {name: set(template["Resources"]) for name, template in templates.items()}
    created = {name.split("-", 2)[2]: set(stack.resources) for name, stack in deployment.stacks.items()}
    assert created == expected


def test_only_what_acts_on_hosts_is_inert(deployed: tuple[World, Deployment]) -> None:
    _, deployment = deployed

    assert {each.type for _, each in deployment.inert} <= {"AWS::SSM::Association", "AWS::CDK::Metadata"}


def test_every_alarm_of_the_templates_is_an_alarm_of_cloudwatch(
    deployed: tuple[World, Deployment], own: Clients, templates: dict[str, dict[str, Any]]
) -> None:
    declared = {
        resource["Properties"]["AlarmName"]
        for template in templates.values()
        for resource in template["Resources"].values()
        if resource["Type"] in {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"}
    }

    pages = (
        own.get("cloudwatch").get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    )
    found = {alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"] + page["CompositeAlarms"]}
    assert found == declared


@pytest.mark.parametrize("number", range(4))
def test_a_function_is_refused_an_action_that_its_role_lacks(deployed: tuple[World, Deployment], number: int) -> None:
    world, _ = deployed
    function = world.functions.all()[number]
    clients = Clients(url=world.url, region=world.region, access_key=world.functions.access_key(function.name))

    with pytest.raises(ClientError) as alarms:
        clients.get("cloudwatch").delete_alarms(AlarmNames=["mlwarden-demo-x"])
    with pytest.raises(ClientError) as tables:
        clients.get("dynamodb").scan(TableName="mlwarden-demo-x")

    clients.close()
    for refusal in (alarms.value, tables.value):
        assert refusal.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        role = function.role_arn.rsplit("/", 1)[-1]
        assert f"assumed-role/{role}/{function.name} is not authorized" in refusal.response["Error"]["Message"]


def test_a_page_is_refused_once_the_topics_policy_no_longer_names_cloudwatch(
    deployed: tuple[World, Deployment], own: Clients
) -> None:
    world, deployment = deployed
    topic = critical(deployment)
    sns, cloudwatch = own.get("sns"), own.get("cloudwatch")
    alarm = "mlwarden-demo-platform-HeartbeatMissing"

    def page() -> list[str]:
        before = len(world.messages.all())
        for state in ("OK", "ALARM"):
            cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="test")
        world.clock.settle()
        return [message.subject for message in world.messages.all()[before:] if message.subject.startswith("ALARM")]

    allowed = page()
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    kept = [each for each in policy["Statement"] if "cloudwatch.amazonaws.com" not in str(each["Principal"])]
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({**policy, "Statement": kept})
    )
    refused = page()

    assert len(kept) < len(policy["Statement"])
    assert len(allowed) == 1
    assert refused == []


@pytest.mark.parametrize(
    "principal,source",
    [
        ("cloudwatch.amazonaws.com", "cloudwatch:us-east-1:{}:alarm:any"),
        ("events.amazonaws.com", "events:us-east-1:{}:rule/any"),
    ],
)
def test_topic_and_key_let_cloudwatch_and_eventbridge_of_this_account_publish(
    deployed: tuple[World, Deployment], principal: str, source: str
) -> None:
    world, deployment = deployed
    names = deployment.stacks["mlwarden-demo-notifications"].resources.values()
    topics = {name for name in names if ":sns:" in name and name.count(":") == 5 and "-Canary" not in name}

    def publish(topic: str, account: str) -> None:
        world.access.check_service(
            principal=principal,
            action="sns:Publish",
            resource_arn=topic,
            source_arn=f"arn:aws:{source.format(account)}",
        )

    assert len(topics) == 3
    for topic in topics - {critical(deployment)}:
        publish(topic, world.account)
        with pytest.raises(ServiceError, match="not authorized"):
            publish(topic, "999999999999")


def test_a_hosts_role_may_publish_host_metrics_and_read_its_settings_and_nothing_else(
    deployed: tuple[World, Deployment], own: Clients
) -> None:
    world, deployment = deployed
    names = deployment.stacks["mlwarden-demo-agent"].resources
    role = next(physical for logical, physical in names.items() if logical.startswith("Role"))
    world.access.register("ASIAHOST", own.get("iam").get_role(RoleName=role)["Role"]["Arn"], session="i-1")
    host = Clients(url=world.url, region=world.region, access_key="ASIAHOST")
    data = [{"MetricName": "m", "Value": 1.0}]

    host.get("cloudwatch").put_metric_data(Namespace="CWAgent", MetricData=data)
    settings = host.get("ssm").get_parameter(Name="/mlwarden/demo/agent")["Parameter"]["Value"]
    with pytest.raises(ClientError, match="not authorized"):
        host.get("cloudwatch").put_metric_data(Namespace="Other", MetricData=data)
    with pytest.raises(ClientError, match="not authorized"):
        host.get("ssm").put_parameter(Name="/mlwarden/demo/agent", Value="x", Type="String", Overwrite=True)

    host.close()
    assert "sample_seconds" in settings
