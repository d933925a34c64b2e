"""CloudFormation: its operations, over the stacks of one world.

Operations on stacks run beside the requests, in wall time: the caller polls, as on AWS, whether the clock moves or
stands still. A move of a virtual clock waits for those under way, so that what happens after is the same in every run.
"""

import threading
from typing import Any

from local.answers import Answer, result
from local.clients import Clients
from local.cloudformation import changesets, requests
from local.cloudformation.changesets import ChangeSet, ChangeSets
from local.cloudformation.readings import Readings
from local.cloudformation.requests import Operation, Params, invalid, needed
from local.deployer.errors import DeployError
from local.deployer.operation import Delete, Deploy
from local.errors import ServiceError
from local.wire import Call
from local.world import World


class CloudFormation:
    """Answers CloudFormation's API. Never called with the world's lock held: it calls the other services."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sets = ChangeSets(world)
        self._serial = threading.RLock()
        self._operations: dict[str, Operation] = {
            **Readings(world, self._sets).operations,
            "CreateChangeSet": self._create_change_set,
            "CreateStack": self._create_stack,
            "DeleteChangeSet": self._delete_change_set,
            "DeleteStack": self._delete_stack,
            "ExecuteChangeSet": self._execute_change_set,
            "UpdateStack": self._update_stack,
            "UpdateTerminationProtection": self._update_termination_protection,
        }

    def handle(self, call: Call, request_id: str) -> Answer:
        """Answer a call; raises ServiceError."""
        operation = self._operations.get(call.operation)
        if operation is None:
            known = ", ".join(sorted(self._operations))
            raise ServiceError(
                "InvalidAction", f"the embedded CloudFormation has no operation {call.operation}; it has {known}", 501
            )
        with self._serial:
            return result(call, operation(call.params), request_id)

    # ------------------------------------------------------------- change sets

    def _create_change_set(self, params: Params) -> dict[str, Any]:
        made = self._sets.create(params)
        return {"Id": made.identity, "StackId": made.stack.identity}

    def _delete_change_set(self, params: Params) -> dict[str, Any]:
        """One that is not there counts as deleted."""
        if (found := self._sets.find(params)) is not None:
            self._sets.remove(found)
        return {}

    def _execute_change_set(self, params: Params) -> dict[str, Any]:
        requests.refuse_others(
            "ExecuteChangeSet",
            params,
            ("ChangeSetName", "ClientRequestToken", "DisableRollback", "RetainExceptOnCreate", "StackName"),
        )
        if params.get("RetainExceptOnCreate"):
            raise invalid("ExecuteChangeSet: the embedded CloudFormation does not implement RetainExceptOnCreate")
        change_set = self._sets.get(params)
        stays = bool(params.get("DisableRollback")) or change_set.disable_rollback
        self._execute(change_set, stays, str(params.get("ClientRequestToken") or ""))
        return {}

    def _execute(self, change_set: ChangeSet, disable_rollback: bool, token: str) -> None:
        stack, world = change_set.stack, self._world
        if stack.busy:
            raise invalid(f"Stack:{stack.identity} is in {stack.status} state and can not be updated.")
        clients = Clients(url=world.url, region=world.region)
        try:
            deploy = Deploy(world, world.stacks, stack, change_set.source, clients)
        except DeployError as error:
            clients.close()
            raise invalid(str(error)) from error
        self._sets.executing(change_set)
        stack.token, stack.disable_rollback = token, disable_rollback
        stack.capabilities, stack.role_arn = change_set.capabilities, change_set.role_arn
        stack.notification_arns, stack.change_set = change_set.notification_arns, change_set.identity
        deploy.start()

        def work() -> None:
            deploy.run()
            clients.close()
            self._sets.mark(change_set, "EXECUTE_FAILED" if deploy.failure else "EXECUTE_COMPLETE")

        world.stacks.begin(work, stack.name)

    # ------------------------------------------------------------- stacks

    def _create_stack(self, params: Params) -> dict[str, Any]:
        name = needed(params, "StackName")
        if (stack := self._world.stacks.get(name)) is not None:
            raise ServiceError("AlreadyExistsException", f"Stack [{stack.name}] already exists")
        return self._at_once(params, "CREATE")

    def _update_stack(self, params: Params) -> dict[str, Any]:
        requests.stack(self._world.stacks, params)
        return self._at_once(params, "UPDATE")

    def _at_once(self, params: Params, kind: str) -> dict[str, Any]:
        """A stack created or updated without a change set of the caller's."""
        own = {"ClientRequestToken", "DisableRollback", "EnableTerminationProtection", "OnFailure", "TimeoutInMinutes"}
        rest = {name: value for name, value in params.items() if name not in own}
        made = self._sets.create({**rest, "ChangeSetName": "direct", "ChangeSetType": kind})
        if made.status == "FAILED":
            self._sets.remove(made)
            if kind == "CREATE":
                self._world.stacks.forget(made.stack)
            reason = changesets.NOTHING if made.reason == changesets.SAME else made.reason
            raise invalid(reason)
        made.stack.termination_protection |= bool(params.get("EnableTerminationProtection"))
        stays = bool(params.get("DisableRollback")) or params.get("OnFailure") == "DO_NOTHING"
        self._execute(made, stays, str(params.get("ClientRequestToken") or ""))
        self._sets.remove(made)
        made.stack.change_set = ""
        return {"StackId": made.stack.identity}

    def _delete_stack(self, params: Params) -> dict[str, Any]:
        requests.refuse_others(
            "DeleteStack",
            params,
            ("ClientRequestToken", "DeploymentConfig", "RetainResources", "RoleARN", "StackName"),
        )
        requests.check_deployment(params)
        stack = self._world.stacks.get(needed(params, "StackName"))
        if stack is None or not stack.exists:
            return {}
        if stack.termination_protection:
            raise invalid(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        if stack.busy:
            raise invalid(f"Stack [{stack.identity}] cannot be deleted while in status {stack.status}")
        retain = tuple(params.get("RetainResources") or ())
        if retain and stack.status != "DELETE_FAILED":
            raise invalid("Invalid operation on stack. RetainResources is for stacks in DELETE_FAILED state only")
        world = self._world
        clients = Clients(url=world.url, region=world.region)
        stack.token = str(params.get("ClientRequestToken") or "")
        for change_set in self._sets.of(stack):
            self._sets.remove(change_set)
        delete = Delete(world, world.stacks, stack, clients, retain)
        delete.start()

        def work() -> None:
            delete.run()
            clients.close()

        world.stacks.begin(work, stack.name)
        return {}

    def _update_termination_protection(self, params: Params) -> dict[str, Any]:
        stack = requests.stack(self._world.stacks, params)
        stack.termination_protection = bool(params.get("EnableTerminationProtection"))
        return {"StackId": stack.identity}
