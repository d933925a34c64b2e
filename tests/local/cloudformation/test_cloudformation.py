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

Template = dict[str, Any]


@pytest.fixture
def cloudformation(admin: Clients) -> Any:
    return admin.get("cloudformation")


@pytest.fixture
def execute(cloudformation: Any, world: World) -> Callable[..., dict[str, Any]]:
    """Makes a change set for the stack App, executes it, waits for the end and describes the stack."""

    def run(template: Template, kind: str = "UPDATE", **more: Any) -> dict[str, Any]:
        cloudformation.create_change_set(
            StackName="App", ChangeSetName="c", ChangeSetType=kind, TemplateBody=json.dumps(template), **more
        )
        cloudformation.execute_change_set(StackName="App", ChangeSetName="c", ClientRequestToken="token")
        world.stacks.settle()
        cloudformation.delete_change_set(StackName="App", ChangeSetName="c")
        found: dict[str, Any] = cloudformation.describe_stacks(StackName="App")["Stacks"][0]
        return found

    return run


def parameter(name: str, value: Any = "v", **attributes: Any) -> Template:
    properties = {"Name": name, "Type": "String", "Value": value}
    return {"Type": "AWS::SSM::Parameter", "Properties": properties, **attributes}


def stack(**resources: Template) -> Template:
    return {"Resources": resources}


