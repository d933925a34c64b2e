"""Stacks that change: in place, by replacement, by removal, and back again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.clients import Clients
from local.deployer import Deployer, DeployError, Deployment
from local.world import World
from tests.local import templates

Deploys = Callable[..., Deployment]


@pytest.fixture
def deploys(world: World, tmp_path: Path) -> Deploys:
    """Deploys a template as the stack App, again and again."""
    deployer = Deployer(world)
    count = iter(range(100))

    def deploy(resources: dict[str, Any], **sections: Any) -> Deployment:
        template = {"Resources": resources, **sections}
        return deployer.deploy(templates.assembly(tmp_path / str(next(count)), {"App": template}))

    return deploy


def parameter(name: str, value: Any, **attributes: Any) -> dict[str, Any]:
    properties = {"Name": name, "Type": "String", "Value": value}
    return {"Type": "AWS::SSM::Parameter", "Properties": properties, **attributes}


def alarm(**changes: Any) -> dict[str, Any]:
    properties = {
        "AlarmName": "a",
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "MetricName": "m",
        "Namespace": "n",
        "Period": 60,
        "Statistic": "Sum",
        "Threshold": 1,
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties | changes}


def names(admin: Clients) -> list[str]:
    return [each["Name"] for each in admin.get("ssm").describe_parameters()["Parameters"]]


def events(world: World) -> list[tuple[str, str]]:
    stack = world.stacks.get("App")
    assert stack is not None
    return [(event.logical_id, event.status) for event in stack.events]


def test_a_changed_property_is_updated_in_place(deploys: Deploys, admin: Clients) -> None:
    deploys({"A": alarm()})
    admin.get("cloudwatch").set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="kept")

    deploys({"A": alarm(Threshold=2, Tags=[{"Key": "k", "Value": "v"}])})

    found = admin.get("cloudwatch").describe_alarms()["MetricAlarms"][0]
    tags = admin.get("cloudwatch").list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]
    assert (found["Threshold"], found["StateReason"]) == (2.0, "kept")
    assert tags == [{"Key": "k", "Value": "v"}]


def test_a_changed_name_replaces_the_resource_and_deletes_the_old_one(deploys: Deploys, admin: Clients) -> None:
    first = deploys({"A": parameter("/one", "v")})
    second = deploys({"A": parameter("/two", "v")})

    assert first.stacks["App"].resources == {"A": "/one"}
    assert second.stacks["App"].resources == {"A": "/two"}
    assert names(admin) == ["/two"]


def test_what_refers_to_a_replaced_resource_follows_it(deploys: Deploys, admin: Clients) -> None:
    def resources(name: str) -> dict[str, Any]:
        return {"A": parameter(name, "v"), "B": parameter("/b", {"Ref": "A"})}

    deploys(resources("/one"))
    deploys(resources("/two"))

    assert admin.get("ssm").get_parameter(Name="/b")["Parameter"]["Value"] == "/two"


def test_a_resource_without_a_name_of_its_own_gets_another_one_when_it_is_replaced(deploys: Deploys) -> None:
    def queue(fifo: bool) -> dict[str, Any]:
        return {"Q": {"Type": "AWS::SNS::Topic", "Properties": {"FifoTopic": True} if fifo else {}}}

    first = deploys(queue(False)).stacks["App"].resources["Q"]
    with pytest.raises(DeployError):
        deploys(queue(True))  # a FIFO topic needs a name that ends in .fifo
    again = deploys(queue(False)).stacks["App"].resources["Q"]

    assert first == again


def test_a_custom_named_resource_that_needs_replacing_is_refused(deploys: Deploys) -> None:
    def role(path: str) -> dict[str, Any]:
        made = templates.role()
        made["Properties"] |= {"RoleName": "mine", "Path": path}
        return {"R": made}

    deploys(role("/"))
    with pytest.raises(DeployError, match=r"custom-named resource requires replacing\. Rename mine"):
        deploys(role("/other/"))


def test_a_removed_resource_is_deleted_and_a_retained_one_is_left(deploys: Deploys, admin: Clients) -> None:
    kept = parameter("/kept", "v", DeletionPolicy="Retain")
    deploys({"A": parameter("/a", "v"), "Gone": parameter("/gone", "v"), "Kept": kept})

    deployment = deploys({"A": parameter("/a", "v")})

    assert list(deployment.stacks["App"].resources) == ["A"]
    assert sorted(names(admin)) == ["/a", "/kept"]


def test_a_replaced_resource_is_left_where_its_policy_retains_it(deploys: Deploys, admin: Clients) -> None:
    deploys({"A": parameter("/one", "v", UpdateReplacePolicy="Retain")})
    deploys({"A": parameter("/two", "v", UpdateReplacePolicy="Retain")})

    assert sorted(names(admin)) == ["/one", "/two"]


def test_a_failing_creation_leaves_nothing_behind(deploys: Deploys, world: World, admin: Clients) -> None:
    with pytest.raises(DeployError, match=r"App\.Z"):
        deploys({"A": parameter("/a", "v"), "Z": alarm(Period=7)})

    stack = world.stacks.get("App")
    assert stack is not None
    assert names(admin) == []
    assert stack.status == "ROLLBACK_COMPLETE"
    assert [status for name, status in events(world) if name == "App"] == [
        "CREATE_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "ROLLBACK_COMPLETE",
    ]


def test_a_resource_whose_property_nobody_reads_is_taken_back(deploys: Deploys, admin: Clients) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"Colour": "red"}}
    with pytest.raises(DeployError, match="Colour"):
        deploys({"Q": queue})

    assert "QueueUrls" not in admin.get("sqs").list_queues()


def test_a_failing_update_restores_what_it_changed(deploys: Deploys, world: World, admin: Clients) -> None:
    deploys({"A": parameter("/a", "old"), "B": parameter("/b", "old"), "Gone": parameter("/gone", "v"), "Z": alarm()})

    with pytest.raises(DeployError):
        deploys(
            {"A": parameter("/a", "new"), "B": parameter("/c", "new"), "N": parameter("/n", "v"), "Z": alarm(Period=7)}
        )

    values = {name: admin.get("ssm").get_parameter(Name=name)["Parameter"]["Value"] for name in names(admin)}
    stack = world.stacks.get("App")
    assert stack is not None
    assert values == {"/a": "old", "/b": "old", "/gone": "v"}
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert {name: each.created.ref for name, each in stack.standing.items()} == {
        "A": "/a",
        "B": "/b",
        "Gone": "/gone",
        "Z": "a",
    }


def test_a_stack_that_was_rolled_back_can_be_updated_again(deploys: Deploys, admin: Clients) -> None:
    deploys({"A": parameter("/a", "old")})
    with pytest.raises(DeployError):
        deploys({"A": parameter("/a", "new"), "Z": alarm(Period=7)})

    deploys({"A": parameter("/a", "newest")})

    assert admin.get("ssm").get_parameter(Name="/a")["Parameter"]["Value"] == "newest"


def test_a_type_without_an_update_is_refused_by_name(deploys: Deploys, tmp_path: Path) -> None:
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}]
    table = {
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": keys,
    }
    deploys({"T": {"Type": "AWS::DynamoDB::Table", "Properties": table}})
    index = {"IndexName": "i", "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}

    with pytest.raises(DeployError, match=r"App\.T\.Properties\.GlobalSecondaryIndexes: .*cannot change"):
        deploys({"T": {"Type": "AWS::DynamoDB::Table", "Properties": table | {"GlobalSecondaryIndexes": [index]}}})


@pytest.mark.parametrize(
    "assertion,holds",
    [
        ({"Fn::Contains": [["a", "b"], {"Ref": "P"}]}, True),
        ({"Fn::Not": [{"Fn::Contains": [["a", "b"], {"Ref": "P"}]}]}, False),
        ({"Fn::EachMemberIn": [["a"], ["a", "b"]]}, True),
        ({"Fn::EachMemberEquals": [["a", "a"], "b"]}, False),
    ],
)
def test_rules_are_asserted_when_a_change_set_is_made(
    world: World, admin: Clients, assertion: Any, holds: bool
) -> None:
    template = {
        "Parameters": {"P": {"Type": "String", "Default": "a"}},
        "Rules": {"R": {"Assertions": [{"Assert": assertion, "AssertDescription": "P is not allowed"}]}},
        "Resources": {"A": parameter("/a", "v")},
    }
    client = admin.get("cloudformation")
    client.create_change_set(
        StackName="App", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=json.dumps(template)
    )
    found = client.describe_change_set(StackName="App", ChangeSetName="c")

    assert (found["Status"] == "CREATE_COMPLETE") is holds
    assert holds or "P is not allowed" in found["StatusReason"]
