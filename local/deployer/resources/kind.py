"""What a resource type's handlers are given and what they give back."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.clients import Clients
from local.deployer.assembly import Asset
from local.deployer.assets import Assets
from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.world import World


@dataclass(frozen=True, slots=True)
class Created:
    """A created resource: what Ref gives, which is also its physical id, and what Fn::GetAtt knows."""

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """One resource on its way: where it belongs and what it is created, updated or deleted with."""

    world: World
    clients: Clients
    stack: str
    logical_id: str
    assets: Assets
    stack_tags: Mapping[str, str]
    former_stack_tags: Mapping[str, str] = field(default_factory=dict)
    """The stack's tags before an update."""
    generation: int = 0
    """How often the resource was replaced: its successor needs another physical name."""
    begun: list[Created] = field(default_factory=list)
    """What a handler of several calls has created already, should a later call fail."""

    @property
    def path(self) -> str:
        """`Stack.LogicalId`, as errors name it."""
        return f"{self.stack}.{self.logical_id}"

    def client(self, service: str) -> Any:
        """The administrator's client of a service."""
        return self.clients.get(service)

    def begin(self, created: Created) -> Created:
        """Note what exists from now on, so that a rollback deletes it; call it after the first of several calls."""
        self.begun[:] = [created]
        return created

    def name(self, limit: int, *, lower: bool = False) -> str:
        """The physical name of a resource that has none of its own: the same in every run, unique in the account."""
        seed = f"{self.path}#{self.generation}" if self.generation else self.path
        mark = hashlib.sha256(seed.encode()).hexdigest()[:8]
        stem = f"{self.stack}-{self.logical_id}"[: limit - len(mark) - 1].rstrip("-")
        name = f"{stem}-{mark}"
        return name.lower() if lower else name

    def tags(self, p: Properties) -> list[dict[str, str]]:
        """The resource's tags over the stack's, as a list of Key and Value."""
        own = {each.text("Key"): each.text("Value") for each in p.sections("Tags")}
        return [{"Key": key, "Value": value} for key, value in {**self.stack_tags, **own}.items()]

    def retag(self, p: Properties, was: Properties) -> "Retagging":
        """What an update changes about a resource's tags."""
        now = {each["Key"]: each["Value"] for each in self.tags(p)}
        before = dict(self.former_stack_tags)
        before |= {each.text("Key"): each.text("Value") for each in was.sections("Tags")}
        return Retagging.between(before, now)

    def asset(self, p: Properties, bucket: str, key: str) -> Asset:
        """The asset at a bucket and key."""
        found = self.assets.find(bucket, key)
        if found is None:
            raise DeployError(p.path, f"there is no asset s3://{bucket}/{key}; {self.assets.known()}")
        return found


@dataclass(frozen=True, slots=True)
class Retagging:
    """The tags to remove and those to set."""

    removed: tuple[str, ...]
    added: Mapping[str, str]

    @classmethod
    def between(cls, before: Mapping[str, str], now: Mapping[str, str]) -> "Retagging":
        """What turns one set of tags into the other."""
        return cls(
            tuple(key for key in before if key not in now),
            {key: value for key, value in now.items() if before.get(key) != value},
        )

    def pairs(self, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
        """The tags to set as a list, with the keys that an API wants."""
        return [{key: name, value: each} for name, each in self.added.items()]


Create = Callable[[Context, Properties], Created]
Update = Callable[[Context, Properties, Properties, Created], Created]
"""(context, new properties, former properties, what exists). It leaves the physical id as it is."""
Delete = Callable[[Context, Properties, Created], None]
"""(context, properties, what exists). A resource that is gone already counts as deleted."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource type. An `inert` one is checked and listed but does nothing in the embedded AWS.

    Without `update` a change of any property that does not replace the resource is refused by name.
    """

    create: Create
    delete: Delete
    update: Update | None = None
    inert: bool = False


def nothing(context: Context, p: Properties, existing: Created) -> None:
    """Delete what leaves nothing behind."""
    del context, p, existing