def code(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_change_set_creates_a_stack_and_events_are_newest_first(
    execute: Callable[..., dict[str, Any]], cloudformation: Any
) -> None:
    template = stack(A=parameter("/a")) | {
        "Description": "a stack",
        "Outputs": {"Name": {"Value": {"Ref": "A"}, "Export": {"Name": "a-name"}}},
    }

    described = execute(template, "CREATE", Tags=[{"Key": "k", "Value": "v"}])

    events = cloudformation.describe_stack_events(StackName="App")["StackEvents"]
    resources = cloudformation.describe_stack_resources(StackName="App")["StackResources"]
    assert described["StackStatus"] == "CREATE_COMPLETE"
    assert described["Description"] == "a stack"
    assert described["Outputs"] == [{"OutputKey": "Name", "OutputValue": "/a", "ExportName": "a-name"}]
    assert described["Tags"] == [{"Key": "k", "Value": "v"}]
    assert [(event["LogicalResourceId"], event["ResourceStatus"]) for event in events] == [
        ("App", "CREATE_COMPLETE"),
        ("A", "CREATE_COMPLETE"),
        ("A", "CREATE_IN_PROGRESS"),
        ("A", "CREATE_IN_PROGRESS"),
        ("App", "CREATE_IN_PROGRESS"),
        ("App", "REVIEW_IN_PROGRESS"),
    ]
    assert events[0]["Timestamp"] > events[-1]["Timestamp"]
    assert [(each["LogicalResourceId"], each["PhysicalResourceId"]) for each in resources] == [("A", "/a")]
    assert json.loads(json.dumps(cloudformation.get_template(StackName="App")["TemplateBody"])) == template


def test_a_change_set_says_what_is_added_changed_replaced_and_removed(
    execute: Callable[..., dict[str, Any]], cloudformation: Any
) -> None:
    execute(stack(Same=parameter("/s"), Value=parameter("/v"), Name=parameter("/n"), Gone=parameter("/g")), "CREATE")
    changed = stack(
        Same=parameter("/s"),
        Value=parameter("/v", "other"),
        Name=parameter("/m"),
        New=parameter("/new", {"Ref": "Name"}),
    )

    cloudformation.create_change_set(StackName="App", ChangeSetName="d", TemplateBody=json.dumps(changed))
    found = cloudformation.describe_change_set(StackName="App", ChangeSetName="d", IncludePropertyValues=True)

    changes = {each["ResourceChange"]["LogicalResourceId"]: each["ResourceChange"] for each in found["Changes"]}
    assert {name: (each["Action"], each.get("Replacement")) for name, each in changes.items()} == {
        "Value": ("Modify", "False"),
        "Name": ("Modify", "True"),
        "New": ("Add", None),
        "Gone": ("Remove", None),
    }
    target = changes["Value"]["Details"][0]["Target"]
    assert (target["Name"], target["BeforeValue"], target["AfterValue"]) == ("Value", "v", "other")
    assert changes["Name"]["PolicyAction"] == "ReplaceAndDelete"


def test_a_change_set_without_changes_fails_with_the_words_that_tools_look_for(
    execute: Callable[..., dict[str, Any]], cloudformation: Any
) -> None:
    template = stack(A=parameter("/a"))
    execute(template, "CREATE")

    cloudformation.create_change_set(StackName="App", ChangeSetName="same", TemplateBody=json.dumps(template))
    again = {**template, "Description": "in other words"}
    cloudformation.create_change_set(StackName="App", ChangeSetName="words", TemplateBody=json.dumps(again))

    same = cloudformation.describe_change_set(StackName="App", ChangeSetName="same")
    words = cloudformation.describe_change_set(StackName="App", ChangeSetName="words")
    assert (same["Status"], same["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "didn't contain changes" in same["StatusReason"]
    assert words["StatusReason"] == "No updates are to be performed."
    with pytest.raises(ClientError) as caught:
        cloudformation.execute_change_set(StackName="App", ChangeSetName="same")
    assert code(caught)[0] == "InvalidChangeSetStatus"


def test_a_missing_change_set_has_its_own_code_and_deleting_one_succeeds(cloudformation: Any) -> None:
    with pytest.raises(ClientError) as caught:
        cloudformation.describe_change_set(StackName="App", ChangeSetName="gone")

    cloudformation.delete_change_set(StackName="App", ChangeSetName="gone")
    assert code(caught) == ("ChangeSetNotFound", "ChangeSet [gone] does not exist")


def test_a_failing_update_says_which_resource_and_why(
    execute: Callable[..., dict[str, Any]], cloudformation: Any
) -> None:
    execute(stack(A=parameter("/a")), "CREATE")
    bad = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/bad", "Type": "Colour", "Value": "v"}}

    described = execute(stack(A=parameter("/a", "new"), Bad=bad))

    events = cloudformation.describe_stack_events(StackName="App")["StackEvents"]
    failed = next(event for event in events if event["ResourceStatus"] == "CREATE_FAILED")
    back = next(event for event in events if event["ResourceStatus"] == "UPDATE_ROLLBACK_IN_PROGRESS")
    assert described["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert failed["LogicalResourceId"] == "Bad"
    assert "Resource handler returned message" in failed["ResourceStatusReason"]
    assert back["ResourceStatusReason"] == "The following resource(s) failed to create: [Bad]. "


def test_a_creation_without_rollback_stays_as_far_as_it_came(
    execute: Callable[..., dict[str, Any]], cloudformation: Any, admin: Clients
) -> None:
    bad = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/bad", "Type": "Colour", "Value": "v"}}
    described = execute(stack(A=parameter("/a"), Bad=bad), "CREATE", OnStackFailure="DO_NOTHING")

    assert described["StackStatus"] == "CREATE_FAILED"
    assert admin.get("ssm").get_parameter(Name="/a")["Parameter"]["Value"] == "v"


def test_deleting_a_stack_deletes_its_resources_but_for_the_retained_ones(
    execute: Callable[..., dict[str, Any]], cloudformation: Any, admin: Clients, world: World
) -> None:
    described = execute(stack(A=parameter("/a"), Kept=parameter("/kept", DeletionPolicy="Retain")), "CREATE")

    cloudformation.delete_stack(StackName="App")
    world.stacks.settle()

    left = [each["Name"] for each in admin.get("ssm").describe_parameters()["Parameters"]]
    with pytest.raises(ClientError) as caught:
        cloudformation.describe_stacks(StackName="App")
    by_id = cloudformation.describe_stacks(StackName=described["StackId"])["Stacks"][0]
    assert left == ["/kept"]
    assert code(caught) == ("ValidationError", "Stack with id App does not exist")
    assert by_id["StackStatus"] == "DELETE_COMPLETE"
    cloudformation.delete_stack(StackName="App")


def test_a_protected_stack_is_not_deleted(execute: Callable[..., dict[str, Any]], cloudformation: Any) -> None:
    execute(stack(A=parameter("/a")), "CREATE")
    cloudformation.update_termination_protection(StackName="App", EnableTerminationProtection=True)

    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        cloudformation.delete_stack(StackName="App")


def test_an_export_in_use_is_neither_deleted_nor_changed(
    execute: Callable[..., dict[str, Any]], cloudformation: Any, world: World
) -> None:
    def producer(value: str) -> Template:
        return stack(A=parameter("/a", value)) | {"Outputs": {"O": {"Value": value, "Export": {"Name": "shared"}}}}

    execute(producer("one"), "CREATE")
    consumer = json.dumps(stack(B=parameter("/b", {"Fn::ImportValue": "shared"})))
    cloudformation.create_stack(StackName="User", TemplateBody=consumer)
    world.stacks.settle()

    updated = execute(producer("two"))
    cloudformation.delete_stack(StackName="App")
    world.stacks.settle()
    deleted = cloudformation.describe_stacks(StackName="App")["Stacks"][0]

    assert cloudformation.list_imports(ExportName="shared")["Imports"] == ["User"]
    assert updated["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert deleted["StackStatus"] == "DELETE_FAILED"
    assert deleted["StackStatusReason"] == "Export shared cannot be deleted as it is in use by User"


def test_a_parameter_that_must_not_be_shown_is_hidden_and_ssm_values_are_resolved(
    execute: Callable[..., dict[str, Any]], admin: Clients
) -> None:
    admin.get("ssm").put_parameter(Name="/stored", Value="from ssm", Type="String")
    template = stack(A=parameter("/a", {"Ref": "Stored"})) | {
        "Parameters": {
            "Secret": {"Type": "String", "NoEcho": True},
            "Stored": {"Type": "AWS::SSM::Parameter::Value<String>"},
        }
    }
    given = [
        {"ParameterKey": "Secret", "ParameterValue": "s3cret"},
        {"ParameterKey": "Stored", "ParameterValue": "/stored"},
    ]
    described = execute(template, "CREATE", Parameters=given)

    assert described["Parameters"] == [
        {"ParameterKey": "Secret", "ParameterValue": "****"},
        {"ParameterKey": "Stored", "ParameterValue": "/stored", "ResolvedValue": "from ssm"},
    ]
    again = [{"ParameterKey": name, "UsePreviousValue": True} for name in ("Secret", "Stored")]
    more = template | stack(A=parameter("/a", {"Ref": "Secret"}))
    assert execute(more, Parameters=again)["StackStatus"] == "UPDATE_COMPLETE"
    assert admin.get("ssm").get_parameter(Name="/a")["Parameter"]["Value"] == "s3cret"


@pytest.mark.parametrize(
    "declared,value,message",
    [
        ({"Type": "String", "AllowedValues": ["a"]}, "b", "must be one of a"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "B", "does not match"),
        ({"Type": "String", "MinLength": 3}, "ab", "characters"),
        ({"Type": "Number", "MaxValue": 5}, "6", "out of range"),
        ({"Type": "Number"}, "x", "must be a number"),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "/gone", "SSM parameter /gone"),
        ({"Type": "Colour"}, "red", "unknown parameter type"),
    ],
)
def test_a_parameter_that_is_not_allowed_is_refused(
    cloudformation: Any, declared: Template, value: str, message: str
) -> None:
    template = stack(A=parameter("/a")) | {"Parameters": {"P": declared}}
    with pytest.raises(ClientError, match=message) as caught:
        cloudformation.create_change_set(
            StackName="App",
            ChangeSetName="c",
            ChangeSetType="CREATE",
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": "P", "ParameterValue": value}],
        )

    assert code(caught)[0] == "ValidationError"


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


def test_what_is_not_implemented_is_refused_by_name(cloudformation: Any) -> None:
    with pytest.raises(ClientError, match="no operation DetectStackDrift"):
        cloudformation.detect_stack_drift(StackName="App")
    with pytest.raises(ClientError, match="does not implement AWS::DoesNot::Exist"):
        cloudformation.create_stack(StackName="App", TemplateBody=json.dumps(stack(A={"Type": "AWS::DoesNot::Exist"})))
    with pytest.raises(ClientError, match="does not implement ResourcesToImport"):
        cloudformation.create_change_set(
            StackName="App",
            ChangeSetName="c",
            TemplateBody=json.dumps(stack(A=parameter("/a"))),
            ResourcesToImport=[
                {"ResourceType": "AWS::SSM::Parameter", "LogicalResourceId": "A", "ResourceIdentifier": {"Name": "/a"}}
            ],
        )


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
