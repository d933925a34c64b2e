import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.clients import Clients
from tests.local.cloudformation.conftest import Template, code, parameter, stack


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


def test_events_and_change_sets_show_no_value_of_a_parameter_that_must_not_be_shown(
    execute: Callable[..., dict[str, Any]], cloudformation: Any, admin: Clients
) -> None:
    declared = {"Parameters": {"Secret": {"Type": "String", "NoEcho": "true"}}}
    resources = stack(
        Joined=parameter("/joined", {"Fn::Sub": "user:${Secret}"}),
        Part=parameter("/part", {"Fn::Select": [1, {"Fn::Split": ["-", {"Ref": "Secret"}]}]}),
        Plain=parameter("/plain", "s3-cret"),
    )

    def given(value: str) -> list[dict[str, str]]:
        return [{"ParameterKey": "Secret", "ParameterValue": value}]

    execute(resources | declared, "CREATE", Parameters=given("s3-cret"))
    cloudformation.create_change_set(
        StackName="App",
        ChangeSetName="next",
        TemplateBody=json.dumps(resources | declared),
        Parameters=given("n3w-value"),
    )
    change_set = cloudformation.describe_change_set(StackName="App", ChangeSetName="next", IncludePropertyValues=True)

    events = cloudformation.describe_stack_events(StackName="App")["StackEvents"]
    shown = {each["LogicalResourceId"]: json.loads(each.get("ResourceProperties") or "{}") for each in reversed(events)}
    assert shown["Joined"] == {"Name": "/joined", "Type": "String", "Value": "user:****"}
    assert shown["Part"] == {"Name": "****", "Type": "****", "Value": "****"}
    assert shown["Plain"]["Value"] == "s3-cret"
    told = json.dumps(change_set["Changes"])
    assert "user:****" in told
    assert all(part not in told for part in ("cret", "n3w", "value"))
    values = admin.get("ssm").get_parameters(Names=["/joined", "/part"])["Parameters"]
    assert {each["Value"] for each in values} == {"user:s3-cret", "cret"}


def test_conditions_are_decided_by_the_value_that_is_not_shown(
    execute: Callable[..., dict[str, Any]], cloudformation: Any, admin: Clients
) -> None:
    template = stack(A=parameter("/a", {"Fn::If": ["Wanted", {"Ref": "Secret"}, "other"]})) | {
        "Parameters": {"Secret": {"Type": "String", "NoEcho": True}},
        "Conditions": {"Wanted": {"Fn::Equals": [{"Ref": "Secret"}, "s3cret"]}},
    }

    execute(template, "CREATE", Parameters=[{"ParameterKey": "Secret", "ParameterValue": "s3cret"}])

    assert admin.get("ssm").get_parameter(Name="/a")["Parameter"]["Value"] == "s3cret"
    events = cloudformation.describe_stack_events(StackName="App")["StackEvents"]
    assert {json.loads(each["ResourceProperties"])["Value"] for each in events if each.get("ResourceProperties")} == {
        "****"
    }
