"""CloudFormation's API on a served world, and the pieces of templates."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.clients import Clients
from local.world import World

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
