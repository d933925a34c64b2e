"""One template: its parts, checked, and its resources in the order in which they can be created."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.deployer.errors import DeployError

SECTIONS = {
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
}
ATTRIBUTES = {"Condition", "DeletionPolicy", "DependsOn", "Metadata", "Properties", "Type", "UpdateReplacePolicy"}
DELETION_POLICIES = ("Delete", "Retain", "RetainExceptOnCreate")
REPLACE_POLICIES = ("Delete", "Retain")
_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as declared."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    condition: str
    after: tuple[str, ...]
    """Logical ids that it refers to or depends on."""
    deletion_policy: str = "Delete"
    replace_policy: str = "Delete"
    """UpdateReplacePolicy."""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Template:
    """A stack's template."""

    parameters: Mapping[str, Mapping[str, Any]]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    resources: tuple[Resource, ...]
    """Each after what it needs."""
    outputs: Mapping[str, Mapping[str, Any]]
    rules: Mapping[str, Mapping[str, Any]]
    description: str


def parse(stack: str, document: Mapping[str, Any]) -> Template:
    """Read a template; DeployError for a section or a resource attribute that is not known here."""
    for section in document:
        if section not in SECTIONS:
            raise DeployError(f"{stack}.{section}", f"unknown section; known: {', '.join(sorted(SECTIONS))}")
    for name, rule in document.get("Rules", {}).items():
        if "Assertions" not in rule or set(rule) - {"Assertions", "RuleCondition"}:
            raise DeployError(f"{stack}.Rules.{name}", "a rule has Assertions and may have a RuleCondition")
    declared: dict[str, Any] = document.get("Resources", {})
    resources = {name: _resource(stack, name, each, declared) for name, each in declared.items()}
    return Template(
        parameters=document.get("Parameters", {}),
        mappings=document.get("Mappings", {}),
        conditions=document.get("Conditions", {}),
        resources=_ordered(stack, resources),
        outputs=document.get("Outputs", {}),
        rules=document.get("Rules", {}),
        description=document.get("Description", ""),
    )


def _resource(stack: str, name: str, declared: Mapping[str, Any], others: Mapping[str, Any]) -> Resource:
    path = f"{stack}.{name}"
    for attribute in declared:
        if attribute not in ATTRIBUTES:
            raise DeployError(f"{path}.{attribute}", "the embedded AWS does not implement this resource attribute")
    depends = declared.get("DependsOn", [])
    depends = [depends] if isinstance(depends, str) else depends
    for other in depends:
        if other not in others:
            raise DeployError(f"{path}.DependsOn", f"there is no resource {other}")
    properties = declared.get("Properties", {})
    needed = {*depends, *(each for each in references(properties) if each in others)} - {name}
    return Resource(
        logical_id=name,
        type=declared["Type"],
        properties=properties,
        condition=declared.get("Condition", ""),
        after=tuple(sorted(needed)),
        deletion_policy=_one_of(declared, "DeletionPolicy", DELETION_POLICIES, path),
        replace_policy=_one_of(declared, "UpdateReplacePolicy", REPLACE_POLICIES, path),
        metadata=declared.get("Metadata", {}),
    )


def _one_of(declared: Mapping[str, Any], attribute: str, known: tuple[str, ...], path: str) -> str:
    value = declared.get(attribute, "Delete")
    if value not in known:
        raise DeployError(f"{path}.{attribute}", f"must be one of {', '.join(known)} here, not {value!r}")
    return str(value)


def references(value: Any) -> Iterator[str]:
    """Every name that Ref, Fn::GetAtt or Fn::Sub mentions."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    if not isinstance(value, Mapping):
        return
    for name, argument in value.items():
        if name == "Ref" and isinstance(argument, str):
            yield argument
        elif name == "Fn::GetAtt":
            yield argument.split(".")[0] if isinstance(argument, str) else argument[0]
        elif name == "Fn::Sub":
            text = argument if isinstance(argument, str) else argument[0]
            yield from (found.strip().split(".")[0] for found in _VARIABLE.findall(text))
            yield from references(argument)
        else:
            yield from references(argument)


def _ordered(stack: str, resources: Mapping[str, Resource]) -> tuple[Resource, ...]:
    """Of the resources that can be created, the template's first; so the order is the same in every run."""
    done: dict[str, Resource] = {}
    entered: list[str] = []

    def visit(resource: Resource) -> None:
        if resource.logical_id in done:
            return
        if resource.logical_id in entered:
            circle = " -> ".join([*entered[entered.index(resource.logical_id) :], resource.logical_id])
            raise DeployError(f"{stack}.{resource.logical_id}", f"circular dependency: {circle}")
        entered.append(resource.logical_id)
        for other in resource.after:
            visit(resources[other])
        entered.pop()
        done[resource.logical_id] = resource

    for resource in resources.values():
        visit(resource)
    return tuple(done.values())
