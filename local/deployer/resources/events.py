"""AWS::Events: rules with their targets."""

import json
from typing import Any

from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Kind


def _rule(context: Context, p: Properties) -> Created:
    return _put(context, p, context.tags(p))


def _put(context: Context, p: Properties, tags: list[dict[str, str]] | None) -> Created:
    client = context.client("events")
    name = p.text("Name") or context.name(64)
    bus = p.text("EventBusName", "default")
    targets = p.take("Targets", [])
    pattern = p.take("EventPattern")
    params = shapes.request(context, p, "events", "PutRule")
    params |= {"Name": name, "EventBusName": bus}
    if tags is not None:
        params["Tags"] = tags
    if pattern is not None:
        params["EventPattern"] = pattern if isinstance(pattern, str) else json.dumps(pattern)
    arn = client.put_rule(**params)["RuleArn"]
    created = context.begin(Created(name if bus == "default" else f"{bus}|{name}", {"Arn": arn}))
    if targets:
        shape = client.meta.service_model.operation_model("PutTargets").input_shape.members["Targets"]
        answer = client.put_targets(Rule=name, EventBusName=bus, Targets=shapes.converted(targets, shape))
        if answer["FailedEntryCount"]:
            failed = answer["FailedEntries"][0]
            raise DeployError(f"{p.path}.Targets", f"{failed['TargetId']}: {failed['ErrorMessage']}")
    return created


def _rule_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    client = context.client("events")
    retagging = context.retag(p, was)
    _put(context, p, None)
    kept = {target.get("Id") for target in p.take("Targets", [])}
    gone = [target["Id"] for target in was.take("Targets", []) if target.get("Id") not in kept]
    bus, name = _place(existing)
    if gone:
        client.remove_targets(Rule=name, EventBusName=bus, Ids=gone)
    arn = existing.attributes["Arn"]
    if retagging.removed:
        client.untag_resource(ResourceARN=arn, TagKeys=list(retagging.removed))
    if retagging.added:
        client.tag_resource(ResourceARN=arn, Tags=retagging.pairs())
    return existing


def _delete_rule(context: Context, p: Properties, existing: Created) -> None:
    del p
    client: Any = context.client("events")
    bus, name = _place(existing)
    try:
        targets = client.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
    except client.exceptions.ResourceNotFoundException:
        return
    if targets:
        client.remove_targets(Rule=name, EventBusName=bus, Ids=[target["Id"] for target in targets])
    client.delete_rule(Name=name, EventBusName=bus)


def _place(existing: Created) -> tuple[str, str]:
    """The bus and name in a rule's physical id."""
    bus, mark, name = existing.ref.partition("|")
    return (bus, name) if mark else ("default", bus)


KINDS = {"AWS::Events::Rule": Kind(_rule, _delete_rule, _rule_again)}
