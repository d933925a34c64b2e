from pathlib import Path
from typing import Any

import pytest

from local.clients import Clients
from local.deployer import DeployError, deploy
from local.world import World
from tests.local import templates


def parameter(name: str, value: Any, **attributes: Any) -> dict[str, Any]:
    properties = {"Name": name, "Type": "String", "Value": value}
    return {"Type": "AWS::SSM::Parameter", "Properties": properties, **attributes}


def stored(admin: Clients, name: str) -> str:
    return str(admin.get("ssm").get_parameter(Name=name)["Parameter"]["Value"])


def test_parameters_mappings_and_pseudo_parameters_stand_for_their_values(
    world: World, admin: Clients, tmp_path: Path
) -> None:
    admin.get("ssm").put_parameter(Name="/stored", Value="from ssm", Type="String")
    template = {
        "Parameters": {
            "Plain": {"Type": "String", "Default": "plain"},
            "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/stored"},
            "Listed": {"Type": "CommaDelimitedList", "Default": "a, b"},
        },
        "Mappings": {"Sizes": {"us-east-1": {"small": "s"}}},
        "Resources": {
            "One": parameter("/one", {"Fn::Sub": "${Plain} ${Stored} ${AWS::StackName} ${AWS::AccountId}"}),
            "Two": parameter("/two", {"Fn::Join": ["+", {"Ref": "Listed"}]}),
            "Three": parameter("/three", {"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "small"]}),
            "Four": parameter("/four", "{{resolve:ssm:/stored}}!"),
        },
    }

    deploy(world, templates.assembly(tmp_path, {"App": template}))

    values = [stored(admin, name) for name in ("/one", "/two", "/three", "/four")]
    assert values == ["plain from ssm App 123456789012", "a+b", "s", "from ssm!"]


def test_what_a_condition_excludes_is_not_created(world: World, tmp_path: Path) -> None:
    template = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}, "Always": {"Fn::Not": [{"Condition": "Never"}]}},
        "Resources": {
            "In": parameter("/in", "x", Condition="Always"),
            "Out": parameter("/out", "x", Condition="Never"),
        },
        "Outputs": {
            "Out": {"Condition": "Never", "Value": {"Ref": "Out"}},
            "In": {"Value": {"Fn::If": ["Always", {"Ref": "In"}, "no"]}},
        },
    }

    stack = deploy(world, templates.assembly(tmp_path, {"App": template})).stacks["App"]

    assert list(stack.resources) == ["In"]
    assert stack.outputs == {"In": "/in"}


@pytest.mark.parametrize(
    "template,message",
    [
        ({"Transform": "AWS::Serverless-2016-10-31", "Resources": {}}, r"App\.Transform: unknown section"),
        (
            {"Parameters": {"P": {"Type": "String"}}, "Resources": {"It": parameter("/x", {"Ref": "P"})}},
            r"App\.Parameters\.P: has neither a value nor a default",
        ),
        (
            {"Resources": {"It": parameter("/x", {"Fn::ImportValue": "gone"})}},
            r"App\.It\.Properties\.Value: No export named gone found\.",
        ),
        (
            {"Resources": {"It": parameter("/x", {"Fn::GetAtt": ["Q", "Colour"]}), "Q": {"Type": "AWS::SQS::Queue"}}},
            r"App\.It\.Properties\.Value: Q has no attribute Colour; known: Arn, QueueName, QueueUrl",
        ),
        (
            {"Resources": {"It": parameter("/x", {"Ref": "Gone"})}},
            r"App\.It\.Properties\.Value: there is no resource or parameter Gone",
        ),
        (
            {"Resources": {"It": parameter("/x", "v", Condition="Gone")}},
            r"App\.It: there is no condition Gone",
        ),
    ],
)
def test_what_is_not_there_is_named(world: World, tmp_path: Path, template: dict[str, Any], message: str) -> None:
    with pytest.raises(DeployError, match=message):
        deploy(world, templates.assembly(tmp_path, {"App": template}))
