import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.clients import Clients
from local.pace import Pace
from local.world import World
from tests.local import templates
from tests.local.cloudformation.conftest import Template, code, parameter, stack


def test_a_template_is_read_from_a_bucket_by_path_as_the_cdk_cli_names_it(
    cloudformation: Any, admin: Clients, world: World
) -> None:
    properties = "{Name: /a, Type: String, Value: !Sub '${AWS::Region}!'}"
    text = f"Resources:\n  A:\n    Type: AWS::SSM::Parameter\n    Properties: {properties}\n"
    admin.get("s3").create_bucket(Bucket="templates")
    admin.get("s3").put_object(Bucket="templates", Key="a/b.yaml", Body=text.encode())

    for name, url in (
        ("One", f"{world.url}/templates/a/b.yaml"),
        ("Two", "https://templates.s3.amazonaws.com/a/b.yaml"),
    ):
        found = cloudformation.get_template_summary(TemplateURL=url)
        assert found["ResourceTypes"] == ["AWS::SSM::Parameter"], name
    cloudformation.create_stack(StackName="App", TemplateURL=f"{world.url}/templates/a/b.yaml")
    world.stacks.settle()

    assert admin.get("ssm").get_parameter(Name="/a")["Parameter"]["Value"] == "us-east-1!"


def test_iam_resources_must_be_acknowledged(cloudformation: Any) -> None:
    named = templates.role()
    named["Properties"]["RoleName"] = "mine"
    for role, capability in ((templates.role(), "CAPABILITY_IAM"), (named, "CAPABILITY_NAMED_IAM")):
        with pytest.raises(ClientError) as caught:
            cloudformation.create_stack(StackName="App", TemplateBody=json.dumps(stack(R=role)))
        assert code(caught) == ("InsufficientCapabilitiesException", f"Requires capabilities : [{capability}]")


def test_a_function_is_deployed_from_the_bucket_and_updated_and_rolled_back(
    execute: Callable[..., dict[str, Any]], admin: Clients, world: World, tmp_path: Any
) -> None:
    admin.get("s3").create_bucket(Bucket="code")
    for name in ("one", "two"):
        path, _ = templates.package(tmp_path, {"index.py": f"def handle(event, context): return {name!r}"})
        admin.get("s3").put_object(Bucket="code", Key=f"{name}.zip", Body=path.read_bytes())

    def function(key: str, **more: Template) -> Template:
        properties = {
            "Code": {"S3Bucket": "code", "S3Key": f"{key}.zip"},
            "Handler": "index.handle",
            "Role": {"Fn::GetAtt": ["R", "Arn"]},
            "Runtime": "python3.11",
        }
        return stack(R=templates.role(), F={"Type": "AWS::Lambda::Function", "Properties": properties}, **more)

    def answer() -> object:
        (found,) = world.functions.all()
        return world.functions.invoke(found.name, {}).value

    iam = ["CAPABILITY_IAM"]
    answers = []
    execute(function("one"), "CREATE", Capabilities=iam)
    answers.append(answer())
    execute(function("two"), Capabilities=iam)
    answers.append(answer())
    bad = {"Type": "AWS::SSM::Parameter", "DependsOn": "F", "Properties": {"Name": "/b", "Type": "No", "Value": "v"}}
    described = execute(function("one", Bad=bad), Capabilities=iam)
    answers.append(answer())

    assert answers == ["one", "two", "two"]
    assert described["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_moving_the_clock_waits_for_what_is_under_way(cloudformation: Any, world: World) -> None:
    cloudformation.create_stack(StackName="App", TemplateBody=json.dumps(stack(A=parameter("/a"), B=parameter("/b"))))

    connection = HTTPConnection(world.url.removeprefix("http://"))
    connection.request("POST", "/_mlwarden/clock", b'{"advance_seconds": 60}')
    status = connection.getresponse().status
    connection.close()

    described = cloudformation.describe_stacks(StackName="App")["Stacks"][0]
    assert (status, described["StackStatus"]) == (200, "CREATE_COMPLETE")


def test_a_stack_is_created_while_the_clock_follows_wall_time(
    execute: Callable[..., dict[str, Any]], world: World
) -> None:
    pace = Pace(world.clock)
    pace.start()
    try:
        described = execute(stack(A=parameter("/a")), "CREATE")
    finally:
        pace.stop()

    assert described["StackStatus"] == "CREATE_COMPLETE"


def test_a_role_is_assumed_where_its_trust_allows_and_may_do_what_its_policies_say(
    execute: Callable[..., dict[str, Any]], admin: Clients, world: World
) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": world.account},
        "Action": "sts:AssumeRole",
        "Condition": {"Null": {"sts:ExternalId": "true"}},
    }
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": "reader",
            "AssumeRolePolicyDocument": templates.document(trust),
            "Policies": [
                {
                    "PolicyName": "p",
                    "PolicyDocument": templates.document(templates.allow("cloudformation:DescribeStacks")),
                }
            ],
        },
    }
    service = templates.role()
    service["Properties"]["RoleName"] = "service"
    execute(stack(R=role, S=service), "CREATE", Capabilities=["CAPABILITY_NAMED_IAM"])
    sts = admin.get("sts")
    arn = f"arn:aws:iam::{world.account}:role"

    keys = sts.assume_role(RoleArn=f"{arn}/reader", RoleSessionName="me")["Credentials"]
    clients = Clients(url=world.url, region=world.region, access_key=keys["AccessKeyId"])
    seen = clients.get("cloudformation").describe_stacks(StackName="App")["Stacks"][0]["StackName"]
    with pytest.raises(ClientError, match="assumed-role/reader/me is not authorized to perform: cloudformation:Delete"):
        clients.get("cloudformation").delete_stack(StackName="App")
    clients.close()

    assert seen == "App"
    for refused in (
        {"RoleArn": f"{arn}/reader", "ExternalId": "someone"},
        {"RoleArn": f"{arn}/service"},
        {"RoleArn": f"{arn}/gone"},
    ):
        with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
            sts.assume_role(RoleSessionName="me", **refused)
