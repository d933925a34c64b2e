"""What a resource type's handler is given and what it gives back."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.clients import Clients
from local.deployer.assembly import Asset
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
    """One resource on its way: where it belongs and what it is created with."""

    world: World
    clients: Clients
    stack: str
    logical_id: str
    assets: Mapping[str, Asset]
    stack_tags: Mapping[str, str]

    @property
    def path(self) -> str:
        """`Stack.LogicalId`, as errors name it."""
        return f"{self.stack}.{self.logical_id}"

    def client(self, service: str) -> Any:
        """The administrator's client of a service."""
        return self.clients.get(service)

    def name(self, limit: int, *, lower: bool = False) -> str:
        """The physical name of a resource that has none of its own: the same in every run, unique in the account."""
        mark = hashlib.sha256(self.path.encode()).hexdigest()[:8]
        stem = f"{self.stack}-{self.logical_id}"[: limit - len(mark) - 1].rstrip("-")
        name = f"{stem}-{mark}"
        return name.lower() if lower else name

    def tags(self, p: Properties) -> list[dict[str, str]]:
        """The resource's tags over the stack's, as a list of Key and Value."""
        own = {each.text("Key"): each.text("Value") for each in p.sections("Tags")}
        return [{"Key": key, "Value": value} for key, value in {**self.stack_tags, **own}.items()]

    def asset(self, p: Properties, bucket: str, key: str) -> Asset:
        """The asset of this stack at a bucket and key."""
        found = self.assets.get(key)
        region, account = self.world.region, self.world.account
        if found is not None:
            expected = found.bucket.replace("${AWS::AccountId}", account).replace("${AWS::Region}", region)
            if expected == bucket:
                return found
        known = ", ".join(sorted(self.assets)) or "none"
        raise DeployError(p.path, f"the assembly has no asset s3://{bucket}/{key}; its assets: {known}")


Create = Callable[[Context, Properties], Created]


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource type. An `inert` one is checked and listed but does nothing in the embedded AWS."""

    create: Create
    inert: bool = False
