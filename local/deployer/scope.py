"""What the names in one stack's template stand for: parameters, resources, exports, mappings, conditions."""

import copy
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.clients import Clients
from local.deployer import intrinsics
from local.deployer.errors import DeployError
from local.deployer.parameters import HIDDEN, Parameter
from local.deployer.resources.kind import Created
from local.deployer.template import Resource, Template
from local.world import World


class StackScope:
    """The `Scope` of a stack's intrinsics. `created` grows as resources come to be; `imported` as exports are read."""

    def __init__(
        self,
        world: World,
        clients: Clients,
        *,
        name: str,
        identity: str,
        template: Template,
        parameters: Mapping[str, Parameter],
        exports: Mapping[str, str],
    ) -> None:
        """`identity` is the stack's ARN; `exports` are those of the stacks that exist."""
        self._world = world
        self._clients = clients
        self._name = name
        self._identity = identity
        self._parameters = parameters
        self._exports = exports
        self._conditions: dict[str, bool] = {}
        self.template = template
        self.created: dict[str, Created] = {}
        self.imported: set[str] = set()

    def wanted(self) -> tuple[Resource, ...]:
        """The resources whose condition holds, each after what it needs."""
        return tuple(
            resource
            for resource in self.template.resources
            if not resource.condition or self.condition(resource.condition, f"{self._name}.{resource.logical_id}")
        )

    def properties(self, resource: Resource) -> dict[str, Any]:
        """A resource's properties, resolved."""
        path = f"{self._name}.{resource.logical_id}.Properties"
        resolved: dict[str, Any] = intrinsics.resolve(resource.properties, self, path)
        return resolved

    def shown(self, resource: Resource, properties: dict[str, Any]) -> dict[str, Any]:
        """What events show of a resource's resolved properties: parameters with NoEcho are masked."""
        if not any(parameter.hidden for parameter in self._parameters.values()):
            return properties
        masking = copy.copy(self)  # conditions are decided already, by the real values
        masking._parameters = {name: parameter.masked() for name, parameter in self._parameters.items()}
        try:
            return masking.properties(resource)
        except DeployError:  # an intrinsic takes a part of a value that is masked
            return dict.fromkeys(properties, HIDDEN)

    def assert_rules(self) -> None:
        """DeployError for the first of the template's rules that does not hold."""
        for name, rule in self.template.rules.items():
            path = f"{self._name}.Rules.{name}"
            if "RuleCondition" in rule and not intrinsics.holds(rule["RuleCondition"], self, path):
                continue
            for assertion in rule["Assertions"]:
                if not intrinsics.holds(assertion["Assert"], self, path):
                    raise DeployError(path, assertion.get("AssertDescription", "the assertion does not hold"))

    def reference(self, name: str, path: str) -> Any:
        """The value of Ref."""
        world = self._world
        pseudo: dict[str, Any] = {
            "AWS::AccountId": world.account,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": world.region,
            "AWS::StackId": self._identity,
            "AWS::StackName": self._name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        if name in self._parameters:
            value = self._parameters[name].value
            return value if isinstance(value, str) else list(value)
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
        self.imported.add(name)
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
            self._conditions[name] = intrinsics.holds(expression, self, f"{self._name}.Conditions.{name}")
        return self._conditions[name]

    def dynamic(self, service: str, key: str, path: str) -> str:
        """The value of a dynamic reference."""
        if service != "ssm":
            raise DeployError(path, f"dynamic references to {service} are not implemented, only to ssm")
        return stored(self._clients, key.partition(":")[0], path)

    def _resource(self, name: str, path: str) -> Created:
        if name not in self.created:
            raise DeployError(path, f"there is no resource or parameter {name}, or its condition does not hold")
        return self.created[name]


def stored(clients: Clients, name: str, path: str) -> str:
    """The value of an SSM parameter."""
    try:
        return str(clients.get("ssm").get_parameter(Name=name)["Parameter"]["Value"])
    except ClientError as error:
        problem = error.response["Error"]
        raise DeployError(path, f"SSM parameter {name}: {problem.get('Message') or problem['Code']}") from error
