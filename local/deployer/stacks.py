"""The stacks of one world: what they consist of, what happened to them, what they export to one another."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.clients import Clients
from local.clock import Clock
from local.deployer.assets import Assets
from local.deployer.changes import Output, Standing
from local.deployer.errors import DeployError
from local.deployer.parameters import Parameter
from local.world import World

STACK = "AWS::CloudFormation::Stack"
FINISHED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
"""The states from which a stack can be updated."""

BETWEEN_EVENTS = timedelta(milliseconds=1)
"""Events have instants of their own, by which the CDK CLI sorts them, also where the clock stands still."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a stack is made from. `text` is the template as it was given."""

    document: Mapping[str, Any]
    text: str
    given: Mapping[str, str]
    """The parameters that were given, by name."""
    tags: Mapping[str, str]
    assets: Assets


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One line of a stack's history."""

    identity: str
    at: datetime
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str
    properties: str
    token: str
    """The caller's ClientRequestToken."""


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """A resource as DescribeStackResources shows it."""

    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str
    at: datetime


@dataclass(slots=True)
class Stack:
    """A stack, changed by the one operation that runs on it."""

    name: str
    identity: str
    """The ARN."""
    created_at: datetime
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    source: Source | None = None
    """What it was last deployed from; None while it is under review."""
    description: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    outputs: Mapping[str, Output] = field(default_factory=dict)
    imports: frozenset[str] = frozenset()
    standing: dict[str, Standing] = field(default_factory=dict)
    statuses: dict[str, ResourceStatus] = field(default_factory=dict)
    events: list[StackEvent] = field(default_factory=list)
    """Oldest first."""
    termination_protection: bool = False
    disable_rollback: bool = False
    role_arn: str = ""
    capabilities: tuple[str, ...] = ()
    notification_arns: tuple[str, ...] = ()
    change_set: str = ""
    """The ARN of the change set that was last executed."""
    token: str = ""

    @property
    def exists(self) -> bool:
        """Whether it is found by its name."""
        return self.status != "DELETE_COMPLETE"

    @property
    def busy(self) -> bool:
        """Whether an operation is under way."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"


class Stacks:
    """Every stack that ever was, in the order of creation. Operations on them run in threads of their own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._all: list[Stack] = []
        self._threads: list[threading.Thread] = []
        self._clients: Clients | None = None

    def all(self) -> tuple[Stack, ...]:
        """Every stack, deleted ones included."""
        return tuple(self._all)

    def get(self, name_or_id: str) -> Stack | None:
        """A stack by name, or by ARN even after it was deleted."""
        for stack in reversed(self._all):
            if stack.identity == name_or_id or (stack.name == name_or_id and stack.exists):
                return stack
        return None

    def create(self, name: str) -> Stack:
        """A new stack, under review."""
        world = self._world
        identity = f"arn:aws:cloudformation:{world.region}:{world.account}:stack/{name}/{world.next_id('stack')}"
        stack = Stack(name, identity, self.clock.now())
        self._all.append(stack)
        return stack

    def forget(self, stack: Stack) -> None:
        """Drop a stack that never got further than a review."""
        self._all.remove(stack)

    @property
    def clients(self) -> Clients:
        """The administrator's clients, with which templates, parameters and published assets are read."""
        if self._clients is None:
            self._clients = Clients(url=self._world.url, region=self._world.region)
        return self._clients

    @property
    def clock(self) -> Clock:
        """The world's clock, which stamps every event."""
        return self._world.clock

    def exports(self, *, without: Stack | None = None) -> dict[str, str]:
        """What stacks export, by name; `without` leaves one stack's own out."""
        return {
            output.export: output.value
            for stack in self._all
            if stack.exists and stack is not without
            for output in stack.outputs.values()
            if output.export
        }

    def users(self, export: str) -> list[str]:
        """The names of the stacks that import an export."""
        return [stack.name for stack in self._all if stack.exists and export in stack.imports]

    def check_exports(self, stack: Stack, outputs: Mapping[str, Output]) -> None:
        """DeployError where new outputs take an export away, or change one, that another stack uses."""
        now = {output.export: output.value for output in outputs.values() if output.export}
        for output in stack.outputs.values():
            if not output.export or now.get(output.export) == output.value:
                continue
            if users := [name for name in self.users(output.export) if name != stack.name]:
                verb = "updated" if output.export in now else "deleted"
                used = " and ".join(users)
                raise DeployError(stack.name, f"Export {output.export} cannot be {verb} as it is in use by {used}")

    def record(
        self, stack: Stack, logical_id: str, kind: str, status: str, *, physical_id: str = "", reason: str = "",
        properties: str = "",
    ) -> None:  # fmt: skip
        """Append an event and show the resource in that state."""
        world = self._world
        with world.lock:
            now = self.clock.now()
            if stack.events:
                now = max(now, stack.events[-1].at + BETWEEN_EVENTS)
            identity = world.next_id("stack event") if kind == STACK else f"{logical_id}-{status}-{len(stack.events)}"
            event = StackEvent(identity, now, logical_id, physical_id, kind, status, reason, properties, stack.token)
            stack.events.append(event)
            if kind != STACK:
                stack.statuses[logical_id] = ResourceStatus(logical_id, physical_id, kind, status, reason, now)

    def show(self, stack: Stack, logical_id: str, kind: str, physical_id: str) -> None:
        """Show a resource whose predecessor is gone as what it is now, without an event."""
        with self._world.lock:
            now = self.clock.now()
            stack.statuses[logical_id] = ResourceStatus(logical_id, physical_id, kind, "UPDATE_COMPLETE", "", now)

    def state(self, stack: Stack, status: str, reason: str = "") -> None:
        """Put a stack into a state."""
        with self._world.lock:
            stack.status, stack.reason = status, reason
            if status == "DELETE_COMPLETE":
                stack.deleted_at = self.clock.now()
        self.record(stack, stack.name, STACK, status, physical_id=stack.identity, reason=reason)

    # ------------------------------------------------------------- operations under way

    def begin(self, work: Callable[[], object], name: str) -> None:
        """Run an operation beside the requests: in wall time, so that a clock that stands still does not hold it."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=work, name=f"stack-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def settle(self) -> None:
        """Wait for every operation under way. Not to be called with the world's lock held."""
        for thread in list(self._threads):
            thread.join()

    def close(self) -> None:
        """Wait for what is under way and close every connection."""
        self.settle()
        if self._clients is not None:
            self._clients.close()
