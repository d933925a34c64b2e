"""Carries a stack from what it is to what a template says, or back to what it was when that fails.

States, their order and their reasons are CloudFormation's:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from local.clients import Clients
from local.deployer import schemas
from local.deployer.changes import Detail, Output, Standing, compare, outputs
from local.deployer.errors import DeployError
from local.deployer.handling import Handling
from local.deployer.parameters import Parameter, check, values
from local.deployer.resources import KINDS
from local.deployer.resources.kind import Created
from local.deployer.scope import StackScope, stored
from local.deployer.stacks import Source, Stack, Stacks
from local.deployer.template import Resource, Template, parse
from local.deployer.undo import Step, Undo
from local.world import World

log = logging.getLogger(__name__)

REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."
INITIATED = "Resource creation Initiated"


def template_of(name: str, document: Mapping[str, Any]) -> Template:
    """A stack's template, checked by itself: DeployError for an unknown section, parameter or resource type."""
    template = parse(name, document)
    check(name, template.parameters)
    for resource in template.resources:
        if resource.type not in KINDS:
            path = f"{name}.{resource.logical_id}"
            raise DeployError(path, f"the embedded AWS does not implement {resource.type}")
    return template


def parameters_of(name: str, template: Template, source: Source, clients: Clients) -> dict[str, Parameter]:
    """The values of a stack's parameters."""
    return values(
        name, template.parameters, source.given, lambda key: stored(clients, key, f"{name}.Parameters ({key})")
    )


