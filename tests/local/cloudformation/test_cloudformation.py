import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.clients import Clients
from local.world import World
from tests.local.cloudformation.conftest import Template, code, parameter, stack


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
