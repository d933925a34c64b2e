from typing import Any

import pytest

from local.deployer import intrinsics
from local.deployer.errors import DeployError
from local.deployer.template import parse


class Names:
    """A stack with a topic, a parameter, an export, a mapping and two conditions."""

    def reference(self, name: str, path: str) -> Any:
        known = {"Topic": "arn:topic", "AWS::Region": "us-east-1", "Zones": ["a", "b"]}
        if name not in known:
            raise DeployError(path, f"there is no {name}")
        return known[name]

    def attribute(self, logical_id: str, name: str, path: str) -> Any:
        return f"{logical_id}/{name}"

    def exported(self, name: str, path: str) -> Any:
        return f"exported {name}"

    def mapped(self, name: str, first: str, second: str, path: str) -> Any:
        return f"{name}.{first}.{second}"

    def condition(self, name: str, path: str) -> bool:
        return name == "IsTrue"

    def dynamic(self, service: str, key: str, path: str) -> str:
        return f"<{service} {key}>"


@pytest.mark.parametrize(
    "value,expected",
    [
        ({"Ref": "Topic"}, "arn:topic"),
        ({"Fn::GetAtt": ["Topic", "TopicName"]}, "Topic/TopicName"),
        ({"Fn::GetAtt": "Nested.Outputs.Arn"}, "Nested/Outputs.Arn"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Topic"}, 3]]}, "a-arn:topic-3"),
        ({"Fn::Join": [",", {"Ref": "Zones"}]}, "a,b"),
        ({"Fn::Sub": "${AWS::Region}/${Topic.Arn}/${!Literal}"}, "us-east-1/Topic/Arn/${Literal}"),
        ({"Fn::Sub": ["${x}-${Topic}", {"x": {"Ref": "AWS::Region"}}]}, "us-east-1-arn:topic"),
        ({"Fn::Select": [1, {"Fn::Split": ["/", "a/b/c"]}]}, "b"),
        ({"Fn::ImportValue": "name"}, "exported name"),
        ({"Fn::If": ["IsTrue", "yes", "no"]}, "yes"),
        ({"Fn::If": ["IsFalse", "yes", "no"]}, "no"),
        ({"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "k"]}, "M.us-east-1.k"),
        ({"Fn::Base64": "hi"}, "aGk="),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Fn::If": ["IsFalse", 2, {"Ref": "AWS::NoValue"}]}]}, {"b": [1]}),
        ("x {{resolve:ssm:/a/b}} y", "x <ssm /a/b> y"),
        ({"Effect": "Allow", "Ref": "is a plain key here"}, {"Effect": "Allow", "Ref": "is a plain key here"}),
    ],
)
def test_each_intrinsic_resolves(value: Any, expected: Any) -> None:
    assert expected == intrinsics.resolve(value, Names(), "App.It")


@pytest.mark.parametrize(
    "expression,expected",
    [
        ({"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}, True),
        ({"Fn::Equals": ["a", "b"]}, False),
        ({"Fn::And": [{"Condition": "IsTrue"}, {"Condition": "IsFalse"}]}, False),
        ({"Fn::Or": [{"Condition": "IsFalse"}, {"Condition": "IsTrue"}]}, True),
        ({"Fn::Not": [{"Condition": "IsFalse"}]}, True),
    ],
)
def test_each_condition_function_decides(expression: Any, expected: bool) -> None:
    assert expected is intrinsics.holds(expression, Names(), "App.Conditions.C")


@pytest.mark.parametrize(
    "value,path,reason",
    [
        ({"a": [{"Ref": "Gone"}]}, "App.It.a.0", "there is no Gone"),
        ({"Fn::Cidr": ["10.0.0.0/8", 1]}, "App.It", "unknown intrinsic function Fn::Cidr"),
        ({"Fn::Select": [3, ["a"]]}, "App.It", "there is no item 3"),
        ({"Fn::Join": ["-", "text"]}, "App.It", "needs a list here"),
        ({"Fn::Sub": "${Zones}"}, "App.It", "needs a string here"),
    ],
)
def test_what_does_not_resolve_is_an_error_with_its_path(value: Any, path: str, reason: str) -> None:
    with pytest.raises(DeployError, match=reason) as caught:
        intrinsics.resolve(value, Names(), "App.It")

    assert caught.value.path == path


def test_resources_come_after_everything_they_mention() -> None:
    queue = "AWS::SQS::Queue"
    document = {
        "Resources": {
            "ByRef": {"Type": queue, "Properties": {"x": {"Ref": "A"}}},
            "ByAttribute": {"Type": queue, "Properties": {"x": {"Fn::GetAtt": ["B", "Arn"]}}},
            "BySub": {"Type": queue, "Properties": {"x": {"Fn::Sub": "${C.Arn} ${AWS::Region}"}}},
            "ByDependsOn": {"Type": queue, "DependsOn": ["D"]},
            **{name: {"Type": queue} for name in "ABCD"},
        }
    }

    order = [resource.logical_id for resource in parse("App", document).resources]

    assert order == ["A", "ByRef", "B", "ByAttribute", "C", "BySub", "D", "ByDependsOn"]
