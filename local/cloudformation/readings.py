"""What CloudFormation tells of stacks, their resources and events, exports, templates and change sets."""

from typing import Any

from local.cloudformation import changesets, descriptions, requests
from local.cloudformation.changesets import ChangeSets
from local.cloudformation.requests import Operation, Params, invalid, needed
from local.deployer.errors import DeployError
from local.deployer.operation import template_of
from local.deployer.stacks import Stack
from local.world import World


class Readings:
    """The operations that change nothing. Never called with the world's lock held."""

    def __init__(self, world: World, sets: ChangeSets) -> None:
        self._world = world
        self._sets = sets
        self.operations: dict[str, Operation] = {
            "DescribeChangeSet": lambda params: changesets.described(self._sets.get(params), params),
            "DescribeStackEvents": self._describe_stack_events,
            "DescribeStackResource": self._describe_stack_resource,
            "DescribeStackResources": self._describe_stack_resources,
            "DescribeStacks": self._describe_stacks,
            "GetTemplate": self._get_template,
            "GetTemplateSummary": self._get_template_summary,
            "ListChangeSets": self._list_change_sets,
            "ListExports": self._list_exports,
            "ListImports": self._list_imports,
            "ListStackResources": self._list_stack_resources,
            "ListStacks": self._list_stacks,
            "ValidateTemplate": self._validate_template,
        }

    def _stack(self, params: Params) -> Stack:
        return requests.stack(self._world.stacks, params)

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

    def _list_change_sets(self, params: Params) -> dict[str, Any]:
        found = [changesets.summary(each) for each in self._sets.of(self._stack(params))]
        page, token = requests.paged(found, params)
        return {"Summaries": page, **token}

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
