"""Deploys a cloud assembly into a world, stack by stack."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.clients import Clients
from local.deployer import assembly
from local.deployer.assembly import StackArtifact
from local.deployer.assets import AssemblyAssets
from local.deployer.errors import DeployError
from local.deployer.operation import Delete, Deploy, template_of
from local.deployer.resources import KINDS
from local.deployer.stacks import Source, Stack
from local.deployer.template import references
from local.world import World

BOOTSTRAP_RULE = "CheckBootstrapVersion"
BOOTSTRAP_PARAMETER = "BootstrapVersion"


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
    """Deploys into one world: a new stack is created, a changed one updated, an unchanged one left alone."""

    def __init__(self, world: World) -> None:
        """The world must be served already: resources are created over its URL."""
        self._world = world

    def deploy(self, folder: Path) -> Deployment:
        """Create or update the stacks of a cloud assembly in dependency order.

        DeployError at the first thing that is wrong, named by stack and logical id. All templates are read before
        anything is created; the stack that fails is rolled back, those before it stay.
        """
        artifacts = assembly.read(folder)
        for artifact in artifacts:
            self._check(artifact)
        clients = Clients(url=self._world.url, region=self._world.region)
        try:
            stacks = [self._one(artifact, clients) for artifact in artifacts]
        finally:
            clients.close()
        return Deployment({stack.name: _result(stack) for stack in stacks})

    def _check(self, artifact: StackArtifact) -> None:
        template = template_of(artifact.name, artifact.template)
        for name in artifact.parameters:
            if name not in template.parameters:
                raise DeployError(f"{artifact.name}.Parameters.{name}", "the template has no such parameter")

    def _one(self, artifact: StackArtifact, clients: Clients) -> Stack:
        stacks = self._world.stacks
        document = _without_bootstrap(artifact.template)
        source = Source(
            document,
            json.dumps(artifact.template),
            artifact.parameters,
            artifact.tags,
            AssemblyAssets(self._world, artifact.assets),
        )
        stack = stacks.get(artifact.name)
        if stack is not None and stack.status in FAILED_TO_CREATE:
            removal = Delete(self._world, stacks, stack, clients, ())
            removal.start()
            removal.run()
            stack = None
        if stack is None:
            stack = stacks.create(artifact.name)
        elif stack.source is not None and _same(stack.source, source):
            return stack
        operation = Deploy(self._world, stacks, stack, source, clients)
        operation.start()
        operation.run()
        if operation.failure is not None:
            raise operation.failure
        return stack


FAILED_TO_CREATE = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
"""A stack in these states is deleted before it is deployed again."""


def _same(one: Source, other: Source) -> bool:
    return (one.document, one.given, one.tags) == (other.document, other.given, other.tags)


def _without_bootstrap(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A template less the CDK's check of the bootstrap stack, which nothing needs that is deployed from a folder."""
    parts = {name: part for name, part in document.items() if name != "Rules"}
    rules = {name: rule for name, rule in document.get("Rules", {}).items() if name != BOOTSTRAP_RULE}
    if rules:
        parts["Rules"] = rules
    others = {name: part for name, part in parts.items() if name != "Parameters"}
    if BOOTSTRAP_PARAMETER not in set(references(others)) and BOOTSTRAP_PARAMETER in parts.get("Parameters", {}):
        kept = {name: each for name, each in parts["Parameters"].items() if name != BOOTSTRAP_PARAMETER}
        parts["Parameters"] = kept
    return parts


def _result(stack: Stack) -> StackResult:
    details = tuple(
        DeployedResource(name, each.resource.type, each.created.ref, KINDS[each.resource.type].inert)
        for name, each in stack.standing.items()
    )
    found = {name: output.value for name, output in stack.outputs.items()}
    return StackResult(stack.name, {each.logical_id: each.physical_id for each in details}, found, details)


def deploy(world: World, assembly_dir: Path) -> Deployment:
    """Deploy a cloud assembly into a world. See `Deployer.deploy`."""
    return Deployer(world).deploy(assembly_dir)
