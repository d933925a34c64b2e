"""What CloudWatch tells others about a contributor of an alarm, in AWS's shapes.

User Guide, Alarm events and EventBridge (multi time series alarm) and Alarm actions: no previous state and no reason
data; a PromQL contributor has no reason either.
"""

from collections.abc import Mapping
from typing import Any

from core.cloudwatch.contributors import Contributor
from core.cloudwatch.reasons import timestamp
from local.cloudwatch import notices
from local.cloudwatch.notices import Extra
from local.cloudwatch.records import Alarm, Status


def state_change(alarm: Alarm, contributor: Contributor, current: Status, extra: Extra) -> dict[str, Any]:
    """The detail of "CloudWatch Alarm Contributor State Change"."""
    reason = {"reason": current.reason} if current.reason else {}
    detail = {
        "alarmName": alarm.name,
        "alarmContributor": {"id": contributor.id, "attributes": dict(contributor.attributes)},
        "state": {"value": current.value.value} | reason | {"timestamp": timestamp(current.updated)},
        "configuration": notices.configuration(alarm),
    }
    return detail | notices.muted(extra) | notices.tagged(extra)


def lambda_data(alarm: Alarm, contributor: Contributor, current: Status, payload: Mapping[str, Any]) -> dict[str, Any]:
    """What a Lambda action's function is told of a contributor, in place of the alarm's own data in `payload`."""
    data = payload["alarmData"]
    tags = {key: data[key] for key in ("alarmTags", "alarmTagsStatus") if key in data}
    return {"alarmData": state_change(alarm, contributor, current, notices.NOTHING) | tags}


def message(body: Mapping[str, Any], contributor: Contributor, current: Status) -> dict[str, Any]:
    """An SNS message's body, from the one that would tell of the alarm."""
    return {key: value for key, value in body.items() if key != "NewStateReason" or current.reason} | {
        "AlarmContributorId": contributor.id,
        "AlarmContributorAttributes": dict(contributor.attributes),
    }
