"""AWS::CloudWatch: alarms, composite alarms, dashboards."""

from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Kind


def _alarm(context: Context, p: Properties) -> Created:
    return _put(context, p, "PutMetricAlarm")


def _composite(context: Context, p: Properties) -> Created:
    return _put(context, p, "PutCompositeAlarm")


def _put(context: Context, p: Properties, operation: str) -> Created:
    tags = context.tags(p)
    params = shapes.request(context, p, "cloudwatch", operation)
    params["AlarmName"] = name = str(params.get("AlarmName") or context.name(255))
    if tags:
        params["Tags"] = tags
    client = context.client("cloudwatch")
    kind = "metric" if operation == "PutMetricAlarm" else "composite"
    existing = client.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    if existing["MetricAlarms"] or existing["CompositeAlarms"]:
        raise DeployError(context.path, f"{name} already exists")
    (client.put_metric_alarm if kind == "metric" else client.put_composite_alarm)(**params)
    world = context.world
    return Created(name, {"Arn": f"arn:aws:cloudwatch:{world.region}:{world.account}:alarm:{name}"})


def _dashboard(context: Context, p: Properties) -> Created:
    name = p.text("DashboardName") or context.name(255)
    answer = context.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=p.need("DashboardBody"))
    if messages := answer.get("DashboardValidationMessages"):
        raise DeployError(f"{p.path}.DashboardBody", f"{messages[0]['DataPath']}: {messages[0]['Message']}")
    return Created(name)


KINDS = {
    "AWS::CloudWatch::Alarm": Kind(_alarm),
    "AWS::CloudWatch::CompositeAlarm": Kind(_composite),
    "AWS::CloudWatch::Dashboard": Kind(_dashboard),
}
