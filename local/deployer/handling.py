"""Calls a resource type's handlers, and says what failed as CloudFormation says it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from local.clients import Clients
from local.deployer.changes import Standing
from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources import KINDS
from local.deployer.resources.kind import Context, Created
from local.deployer.stacks import Source, Stack
from local.deployer.template import Resource
from local.errors import ServiceError
from local.world import World


class Handling:
    """The handlers of one operation on one stack, which goes from `former` to `source`."""

    def __init__(
        self, world: World, clients: Clients, stack: Stack, source: Source | None, former: Source | None
    ) -> None:
        self._world = world
        self._clients = clients
        self._stack = stack
        self._source = source or former
        self._former = former or source

    @property
    def tags_changed(self) -> bool:
        """Whether the stack's own tags differ."""
        return self._tags(self._source) != self._tags(self._former)

    def create(
        self, resource: Resource, properties: Mapping[str, Any], generation: int, begun: list[Created]
    ) -> Created:
        """A new resource; DeployError. `begun` then holds what exists all the same."""
        context = self._context(resource, generation, self._source, self._former, begun)
        reader = self._reader(resource, properties)
        with _explained(self._where(resource)):
            created = KINDS[resource.type].create(context, reader)
            context.begin(created)
            reader.finish()
        return created

    def update(self, intended: Standing, before: Standing, *, back: bool = False) -> Created:
        """Make a resource that stands as `before` be as intended, in place; `back` is for rollbacks."""
        resource = intended.resource
        update = KINDS[resource.type].update
        if update is None:
            raise DeployError(self._where(resource), f"the embedded AWS cannot update {resource.type} in place")
        now, then = (self._former, self._source) if back else (self._source, self._former)
        context = self._context(resource, intended.generation, now, then, [])
        reader = self._reader(resource, intended.properties)
        former = self._reader(before.resource, before.properties)
        with _explained(self._where(resource)):
            created = update(context, reader, former, before.created)
            reader.finish()
        return created

    def delete(self, standing: Standing) -> None:
        """Delete a resource; one that is gone counts as deleted. DeployError when it cannot be."""
        resource = standing.resource
        context = self._context(resource, standing.generation, self._source, self._former, [])
        with _explained(self._where(resource)):
            KINDS[resource.type].delete(context, self._reader(resource, standing.properties), standing.created)

    def reason(self, error: DeployError, kind: str) -> str:
        """Why a resource failed, as a stack event words it: what a service answered is quoted."""
        cause = error.__cause__
        if not isinstance(cause, ClientError):
            return error.reason
        problem, meta = cause.response["Error"], cause.response["ResponseMetadata"]
        return (
            f'Resource handler returned message: "{problem["Message"]} (Service: {kind.split("::")[1]}, '
            f'Status Code: {meta["HTTPStatusCode"]}, Request ID: {meta.get("RequestId", "")})" '
            f"(RequestToken: {self._world.next_id('handler')}, HandlerErrorCode: {_handler_code(problem['Code'])})"
        )

    def _context(
        self, resource: Resource, generation: int, now: Source | None, then: Source | None, begun: list[Created]
    ) -> Context:
        if now is None:
            raise DeployError(self._stack.name, "the stack has no template")
        return Context(
            world=self._world,
            clients=self._clients,
            stack=self._stack.name,
            logical_id=resource.logical_id,
            assets=now.assets,
            stack_tags=now.tags,
            former_stack_tags=self._tags(then),
            generation=generation,
            begun=begun,
        )

    def _reader(self, resource: Resource, properties: Mapping[str, Any]) -> Properties:
        return Properties(properties, f"{self._stack.name}.{resource.logical_id}.Properties")

    def _where(self, resource: Resource) -> str:
        return f"{self._stack.name}.{resource.logical_id} ({resource.type})"

    @staticmethod
    def _tags(source: Source | None) -> Mapping[str, str]:
        return source.tags if source is not None else {}


_CODES = (
    ("AlreadyExists", ("AlreadyExist", "AlreadyOwned", "ResourceConflict", "ResourceInUse")),
    ("NotFound", ("NotFound", "NoSuch", "NonExistent", "DoesNotExist")),
    ("AccessDenied", ("AccessDenied", "AuthorizationError", "UnauthorizedOperation")),
    ("Throttling", ("Throttl", "TooManyRequests")),
)
"""(CloudFormation's handler error code, what the codes of services have in them)."""


def _handler_code(code: str) -> str:
    for known, parts in _CODES:
        if any(part in code for part in parts):
            return known
    return "InvalidRequest"


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Every way in which a handler's calls fail, as a DeployError."""
    try:
        yield
    except ClientError as error:
        problem = error.response["Error"]
        raise DeployError(where, f"{problem['Code']}: {problem['Message']}") from error
    except ParamValidationError as error:
        raise DeployError(where, str(error).replace("\n", " ")) from error
    except BotoCoreError as error:
        raise DeployError(where, str(error)) from error
    except ServiceError as error:
        raise DeployError(where, f"{error.code}: {error.message}") from error
