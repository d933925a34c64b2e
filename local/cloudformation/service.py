"""CloudFormation: its operations, over the stacks of one world.

Operations on stacks run beside the requests, in wall time: the caller polls, as on AWS, whether the clock moves or
stands still. A move of a virtual clock waits for those under way, so that what happens after is the same in every run.
"""

import threading
from collections.abc import Callable
from typing import Any

from local.answers import Answer, result
from local.clients import Clients
from local.cloudformation import changesets, descriptions, requests
from local.cloudformation.changesets import ChangeSet, ChangeSets
from local.cloudformation.requests import Params, invalid, needed
from local.deployer.errors import DeployError
from local.deployer.operation import Delete, Deploy, template_of
from local.deployer.stacks import Stack
from local.errors import ServiceError
from local.wire import Call
from local.world import World

Operation = Callable[[Params], dict[str, Any]]


class CloudFormation:
    """Answers CloudFormation's API. Never called with the world's lock held: it calls the other services."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sets = ChangeSets(world)
        self._serial = threading.RLock()
        self._operations: dict[str, Operation] = {
            "CreateChangeSet": self._create_change_set,
            "CreateStack": self._create_stack,
            "DeleteChangeSet": self._delete_change_set,
            "DeleteStack": self._delete_stack,
            "DescribeChangeSet": lambda params: changesets.described(self._sets.get(params), params),
            "DescribeStackEvents": self._describe_stack_events,
            "DescribeStackResource": self._describe_stack_resource,
            "DescribeStackResources": self._describe_stack_resources,
            "DescribeStacks": self._describe_stacks,
            "ExecuteChangeSet": self._execute_change_set,
            "GetTemplate": self._get_template,
            "GetTemplateSummary": self._get_template_summary,
            "ListChangeSets": self._list_change_sets,
            "ListExports": self._list_exports,
            "ListImports": self._list_imports,
            "ListStackResources": self._list_stack_resources,
            "ListStacks": self._list_stacks,
            "UpdateStack": self._update_stack,
            "UpdateTerminationProtection": self._update_termination_protection,
            "ValidateTemplate": self._validate_template,
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

    def _stack(self, params: Params) -> Stack:
        name = needed(params, "StackName")
        stack = self._world.stacks.get(name)
        if stack is None:
            raise invalid(f"Stack with id {name} does not exist")
        return stack

    # ------------------------------------------------------------- change sets

    def _create_change_set(self, params: Params) -> dict[str, Any]:
        made = self._sets.create(params)
        return {"Id": made.identity, "StackId": made.stack.identity}

    def _delete_change_set(self, params: Params) -> dict[str, Any]:
        """One that is not there counts as deleted."""
        if (found := self._sets.find(params)) is not None:
            self._sets.remove(found)
        return {}

    def _list_change_sets(self, params: Params) -> dict[str, Any]:
        found = [changesets.summary(each) for each in self._sets.of(self._stack(params))]
        page, token = requests.paged(found, params)
        return {"Summaries": page, **token}

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
        self._stack(params)
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
        stack = self._stack(params)
        stack.termination_protection = bool(params.get("EnableTerminationProtection"))
        return {"StackId": stack.identity}

    def _describe_stacks(self, params: Params) -> dict[str, Any]:
        with self._world.lock:
            if params.get("StackName"):
                return {"Stacks": [descriptions.stack(self._stack(params))]}
            found = [descriptions.stack(each) for each in self._world.stacks.all() if each.exists]
        page, token = requests.paged(found, params)
        return {"Stacks": page, **token}

    def _list_stacks(self, params: Params) -> dict[str, Any]:
        wanted = set(params.get("StackStatusFilter") or ())
        with self._world.lock:
            stacks = [each for each in reversed(self._world.stacks.all()) if not wanted or each.status in wanted]
            page, token = requests.paged([descriptions.summary(each) for each in stacks], params)
        return {"StackSummaries": page, **token}

    def _describe_stack_events(self, params: Params) -> dict[str, Any]:
        """Newest first."""
        stack = self._stack(params)
        with self._world.lock:
            events = [descriptions.event(stack, each) for each in reversed(stack.events)]
        page, token = requests.paged(events, params)
        return {"StackEvents": page, **token}

    def _describe_stack_resources(self, params: Params) -> dict[str, Any]:
        """At most 100, as on AWS."""
        if not params.get("StackName") and (physical := params.get("PhysicalResourceId")):
            return {"StackResources": self._by_physical_id(str(physical))}
        stack = self._stack(params)
        wanted = params.get("LogicalResourceId")
        with self._world.lock:
            found = [each for each in stack.statuses.values() if not wanted or each.logical_id == wanted][:100]
        return {"StackResources": [descriptions.resource(stack, each, time="Timestamp") for each in found]}

    def _by_physical_id(self, physical: str) -> list[dict[str, Any]]:
        with self._world.lock:
            for stack in self._world.stacks.all():
                found = list(stack.statuses.values())
                if stack.exists and any(each.physical_id == physical for each in found):
                    return [descriptions.resource(stack, each, time="Timestamp") for each in found[:100]]
        raise invalid(f"Stack for {physical} does not exist")

    def _describe_stack_resource(self, params: Params) -> dict[str, Any]:
        stack, name = self._stack(params), needed(params, "LogicalResourceId")
        with self._world.lock:
            found = stack.statuses.get(name)
        if found is None:
            raise invalid(f"Resource {name} does not exist for stack {stack.name}")
        return {"StackResourceDetail": descriptions.resource(stack, found, time="LastUpdatedTimestamp")}

    def _list_stack_resources(self, params: Params) -> dict[str, Any]:
        stack = self._stack(params)
        with self._world.lock:
            found = list(stack.statuses.values())
        page, token = requests.paged(found, params)
        return {
            "StackResourceSummaries": [
                descriptions.resource(stack, each, time="LastUpdatedTimestamp") for each in page
            ],
            **token,
        }

    # ------------------------------------------------------------- exports and templates

    def _list_exports(self, params: Params) -> dict[str, Any]:
        found = [
            {"ExportingStackId": stack.identity, "Name": output.export, "Value": output.value}
            for stack in self._world.stacks.all()
            if stack.exists
            for output in stack.outputs.values()
            if output.export
        ]
        page, token = requests.paged(found, params)
        return {"Exports": page, **token}

    def _list_imports(self, params: Params) -> dict[str, Any]:
        name = needed(params, "ExportName")
        users = self._world.stacks.users(name)
        if not users:
            raise invalid(f"Export '{name}' is not imported by any stack.")
        return {"Imports": users}

    def _get_template(self, params: Params) -> dict[str, Any]:
        if params.get("ChangeSetName"):
            text = self._sets.get(params).source.text
        else:
            stack = self._stack(params)
            text = stack.source.text if stack.source is not None else ""
        return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}

    def _get_template_summary(self, params: Params) -> dict[str, Any]:
        stack = self._stack(params) if params.get("StackName") else None
        if stack is not None and stack.source is not None:
            read, name = stack.source.document, stack.name
        else:
            read, name = requests.source(params, None, self._world.stacks.clients, "Template").document, "Template"
        try:
            return descriptions.template(template_of(name, read), str(read.get("AWSTemplateFormatVersion", "")))
        except DeployError as error:
            raise invalid(str(error)) from error

    def _validate_template(self, params: Params) -> dict[str, Any]:
        found = self._get_template_summary({**params, "StackName": None})
        kept = ("ParameterKey", "DefaultValue", "NoEcho", "Description")
        listed = [{name: each[name] for name in kept if name in each} for each in found["Parameters"]]
        rest: dict[str, Any] = {
            name: found[name] for name in ("Description", "Capabilities", "CapabilitiesReason") if name in found
        }
        return {"Parameters": listed, **rest}