class Deploy:
    """Creates a stack, or updates it. `run` never raises; `failure` says what went wrong."""

    def __init__(self, world: World, stacks: Stacks, stack: Stack, source: Source, clients: Clients) -> None:
        """The stack must be under review (it is created) or finished (it is updated)."""
        self._stacks = stacks
        self._stack = stack
        self._source = source
        self._creates = stack.source is None
        self._former = dict(stack.standing)
        self._was = (stack.source, stack.parameters, stack.outputs, stack.imports, stack.description)
        self._template = template_of(stack.name, source.document)
        self._parameters = parameters_of(stack.name, self._template, source, clients)
        self._scope = StackScope(
            world,
            clients,
            name=stack.name,
            identity=stack.identity,
            template=self._template,
            parameters=self._parameters,
            exports=stacks.exports(without=stack),
        )
        self._handling = Handling(world, clients, stack, source, stack.source)
        self._undo = Undo(stacks, stack, self._handling)
        self.failure: DeployError | None = None
        self._failed = ""

    def start(self) -> None:
        """Show the stack as under way; `run` follows."""
        verb = "CREATE" if self._creates else "UPDATE"
        stack = self._stack
        if not self._creates:
            stack.updated_at = self._stacks.clock.now()
        stack.source, stack.parameters = self._source, self._parameters
        stack.description = self._template.description
        self._stacks.state(stack, f"{verb}_IN_PROGRESS", "User Initiated")

    def run(self) -> None:
        """Carry it out; whatever fails is rolled back."""
        try:
            self._apply()
        except DeployError as error:
            self.failure = error
        except Exception as error:
            log.exception("a stack operation failed inside the embedded AWS", extra={"stack": self._stack.name})
            self.failure = DeployError(self._stack.name, f"InternalFailure: {type(error).__name__}: {error}")
        if self.failure is not None:
            self._fail(self.failure)

    def _apply(self) -> None:
        wanted = self._scope.wanted()
        for resource in wanted:
            self._failed = resource.logical_id
            self._one(resource)
        self._failed = ""
        found = self._outputs()
        self._stacks.check_exports(self._stack, found)
        stack = self._stack
        stack.outputs, stack.imports = found, frozenset(self._scope.imported)
        if self._creates:
            self._stacks.state(stack, "CREATE_COMPLETE")
            return
        order = [resource.logical_id for resource in wanted]
        gone = [standing for name, standing in self._former.items() if name not in order]
        stack.standing = {name: stack.standing[name] for name in order}
        self._stacks.state(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._undo.clean_up(gone)
        self._stacks.state(stack, "UPDATE_COMPLETE")

    def _outputs(self) -> dict[str, Output]:
        name = self._stack.name
        for key, declared in self._template.outputs.items():
            if unknown := sorted(set(declared) - {"Condition", "Description", "Export", "Value"}):
                raise DeployError(f"{name}.Outputs.{key}.{unknown[0]}", "unknown key")
        found = outputs(self._scope, name)
        taken = self._stacks.exports(without=self._stack)
        for key, output in found.items():
            if output.export in taken:
                raise DeployError(
                    f"{name}.Outputs.{key}.Export",
                    f"Export with name {output.export} is already exported by another stack",
                )
        return found

    # ------------------------------------------------------------- one resource

    def _one(self, resource: Resource) -> None:
        logical_id, stack = resource.logical_id, self._stack
        try:
            properties = self._scope.properties(resource)
            before = self._former.get(logical_id)
            if before is None:
                standing = self._create(resource, properties, 0, "")
                self._undo.note(Step(standing, None))
            else:
                tags = self._handling.tags_changed
                details = compare(before, resource, properties, tags_changed=tags)
                standing = self._modify(resource, properties, before, details)
        except DeployError as error:
            verb = "CREATE" if logical_id not in self._former else "UPDATE"
            status = stack.statuses.get(logical_id)
            reason = self._handling.reason(error, resource.type)
            self._record(resource, f"{verb}_FAILED", status.physical_id if status else "", reason)
            raise
        stack.standing = stack.standing | {logical_id: standing}
        self._scope.created[logical_id] = standing.created

    def _modify(
        self, resource: Resource, properties: dict[str, Any], before: Standing, details: tuple[Detail, ...]
    ) -> Standing:
        if resource.type != before.resource.type:
            raise DeployError(
                f"{self._stack.name}.{resource.logical_id}",
                f"Update of resource type is not permitted: {before.resource.type} to {resource.type}",
            )
        if any(detail.replaces for detail in details):
            self._refuse_custom_name(resource, properties, before)
            standing = self._create(resource, properties, before.generation + 1, before.created.ref)
            self._undo.note(Step(standing, before))
            return standing
        if not any(detail.attribute in {"Properties", "Tags"} for detail in details):
            return Standing(resource, properties, before.created, before.generation)
        self._record(resource, "UPDATE_IN_PROGRESS", before.created.ref, properties=properties)
        intended = Standing(resource, properties, before.created, before.generation)
        self._undo.note(Step(intended, before))
        created = self._handling.update(intended, before)
        self._record(resource, "UPDATE_COMPLETE", created.ref, properties=properties)
        return Standing(resource, properties, created, before.generation)

    def _create(self, resource: Resource, properties: dict[str, Any], generation: int, replaced: str) -> Standing:
        """A resource that is not there yet; `replaced` is the physical id of the one it takes the place of."""
        verb = "UPDATE" if replaced else "CREATE"
        reason = REPLACING if replaced else ""
        self._record(resource, f"{verb}_IN_PROGRESS", replaced, reason, properties=properties)
        begun: list[Created] = []
        try:
            created = self._handling.create(resource, properties, generation, begun)
        except DeployError:
            if begun:
                half = Standing(resource, properties, begun[0], generation)
                self._undo.note(Step(half, self._former.get(resource.logical_id)))
                self._record(resource, f"{verb}_IN_PROGRESS", begun[0].ref, INITIATED)
            raise
        self._record(resource, f"{verb}_IN_PROGRESS", created.ref, INITIATED, properties=properties)
        self._record(resource, f"{verb}_COMPLETE", created.ref, properties=properties)
        return Standing(resource, properties, created, generation)

    def _refuse_custom_name(self, resource: Resource, properties: Mapping[str, Any], before: Standing) -> None:
        names = schemas.identifier(resource.type)
        if names and all(name in properties and properties[name] == before.properties.get(name) for name in names):
            raise DeployError(
                f"{self._stack.name}.{resource.logical_id}",
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                f"Rename {properties[names[0]]} and update the stack again.",
            )

    def _record(
        self,
        resource: Resource,
        status: str,
        physical_id: str,
        reason: str = "",
        *,
        properties: dict[str, Any] | None = None,
    ) -> None:
        self._stacks.record(
            self._stack,
            resource.logical_id,
            resource.type,
            status,
            physical_id=physical_id,
            reason=reason,
            properties=json.dumps(self._scope.shown(resource, properties)) if properties else "",
        )

    # ------------------------------------------------------------- going back

    def _fail(self, error: DeployError) -> None:
        stack = self._stack
        verb = "create" if self._creates or self._failed not in self._former else "update"
        named = f"The following resource(s) failed to {verb}: [{self._failed}]. "
        reason = named if self._failed else error.reason
        if stack.disable_rollback:
            stack.standing = self._undo.reached(stack.standing)
            self._stacks.state(stack, "CREATE_FAILED" if self._creates else "UPDATE_FAILED", reason)
            return
        if self._creates:
            self._stacks.state(stack, "ROLLBACK_IN_PROGRESS", f"{reason.rstrip()} Rollback requested by user.")
            stack.standing = {}
            failed = self._undo.back()
            self._stacks.state(stack, "ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE", failed)
            return
        stack.source, stack.parameters, stack.outputs, stack.imports, stack.description = self._was
        self._stacks.state(stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason)
        stack.standing = dict(self._former)
        failed = self._undo.restore()
        if failed:
            self._stacks.state(stack, "UPDATE_ROLLBACK_FAILED", failed)
            return
        self._stacks.state(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self._undo.back()
        self._stacks.state(stack, "UPDATE_ROLLBACK_COMPLETE")


class Delete:
    """Deletes a stack: its resources in the reverse order of their creation. `run` never raises."""

    def __init__(self, world: World, stacks: Stacks, stack: Stack, clients: Clients, retain: tuple[str, ...]) -> None:
        """`retain` are the logical ids to leave alone; CloudFormation takes them for a stack in DELETE_FAILED."""
        self._stacks = stacks
        self._stack = stack
        self._retain = retain
        self._undo = Undo(stacks, stack, Handling(world, clients, stack, stack.source, stack.source))

    def start(self) -> None:
        """Show the stack as under way; `run` follows."""
        self._stacks.state(self._stack, "DELETE_IN_PROGRESS", "User Initiated")

    def run(self) -> None:
        """Carry it out."""
        stack = self._stack
        try:
            self._stacks.check_exports(stack, {})
        except DeployError as error:
            self._stacks.state(stack, "DELETE_FAILED", error.reason)
            return
        failed = self._undo.delete_all(self._retain)
        if failed:
            self._stacks.state(stack, "DELETE_FAILED", failed)
            return
        stack.outputs, stack.imports = {}, frozenset()
        self._stacks.state(stack, "DELETE_COMPLETE")
