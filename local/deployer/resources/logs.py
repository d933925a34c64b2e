"""AWS::Logs: log groups."""

from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources.kind import Context, Created, Kind


def _log_group(context: Context, p: Properties) -> Created:
    client = context.client("logs")
    name = p.text("LogGroupName") or context.name(512)
    params = p.choose({"KmsKeyId": "kmsKeyId", "LogGroupClass": "logGroupClass"})
    tags = {tag["Key"]: tag["Value"] for tag in context.tags(p)}
    client.create_log_group(logGroupName=name, **params, **({"tags": tags} if tags else {}))
    world = context.world
    created = context.begin(Created(name, {"Arn": f"arn:aws:logs:{world.region}:{world.account}:log-group:{name}:*"}))
    if "RetentionInDays" in p:
        client.put_retention_policy(logGroupName=name, retentionInDays=p.integer("RetentionInDays"))
    return created


def _log_group_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    client, name = context.client("logs"), existing.ref
    retagging = context.retag(p, was)
    p.take("LogGroupName")
    for own in ("KmsKeyId", "LogGroupClass"):
        if p.take(own) != was.take(own):
            raise DeployError(f"{p.path}.{own}", "the embedded AWS cannot change this of a log group that exists")
    if "RetentionInDays" in p:
        client.put_retention_policy(logGroupName=name, retentionInDays=p.integer("RetentionInDays"))
    elif "RetentionInDays" in was:
        client.delete_retention_policy(logGroupName=name)
    arn = existing.attributes["Arn"].removesuffix(":*")
    if retagging.removed:
        client.untag_resource(resourceArn=arn, tagKeys=list(retagging.removed))
    if retagging.added:
        client.tag_resource(resourceArn=arn, tags=dict(retagging.added))
    return existing


def _delete_log_group(context: Context, p: Properties, existing: Created) -> None:
    del p
    client = context.client("logs")
    try:
        client.delete_log_group(logGroupName=existing.ref)
    except client.exceptions.ResourceNotFoundException:
        return


KINDS = {"AWS::Logs::LogGroup": Kind(_log_group, _delete_log_group, _log_group_again)}
