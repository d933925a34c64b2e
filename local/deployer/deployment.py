"""Deploys a cloud assembly into a world, stack by stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.clients import Clients
from local.deployer import assembly
from local.deployer.assembly import StackArtifact
from local.deployer.errors import DeployError
from local.deployer.resources import KINDS
from local.deployer.stack import StackCreation, check
from local.world import World


@dataclass(frozen=True, slots=True)
class DeployedResource:
    """A resource as it was created."""

    logical_id: str
    type: str
    physical_id: str
    inert: bool
    """Checked and listed; it does nothing in the embedded AWS."""


@dataclass(frozen=True, slots=True)
class StackResult:
    """A stack that was created."""

    name: str
    resources: Mapping[str, str]
    """Logical id → physical id, in the order of creation."""
    outputs: Mapping[str, str]
    details: tuple[DeployedResource, ...]


@dataclass(frozen=True, slots=True)
class Deployment:
    """Every stack of an assembly, by name, in the order of creation."""

    stacks: Mapping[str, StackResult]

    @property
    def inert(self) -> tuple[tuple[str, DeployedResource], ...]:
        """(stack, resource) for what was accepted without effect."""
        return tuple((stack.name, each) for stack in self.stacks.values() for each in stack.details if each.inert)


class Deployer:
    """The stacks of one world. It creates; a stack deployed again unchanged is left alone."""

    def __init__(self, world: World) -> None:
        """The world must be served already: resources are created over its URL."""
        self._world = world
        self._stacks: dict[str, StackResult] = {}
        self._templates: dict[str, tuple[Any, ...]] = {}
        self._exports: dict[str, str] = {}

    def deploy(self, folder: Path) -> Deployment:
        """Create the stacks of a cloud assembly in dependency order.

        DeployError at the first thing that is wrong, named by stack and logical id. All templates are read before
        anything is created; what was created before a failing resource stays.
        """
        stacks = assembly.read(folder)
        for artifact in stacks:
            check(artifact)
        clients = Clients(url=self._world.url, region=self._world.region)
        try:
            for artifact in stacks:
                self._one(artifact, clients)
        finally:
            clients.close()
        return Deployment({artifact.name: self._stacks[artifact.name] for artifact in stacks})

    def _one(self, artifact: StackArtifact, clients: Clients) -> None:
        content = (artifact.template, artifact.parameters, artifact.tags)
        if artifact.name in self._stacks:
            if self._templates[artifact.name] == content:
                return
            raise DeployError(artifact.name, "exists already with another template; stacks cannot be updated yet")
        creation = StackCreation(self._world, clients, artifact, self._exports)
        creation.create()
        self._exports |= creation.new_exports
        self._templates[artifact.name] = content
        types = {resource.logical_id: resource.type for resource in creation.template.resources}
        details = tuple(
            DeployedResource(name, types[name], created.ref, KINDS[types[name]].inert)
            for name, created in creation.created.items()
        )
        self._stacks[artifact.name] = StackResult(
            artifact.name, {each.logical_id: each.physical_id for each in details}, creation.outputs, details
        )


def deploy(world: World, assembly_dir: Path) -> Deployment:
    """Deploy a cloud assembly into a world that has no stacks yet. See `Deployer.deploy`."""
    return Deployer(world).deploy(assembly_dir)
