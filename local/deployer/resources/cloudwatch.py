"""AWS::CloudWatch: alarms, composite alarms, dashboards."""

from typing import Any

from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Kind, Retagging

METRIC = "PutMetricAlarm"
COMPOSITE = "PutCompositeAlarm"


def _alarm(context: Context, p: Properties) -> Created:
    return _create(context, p, METRIC)


def _composite(context: Context, p: Properties) -> Created:
    return _create(context, p, COMPOSITE)


def _alarm_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    return _update(context, p, was, existing, METRIC)


def _composite_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    return _update(context, p, was, existing, COMPOSITE)


def _create(context: Context, p: Properties, operation: str) -> Created:
    tags = context.tags(p)
    params = _params(context, p, operation)
    name = params["AlarmName"]
    if tags:
        params["Tags"] = tags
    client = context.client("cloudwatch")
    existing = client.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    if existing["MetricAlarms"] or existing["CompositeAlarms"]:
        raise DeployError(context.path, f"{name} already exists")
    _put(client, operation, params)
    world = context.world
    return Created(name, {"Arn": f"arn:aws:cloudwatch:{world.region}:{world.account}:alarm:{name}"})


def _update(context: Context, p: Properties, was: Properties, existing: Created, operation: str) -> Created:
    """PutMetricAlarm and PutCompositeAlarm overwrite; tags of an alarm that exists they pass over."""
    retagging = context.retag(p, was)
    client = context.client("cloudwatch")
    _put(client, operation, _params(context, p, operation))
    _retag(client, existing.attributes["Arn"], retagging)
    return existing


def _params(context: Context, p: Properties, operation: str) -> dict[str, Any]:
    params = shapes.request(context, p, "cloudwatch", operation)
    return params | {"AlarmName": str(params.get("AlarmName") or context.name(255))}


def _put(client: Any, operation: str, params: dict[str, Any]) -> None:
    (client.put_metric_alarm if operation == METRIC else client.put_composite_alarm)(**params)


def _retag(client: Any, arn: str, retagging: Retagging) -> None:
    if retagging.removed:
        client.untag_resource(ResourceARN=arn, TagKeys=list(retagging.removed))
    if retagging.added:
        client.tag_resource(ResourceARN=arn, Tags=retagging.pairs())


def _delete_alarm(context: Context, p: Properties, existing: Created) -> None:
    del p
    client = context.client("cloudwatch")
    found = client.describe_alarms(AlarmNames=[existing.ref], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    if found["MetricAlarms"] or found["CompositeAlarms"]:
        client.delete_alarms(AlarmNames=[existing.ref])


def _dashboard(context: Context, p: Properties) -> Created:
    name = p.text("DashboardName") or context.name(255)
    answer = context.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=p.need("DashboardBody"))
    created = context.begin(Created(name))
    if messages := answer.get("DashboardValidationMessages"):
        raise DeployError(f"{p.path}.DashboardBody", f"{messages[0]['DataPath']}: {messages[0]['Message']}")
    return created


def _dashboard_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    del was, existing
    return _dashboard(context, p)


def _delete_dashboard(context: Context, p: Properties, existing: Created) -> None:
    del p
    client = context.client("cloudwatch")
    if client.list_dashboards(DashboardNamePrefix=existing.ref)["DashboardEntries"]:
        client.delete_dashboards(DashboardNames=[existing.ref])


KINDS = {
    "AWS::CloudWatch::Alarm": Kind(_alarm, _delete_alarm, _alarm_again),
    "AWS::CloudWatch::CompositeAlarm": Kind(_composite, _delete_alarm, _composite_again),
    "AWS::CloudWatch::Dashboard": Kind(_dashboard, _delete_dashboard, _dashboard_again),
}
