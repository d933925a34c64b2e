"""AWS::Logs: log groups."""

from local.deployer.properties import Properties
from local.deployer.resources.kind import Context, Created, Kind


def _log_group(context: Context, p: Properties) -> Created:
    client = context.client("logs")
    name = p.text("LogGroupName") or context.name(512)
    params = p.choose({"KmsKeyId": "kmsKeyId", "LogGroupClass": "logGroupClass"})
    tags = {tag["Key"]: tag["Value"] for tag in context.tags(p)}
    client.create_log_group(logGroupName=name, **params, **({"tags": tags} if tags else {}))
    if "RetentionInDays" in p:
        client.put_retention_policy(logGroupName=name, retentionInDays=p.integer("RetentionInDays"))
    world = context.world
    return Created(name, {"Arn": f"arn:aws:logs:{world.region}:{world.account}:log-group:{name}:*"})


KINDS = {"AWS::Logs::LogGroup": Kind(_log_group)}
