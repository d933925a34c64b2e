"""AWS::DynamoDB: tables with their indexes, expiry and backups."""

from typing import Any

from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Kind

_FIXED = ("AttributeDefinitions", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes")
"""What an update does not change here: AWS does so one index at a time, or by replacing the table."""


def _table(context: Context, p: Properties) -> Created:
    client = context.client("dynamodb")
    name = p.text("TableName") or context.name(255)
    params = _settings(context, p) | {"Tags": context.tags(p)}
    expiry, recovery, insights = _extras(p)
    params |= shapes.request(context, p, "dynamodb", "CreateTable") | {"TableName": name}
    table = client.create_table(**params)["TableDescription"]
    stream_arn = {"StreamArn": table["LatestStreamArn"]} if table.get("LatestStreamArn") else {}
    created = context.begin(Created(name, {"Arn": table["TableArn"], **stream_arn}))
    _extend(client, name, expiry, recovery, insights)
    return created


def _table_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    client = context.client("dynamodb")
    retagging = context.retag(p, was)
    p.take("TableName")
    changed = [name for name in _FIXED if p.take(name) != was.take(name)]
    if changed:
        raise DeployError(f"{p.path}.{changed[0]}", "the embedded AWS cannot change this of a table that exists")
    settings = _settings(context, p)
    before, (expiry, recovery, insights) = _extras(was), _extras(p)
    settings |= shapes.request(context, p, "dynamodb", "UpdateTable")
    if settings != _settings(context, was) | shapes.request(context, was, "dynamodb", "UpdateTable"):
        client.update_table(TableName=existing.ref, **settings)
    if expiry is None and before[0]:
        expiry = {**before[0], "Enabled": False}
    if recovery is None and before[1]:
        recovery = {"PointInTimeRecoveryEnabled": False}
    changes = [now if now != then else None for now, then in ((expiry, before[0]), (recovery, before[1]))]
    _extend(client, existing.ref, changes[0], changes[1], insights)
    arn = existing.attributes["Arn"]
    if retagging.removed:
        client.untag_resource(ResourceArn=arn, TagKeys=list(retagging.removed))
    if retagging.added:
        client.tag_resource(ResourceArn=arn, Tags=retagging.pairs())
    return existing


def _settings(context: Context, p: Properties) -> dict[str, Any]:
    """What CreateTable and UpdateTable take under other names."""
    del context
    encryption = p.section("SSESpecification").choose(
        {"SSEEnabled": "Enabled", "SSEType": "SSEType", "KMSMasterKeyId": "KMSMasterKeyId"}
    )
    stream = p.section("StreamSpecification").choose({"StreamViewType": "StreamViewType"})
    return {
        **({"SSESpecification": encryption} if encryption else {}),
        **({"StreamSpecification": {"StreamEnabled": True, **stream}} if stream else {}),
    }


def _extras(p: Properties) -> tuple[Any, Any, bool]:
    insights = p.section("ContributorInsightsSpecification")
    return p.take("TimeToLiveSpecification"), p.take("PointInTimeRecoverySpecification"), insights.flag("Enabled")


def _extend(client: Any, name: str, expiry: Any, recovery: Any, insights: bool) -> None:
    if expiry:
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    if recovery:
        client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    if insights:
        client.update_contributor_insights(TableName=name, ContributorInsightsAction="ENABLE")


def _delete_table(context: Context, p: Properties, existing: Created) -> None:
    del p
    client = context.client("dynamodb")
    if existing.ref in client.get_paginator("list_tables").paginate().search("TableNames"):
        client.delete_table(TableName=existing.ref)


KINDS = {"AWS::DynamoDB::Table": Kind(_table, _delete_table, _table_again)}
