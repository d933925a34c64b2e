"""Creates one stack: what its template's names stand for, its resources in order, its outputs and exports."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from local.clients import Clients
from local.deployer import intrinsics
from local.deployer.assembly import StackArtifact
from local.deployer.errors import DeployError
from local.deployer.intrinsics import NO_VALUE
from local.deployer.properties import Properties
from local.deployer.resources import KINDS
from local.deployer.resources.kind import Context, Created
from local.deployer.template import Resource, Template, parse
from local.errors import ServiceError
from local.world import World

_SSM_VALUE = "AWS::SSM::Parameter::Value<"
_PARAMETER_KEYS = {
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
}


class StackCreation:
    """One stack on its way; the `Scope` of its intrinsics."""

    def __init__(self, world: World, clients: Clients, artifact: StackArtifact, exports: Mapping[str, str]) -> None:
        """`exports` are those of the stacks that exist."""
        self._world = world
        self._clients = clients
        self._artifact = artifact
        self._exports = exports
        self._conditions: dict[str, bool] = {}
        self.template: Template = parse(artifact.name, artifact.template)
        self.created: dict[str, Created] = {}
        self.outputs: dict[str, str] = {}
        self.new_exports: dict[str, str] = {}

    def create(self) -> None:
        """Create every resource whose condition holds, then work out the outputs."""
        for resource in self.template.resources:
            path = f"{self._artifact.name}.{resource.logical_id}"
            if not resource.condition or self.condition(resource.condition, path):
                self.created[resource.logical_id] = self._create(resource, path)
        self._output()

    def _create(self, resource: Resource, path: str) -> Created:
        properties = intrinsics.resolve(resource.properties, self, f"{path}.Properties")
        reader = Properties(properties, f"{path}.Properties")
        context = Context(
            world=self._world,
            clients=self._clients,
            stack=self._artifact.name,
            logical_id=resource.logical_id,
            assets=self._artifact.assets,
            stack_tags=self._artifact.tags,
        )
        where = f"{path} ({resource.type})"
        try:
            created = KINDS[resource.type].create(context, reader)
        except ClientError as error:
            problem = error.response["Error"]
            raise DeployError(where, f"{problem['Code']}: {problem['Message']}") from error
        except ParamValidationError as error:
            raise DeployError(where, str(error).replace("\n", " ")) from error
        except BotoCoreError as error:
            raise DeployError(where, str(error)) from error
        except ServiceError as error:
            raise DeployError(where, f"{error.code}: {error.message}") from error
        reader.finish()
        return created

    def _output(self) -> None:
        for name, declared in self.template.outputs.items():
            path = f"{self._artifact.name}.Outputs.{name}"
            if unknown := sorted(set(declared) - {"Condition", "Description", "Export", "Value"}):
                raise DeployError(f"{path}.{unknown[0]}", "unknown key")
            if "Condition" in declared and not self.condition(declared["Condition"], path):
                continue
            self.outputs[name] = intrinsics.resolve(declared["Value"], self, f"{path}.Value")
            if "Export" in declared:
                export = intrinsics.resolve(declared["Export"]["Name"], self, f"{path}.Export.Name")
                if export in self._exports:
                    raise DeployError(
                        f"{path}.Export", f"Export with name {export} is already exported by another stack"
                    )
                self.new_exports[export] = self.outputs[name]

    # ------------------------------------------------------------- what names stand for

    def reference(self, name: str, path: str) -> Any:
        """The value of Ref."""
        world = self._world
        pseudo: dict[str, Any] = {
            "AWS::AccountId": world.account,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": world.region,
            "AWS::StackId": f"arn:aws:cloudformation:{world.region}:{world.account}:stack/{self._artifact.name}",
            "AWS::StackName": self._artifact.name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.template.parameters:
            return self._parameter(name)
        return self._resource(name, path).ref

    def attribute(self, logical_id: str, name: str, path: str) -> Any:
        """The value of Fn::GetAtt."""
        attributes = self._resource(logical_id, path).attributes
        if name not in attributes:
            known = ", ".join(sorted(attributes)) or "none"
            raise DeployError(path, f"{logical_id} has no attribute {name}; known: {known}")
        return attributes[name]

    def exported(self, name: str, path: str) -> Any:
        """The value of Fn::ImportValue."""
        if name not in self._exports:
            raise DeployError(path, f"No export named {name} found.")
        return self._exports[name]

    def mapped(self, name: str, first: str, second: str, path: str) -> Any:
        """The value of Fn::FindInMap."""
        try:
            return self.template.mappings[name][first][second]
        except KeyError:
            raise DeployError(path, f"Fn::FindInMap: there is no {name}.{first}.{second} in Mappings") from None

    def condition(self, name: str, path: str) -> bool:
        """Whether a condition of the template holds."""
        if name not in self._conditions:
            if name not in self.template.conditions:
                raise DeployError(path, f"there is no condition {name}")
            expression = self.template.conditions[name]
            self._conditions[name] = intrinsics.holds(expression, self, f"{self._artifact.name}.Conditions.{name}")
        return self._conditions[name]

    def dynamic(self, service: str, key: str, path: str) -> str:
        """The value of a dynamic reference."""
        if service != "ssm":
            raise DeployError(path, f"dynamic references to {service} are not implemented, only to ssm")
        return self._stored(key.partition(":")[0], path)

    def _resource(self, name: str, path: str) -> Created:
        if name not in self.created:
            raise DeployError(path, f"there is no resource or parameter {name}, or its condition does not hold")
        return self.created[name]

    def _parameter(self, name: str) -> Any:
        path = f"{self._artifact.name}.Parameters.{name}"
        declared = self.template.parameters[name]
        kind = declared["Type"]
        value = self._artifact.parameters.get(name, declared.get("Default", NO_VALUE))
        if value is NO_VALUE:
            raise DeployError(path, "has neither a value nor a default")
        if "AllowedValues" in declared and value not in declared["AllowedValues"]:
            raise DeployError(path, f"must be one of {declared['AllowedValues']}, not {value!r}")
        if kind.startswith(_SSM_VALUE):
            value, kind = self._stored(value, path), kind.removeprefix(_SSM_VALUE).removesuffix(">")
        return [each.strip() for each in str(value).split(",")] if kind.startswith(("List<", "Comma")) else value

    def _stored(self, name: str, path: str) -> str:
        try:
            return str(self._clients.get("ssm").get_parameter(Name=name)["Parameter"]["Value"])
        except ClientError as error:
            raise DeployError(path, f"SSM parameter {name}: {error.response['Error']['Message']}") from error


def check(artifact: StackArtifact) -> None:
    """DeployError for what is wrong with a template by itself: an unknown section, parameter or resource type."""
    template = parse(artifact.name, artifact.template)
    for name in artifact.parameters:
        if name not in template.parameters:
            raise DeployError(f"{artifact.name}.Parameters.{name}", "the template has no such parameter")
    for name, declared in template.parameters.items():
        if unknown := sorted(set(declared) - _PARAMETER_KEYS):
            raise DeployError(f"{artifact.name}.Parameters.{name}.{unknown[0]}", "unknown key")
    for resource in template.resources:
        if resource.type not in KINDS:
            path = f"{artifact.name}.{resource.logical_id}"
            raise DeployError(path, f"the embedded AWS does not implement {resource.type}")
