"""Change sets: what a template would do to a stack, kept until it is executed or deleted.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from local.cloudformation import descriptions, requests
from local.cloudformation.requests import Params, invalid
from local.deployer.changes import Change, outputs, plan
from local.deployer.errors import DeployError
from local.deployer.operation import parameters_of, template_of
from local.deployer.parameters import Parameter
from local.deployer.scope import StackScope
from local.deployer.stacks import FINISHED, Source, Stack
from local.deployer.template import Template
from local.errors import ServiceError
from local.world import World

SAME = "The submitted information didn't contain changes. Submit different information to create a change set."
NOTHING = "No updates are to be performed."
KNOWN = (
    "Capabilities",
    "ChangeSetName",
    "ChangeSetType",
    "ClientToken",
    "DeploymentConfig",
    "Description",
    "ImportExistingResources",  # what exists under the same name is not taken over: its creation fails and says so
    "IncludeNestedStacks",  # there are none: AWS::CloudFormation::Stack is refused as a type
    "NotificationARNs",
    "OnStackFailure",
    "Parameters",
    "RoleARN",
    "StackName",
    "Tags",
    "TemplateBody",
    "TemplateURL",
    "UsePreviousTemplate",
)


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change set, as it was computed."""

    name: str
    identity: str
    stack: Stack
    created_at: datetime
    source: Source
    parameters: Mapping[str, Parameter]
    changes: tuple[Change, ...]
    status: str
    reason: str
    execution: str
    description: str
    capabilities: tuple[str, ...]
    notification_arns: tuple[str, ...]
    role_arn: str
    disable_rollback: bool


class ChangeSets:
    """The change sets of every stack."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._all: dict[str, ChangeSet] = {}
        """By ARN."""

    def create(self, params: Params) -> ChangeSet:
        """CreateChangeSet, whose result is ready at once."""
        requests.refuse_others("CreateChangeSet", params, KNOWN)
        stays = requests.check_deployment(params) or params.get("OnStackFailure") == "DO_NOTHING"
        name, stack_name = requests.needed(params, "ChangeSetName"), requests.needed(params, "StackName")
        stacks = self._world.stacks
        stack = stacks.get(stack_name)
        kind = params.get("ChangeSetType") or "UPDATE"
        _check_state(stack, stack_name, kind, name)
        if stack is not None and self._find(stack, name) is not None:
            raise ServiceError(
                "AlreadyExistsException", f"ChangeSet {name} cannot be created due to: it already exists"
            )
        source = requests.source(params, stack, self._world.stacks.clients, stack.name if stack else stack_name)
        template, values = self._checked(stack.name if stack else stack_name, source, params)
        if stack is None:
            stack = stacks.create(stack_name)
            stack.token = str(params.get("ClientToken") or "")
            stacks.state(stack, "REVIEW_IN_PROGRESS", "User Initiated")
        changes, status, reason = self._planned(stack, template, source, values)
        region, account = self._world.region, self._world.account
        number = self._world.next_id("change set")
        made = ChangeSet(
            name=name,
            identity=f"arn:aws:cloudformation:{region}:{account}:changeSet/{name}/{number}",
            stack=stack,
            created_at=self._world.clock.now(),
            source=source,
            parameters=values,
            changes=changes,
            status=status,
            reason=reason,
            execution="AVAILABLE" if status == "CREATE_COMPLETE" else "UNAVAILABLE",
            description=str(params.get("Description") or ""),
            capabilities=tuple(params.get("Capabilities") or ()),
            notification_arns=tuple(params.get("NotificationARNs") or ()),
            role_arn=str(params.get("RoleARN") or stack.role_arn),
            disable_rollback=stays,
        )
        self._all[made.identity] = made
        return made

    def _checked(self, name: str, source: Source, params: Params) -> tuple[Template, dict[str, Parameter]]:
        """What CloudFormation refuses before it makes a change set."""
        try:
            template = template_of(name, source.document)
            values = parameters_of(name, template, source, self._world.stacks.clients)
        except DeployError as error:
            raise invalid(f"Template error: {error}") from error
        requests.check_capabilities(template, params.get("Capabilities") or ())
        role = params.get("RoleARN")
        if role and not self._world.access.check_trust(role, "cloudformation.amazonaws.com"):
            raise invalid(f"Role {role} is invalid or cannot be assumed")
        return template, values

    def _planned(
        self, stack: Stack, template: Template, source: Source, values: Mapping[str, Parameter]
    ) -> tuple[tuple[Change, ...], str, str]:
        """The changes, and the state that the change set is in with its reason."""
        scope = StackScope(
            self._world,
            self._world.stacks.clients,
            name=stack.name,
            identity=stack.identity,
            template=template,
            parameters=values,
            exports=self._world.stacks.exports(without=stack),
        )
        former = stack.source
        try:
            scope.assert_rules()
            tags_changed = former is not None and former.tags != source.tags
            changes = plan(scope, stack.standing, tags_changed=tags_changed)
            found = outputs(scope, stack.name)
        except DeployError as error:
            return (), "FAILED", str(error)
        if former is None or changes or found != stack.outputs:
            return changes, "CREATE_COMPLETE", ""
        same = former.document == source.document and stack.parameters == values
        return (), "FAILED", SAME if same else NOTHING

    def get(self, params: Params) -> ChangeSet:
        """The change set that a request names by ARN, or by name and stack; ChangeSetNotFound."""
        found = self.find(params)
        if found is None:
            name = params.get("ChangeSetName")
            raise ServiceError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)
        return found

    def find(self, params: Params) -> ChangeSet | None:
        """As `get`; None where there is none."""
        name = requests.needed(params, "ChangeSetName")
        if name in self._all:
            return self._all[name]
        stack = self._world.stacks.get(str(params.get("StackName") or ""))
        return self._find(stack, name) if stack is not None else None

    def _find(self, stack: Stack, name: str) -> ChangeSet | None:
        return next((each for each in self.of(stack) if each.name == name), None)

    def of(self, stack: Stack) -> list[ChangeSet]:
        """A stack's change sets."""
        return [each for each in self._all.values() if each.stack is stack]

    def remove(self, change_set: ChangeSet) -> None:
        """DeleteChangeSet."""
        self._all.pop(change_set.identity, None)

    def executing(self, change_set: ChangeSet) -> None:
        """Only this change set is left of its stack's, and it is under way."""
        if change_set.execution != "AVAILABLE":
            raise ServiceError(
                "InvalidChangeSetStatus",
                f"ChangeSet [{change_set.identity}] cannot be executed in its current status of [{change_set.status}]",
            )
        for other in self.of(change_set.stack):
            self.remove(other)
        self.mark(change_set, "EXECUTE_IN_PROGRESS")

    def mark(self, change_set: ChangeSet, execution: str) -> None:
        """Say how far the execution is."""
        self._all[change_set.identity] = replace(change_set, execution=execution)


