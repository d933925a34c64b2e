"""AWS::Events: rules with their targets."""

import json

from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Kind


def _rule(context: Context, p: Properties) -> Created:
    client = context.client("events")
    name = p.text("Name") or context.name(64)
    bus = p.text("EventBusName", "default")
    tags = context.tags(p)
    targets = p.take("Targets", [])
    pattern = p.take("EventPattern")
    params = shapes.request(context, p, "events", "PutRule")
    params |= {"Name": name, "EventBusName": bus, "Tags": tags}
    if pattern is not None:
        params["EventPattern"] = pattern if isinstance(pattern, str) else json.dumps(pattern)
    arn = client.put_rule(**params)["RuleArn"]
    if targets:
        shape = client.meta.service_model.operation_model("PutTargets").input_shape.members["Targets"]
        answer = client.put_targets(Rule=name, EventBusName=bus, Targets=shapes.converted(targets, shape))
        if answer["FailedEntryCount"]:
            failed = answer["FailedEntries"][0]
            raise DeployError(f"{p.path}.Targets", f"{failed['TargetId']}: {failed['ErrorMessage']}")
    return Created(name if bus == "default" else f"{bus}|{name}", {"Arn": arn})


KINDS = {"AWS::Events::Rule": Kind(_rule)}
