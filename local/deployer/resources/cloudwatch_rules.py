"""AWS::CloudWatch: alarm mute rules and anomaly detectors."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Kind

_BOUNDS = ("StartDate", "ExpireDate")


def _mute_rule(context: Context, p: Properties) -> Created:
    """Ref gives the ARN, which is the type's primary identifier."""
    tags = context.tags(p)
    params = _mute_params(context, p)
    client, name = context.client("cloudwatch"), str(params["Name"])
    if _found_mute_rule(client, name) is not None:
        raise DeployError(context.path, f"{name} already exists")
    client.put_alarm_mute_rule(**(params | ({"Tags": tags} if tags else {})))
    return _described(client, name)


def _mute_rule_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    """PutAlarmMuteRule overwrites; tags of a rule that exists it passes over."""
    retagging = context.retag(p, was)
    client, name = context.client("cloudwatch"), _name(existing)
    client.put_alarm_mute_rule(**(_mute_params(context, p) | {"Name": name}))
    if retagging.removed:
        client.untag_resource(ResourceARN=existing.ref, TagKeys=list(retagging.removed))
    if retagging.added:
        client.tag_resource(ResourceARN=existing.ref, Tags=retagging.pairs())
    return _described(client, name)


def _delete_mute_rule(context: Context, p: Properties, existing: Created) -> None:
    """DeleteAlarmMuteRule passes over a rule that is gone."""
    del p
    context.client("cloudwatch").delete_alarm_mute_rule(AlarmMuteRuleName=_name(existing))


def _mute_params(context: Context, p: Properties) -> dict[str, Any]:
    """Dates without an offset are local to the schedule's time zone."""
    bounds = {each: p.text(each) for each in _BOUNDS if each in p}
    params = shapes.request(context, p, "cloudwatch", "PutAlarmMuteRule")
    schedule = (params.get("Rule") or {}).get("Schedule") or {}
    zone = str(schedule.get("Timezone") or "UTC")
    params |= {key: _instant(f"{p.path}.{key}", text, zone) for key, text in bounds.items()}
    return params | {"Name": str(params.get("Name") or context.name(255))}


def _instant(path: str, text: str, zone: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise DeployError(path, f"{text!r} is not a date such as 2026-11-20T10:00") from None
    if instant.tzinfo is not None:
        return instant
    try:
        return instant.replace(tzinfo=ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        raise DeployError(path, f"there is no time zone {zone!r}") from None


def _found_mute_rule(client: Any, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.get_alarm_mute_rule(AlarmMuteRuleName=name)
    except client.exceptions.ResourceNotFoundException:
        return None
    return found


def _described(client: Any, name: str) -> Created:
    found = client.get_alarm_mute_rule(AlarmMuteRuleName=name)
    arn = str(found["AlarmMuteRuleArn"])
    attributes = {
        "Arn": arn,
        "Status": str(found["Status"]),
        "MuteType": str(found["MuteType"]),
        "LastUpdatedTimestamp": found["LastUpdatedTimestamp"].isoformat(),
    }
    return Created(arn, attributes)


def _name(existing: Created) -> str:
    return existing.ref.split(":alarm-mute-rule:", 1)[1]


def _detector(context: Context, p: Properties) -> Created:
    """Ref gives the id. A metric's detector that is there already, such as an alarm's, is taken over."""
    answer = context.client("cloudwatch").put_anomaly_detector(**_detector_params(context, p))
    return Created(answer["AnomalyDetectorId"], {"Id": answer["AnomalyDetectorId"]})


def _detector_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    """PutAnomalyDetector replaces the configuration; everything else replaces the resource."""
    del was
    context.client("cloudwatch").put_anomaly_detector(**_detector_params(context, p))
    return existing


def _detector_params(context: Context, p: Properties) -> dict[str, Any]:
    """CloudFormation's MetricTimeZone is MetricTimezone in the API."""
    params = shapes.request(context, p, "cloudwatch", "PutAnomalyDetector")
    configuration = dict(params.get("Configuration") or {})
    if "MetricTimeZone" in configuration:
        configuration["MetricTimezone"] = configuration.pop("MetricTimeZone")
        params["Configuration"] = configuration
    return params


def _delete_detector(context: Context, p: Properties, existing: Created) -> None:
    del p
    client = context.client("cloudwatch")
    try:
        client.delete_anomaly_detector(AnomalyDetectorId=existing.ref)
    except client.exceptions.ResourceNotFoundException:
        return


KINDS = {
    "AWS::CloudWatch::AlarmMuteRule": Kind(_mute_rule, _delete_mute_rule, _mute_rule_again),
    "AWS::CloudWatch::AnomalyDetector": Kind(_detector, _delete_detector, _detector_again),
}