def _check_state(stack: Stack | None, name: str, kind: str, change_set: str) -> None:
    if kind not in {"CREATE", "UPDATE"}:
        raise invalid(f"ChangeSetType: the embedded CloudFormation implements CREATE and UPDATE, not {kind}")
    review = stack is not None and stack.status == "REVIEW_IN_PROGRESS"
    if kind == "CREATE" and stack is not None and not review:
        raise ServiceError(
            "AlreadyExistsException",
            f"Stack [{name}] already exists and cannot be created again with the changeSet [{change_set}].",
        )
    if kind == "UPDATE" and (stack is None or review):
        raise invalid(f"Stack [{name}] does not exist")
    if stack is not None and not review and stack.status not in (*FINISHED, "UPDATE_FAILED"):
        raise invalid(f"Stack:{stack.identity} is in {stack.status} state and can not be updated.")


def described(change_set: ChangeSet, params: Params) -> dict[str, Any]:
    """DescribeChangeSet."""
    values = bool(params.get("IncludePropertyValues"))
    changes = [descriptions.change(each, values=values) for each in change_set.changes]
    page, token = requests.paged(changes, params)
    optional = {
        "Description": change_set.description,
        "StatusReason": change_set.reason,
        "OnStackFailure": "DO_NOTHING" if change_set.disable_rollback else "",
    }
    return {
        **summary(change_set),
        "Parameters": requests.shown(change_set.parameters),
        "NotificationARNs": list(change_set.notification_arns),
        "RollbackConfiguration": {},
        "Capabilities": list(change_set.capabilities),
        "Tags": [{"Key": key, "Value": value} for key, value in change_set.source.tags.items()],
        "Changes": page,
        **{name: value for name, value in optional.items() if value},
        **token,
    }


def summary(change_set: ChangeSet) -> dict[str, Any]:
    """ListChangeSets."""
    return {
        "ChangeSetName": change_set.name,
        "ChangeSetId": change_set.identity,
        "StackId": change_set.stack.identity,
        "StackName": change_set.stack.name,
        "CreationTime": change_set.created_at.timestamp(),
        "ExecutionStatus": change_set.execution,
        "Status": change_set.status,
        "IncludeNestedStacks": False,
        **({"StatusReason": change_set.reason} if change_set.reason else {}),
    }
