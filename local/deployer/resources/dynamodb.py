"""AWS::DynamoDB: tables with their indexes, expiry and backups."""

from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Kind


def _table(context: Context, p: Properties) -> Created:
    client = context.client("dynamodb")
    name = p.text("TableName") or context.name(255)
    tags = context.tags(p)
    encryption = p.section("SSESpecification").choose(
        {"SSEEnabled": "Enabled", "SSEType": "SSEType", "KMSMasterKeyId": "KMSMasterKeyId"}
    )
    stream = p.section("StreamSpecification").choose({"StreamViewType": "StreamViewType"})
    expiry = p.take("TimeToLiveSpecification")
    recovery = p.take("PointInTimeRecoverySpecification")
    insights = p.section("ContributorInsightsSpecification")
    params = shapes.request(context, p, "dynamodb", "CreateTable")
    params |= {"TableName": name, "Tags": tags}
    if encryption:
        params["SSESpecification"] = encryption
    if stream:
        params["StreamSpecification"] = {"StreamEnabled": True, **stream}
    table = client.create_table(**params)["TableDescription"]
    if expiry:
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    if recovery:
        client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    if insights.flag("Enabled"):
        client.update_contributor_insights(TableName=name, ContributorInsightsAction="ENABLE")
    stream_arn = {"StreamArn": table["LatestStreamArn"]} if table.get("LatestStreamArn") else {}
    return Created(name, {"Arn": table["TableArn"], **stream_arn})


KINDS = {"AWS::DynamoDB::Table": Kind(_table)}
