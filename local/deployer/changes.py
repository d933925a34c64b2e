"""What deploying a template over a stack would change, resource by resource."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from local.deployer import intrinsics, schemas
from local.deployer.intrinsics import UNKNOWN
from local.deployer.parameters import HIDDEN
from local.deployer.resources.kind import Created
from local.deployer.scope import StackScope
from local.deployer.template import Resource


class Action(StrEnum):
    """What becomes of a resource."""

    ADD = "Add"
    MODIFY = "Modify"
    REMOVE = "Remove"


class Replacement(StrEnum):
    """Whether a modified resource is replaced by a new one."""

    TRUE = "True"
    FALSE = "False"
    CONDITIONAL = "Conditional"


@dataclass(frozen=True, slots=True)
class Standing:
    """A resource of a stack as it stands."""

    resource: Resource
    properties: Mapping[str, Any]
    """Resolved."""
    created: Created
    generation: int = 0
    """How often it was replaced."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that differs: a property, or an attribute such as DeletionPolicy (then `name` is empty)."""

    attribute: str
    name: str
    replaces: bool
    before: Any
    after: Any

    @property
    def dynamic(self) -> bool:
        """Only executing the change will tell the value."""
        return UNKNOWN in str(self.after)


@dataclass(frozen=True, slots=True)
class Change:
    """What a change set does to one resource."""

    action: Action
    logical_id: str
    type: str
    physical_id: str = ""
    details: tuple[Detail, ...] = ()
    keeps: bool = False
    """A removed resource that its DeletionPolicy retains."""
    replace_policy: str = "Delete"

    @property
    def replacement(self) -> Replacement:
        """Whether the resource is replaced."""
        replacing = [each for each in self.details if each.replaces]
        if any(not each.dynamic for each in replacing):
            return Replacement.TRUE
        return Replacement.CONDITIONAL if replacing else Replacement.FALSE


class _Anything(Mapping[str, str]):
    """The attributes of a resource that does not exist yet."""

    def __getitem__(self, name: str) -> str:
        return UNKNOWN

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __contains__(self, name: object) -> bool:
        return True


LATER = Created(UNKNOWN, _Anything())
"""Stands for a resource that is to be created."""


def compare(
    standing: Standing, resource: Resource, properties: Mapping[str, Any], *, tags_changed: bool
) -> tuple[Detail, ...]:
    """How a resource as declared now differs from what stands; () for not at all."""
    found = []
    for name in sorted({*standing.properties, *properties}):
        before, after = standing.properties.get(name), properties.get(name)
        if before != after:
            replaces = schemas.replaces(resource.type, name, properties)
            attribute = "Tags" if name == "Tags" else "Properties"
            found.append(Detail(attribute, "" if name == "Tags" else name, replaces, before, after))
    if tags_changed and schemas.taggable(resource.type) and not any(each.attribute == "Tags" for each in found):
        found.append(Detail("Tags", "", False, None, None))
    was = standing.resource
    for attribute, old, new in (
        ("DeletionPolicy", was.deletion_policy, resource.deletion_policy),
        ("UpdateReplacePolicy", was.replace_policy, resource.replace_policy),
        ("Metadata", was.metadata, resource.metadata),
    ):
        if old != new:
            found.append(Detail(attribute, "", False, old, new))
    return tuple(found)


def _masked(detail: Detail, properties: Mapping[str, Any], shown: Mapping[str, Any]) -> Detail:
    """A detail without the value of a parameter with NoEcho; what was there before is taken for one too."""
    after = shown.get(detail.name)
    if not detail.name or after == properties.get(detail.name):
        return detail
    return replace(detail, before=None if detail.before is None else HIDDEN, after=after)


def plan(scope: StackScope, standing: Mapping[str, Standing], *, tags_changed: bool) -> tuple[Change, ...]:
    """The changes that `scope`'s template would make, in the order of their execution; removals last, backwards.

    DeployError for a name that stands for nothing. `scope.created` is filled with what is known beforehand.
    """
    found: list[Change] = []
    wanted = scope.wanted()
    for resource in wanted:
        logical_id = resource.logical_id
        properties = scope.properties(resource)
        before = standing.get(logical_id)
        if before is None:
            found.append(Change(Action.ADD, logical_id, resource.type))
            scope.created[logical_id] = LATER
            continue
        shown = scope.shown(resource, properties)
        details = tuple(
            _masked(each, properties, shown)
            for each in compare(before, resource, properties, tags_changed=tags_changed)
        )
        change = Change(
            Action.MODIFY,
            logical_id,
            resource.type,
            before.created.ref,
            details,
            replace_policy=before.resource.replace_policy,
        )
        scope.created[logical_id] = LATER if change.replacement is Replacement.TRUE else before.created
        if details:
            found.append(change)
    kept = {resource.logical_id for resource in wanted}
    for logical_id, gone in reversed(list(standing.items())):
        if logical_id not in kept:
            keeps = gone.resource.deletion_policy != "Delete"
            found.append(Change(Action.REMOVE, logical_id, gone.resource.type, gone.created.ref, keeps=keeps))
    return tuple(found)


def outputs(scope: StackScope, name: str) -> dict[str, "Output"]:
    """A stack's outputs whose condition holds."""
    found = {}
    for key, declared in scope.template.outputs.items():
        path = f"{name}.Outputs.{key}"
        if "Condition" in declared and not scope.condition(declared["Condition"], path):
            continue
        value = intrinsics.resolve(declared["Value"], scope, f"{path}.Value")
        export = ""
        if "Export" in declared:
            export = str(intrinsics.resolve(declared["Export"]["Name"], scope, f"{path}.Export.Name"))
        found[key] = Output(value, export, str(declared.get("Description", "")))
    return found


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a stack; `export` is the name under which other stacks read it, or empty."""

    value: str
    export: str
    description: str
