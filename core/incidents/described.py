"""Alarms as CloudWatch describes them, for making up for events that were lost: the same normal form.

CloudWatch API Reference, DescribeAlarms (MetricAlarms, CompositeAlarms, LogAlarms) and DescribeAlarmContributors,
as boto3 returns them.
"""

from collections.abc import Mapping
from typing import Any

from core.incidents.forms import alarms
from core.incidents.forms.fields import Document, entries, first_instant, optional, pairs, text
from core.incidents.forms.notices import metrics_of
from core.incidents.signals import AlarmSignal

_TYPES = ("MetricAlarms", "CompositeAlarms", "LogAlarms")


def signals(response: Mapping[str, Any]) -> tuple[AlarmSignal, ...]:
    """The alarms of one page of DescribeAlarms, each in the state it is in since it came into it.

    Raises MalformedEvent for an alarm without name, ARN, state or instant.
    """
    return tuple(_alarm(described) for kind in _TYPES for described in entries(response.get(kind)))


def contributors(alarm: AlarmSignal, response: Mapping[str, Any]) -> tuple[AlarmSignal, ...]:
    """The contributors of `alarm` that one page of DescribeAlarmContributors lists: those in ALARM, and only those."""
    return tuple(_contributor(alarm, described) for described in entries(response.get("AlarmContributors")))


def _alarm(described: Document) -> AlarmSignal:
    state = {
        "value": text(described, "StateValue"),
        "reason": optional(described, "StateReason"),
        "reasonData": described.get("StateReasonData"),
        # A reason may change without the state: the transition is what the event told.
        "timestamp": first_instant(
            ((described, "StateTransitionedTimestamp", ""), (described, "StateUpdatedTimestamp", ""))
        ),
        **({"actionsSuppressedBy": by} if (by := described.get("ActionsSuppressedBy")) else {}),
    }
    detail = {
        "alarmName": text(described, "AlarmName"),
        "state": state,
        "configuration": _configuration(described),
    }
    return _signal(detail, text(described, "AlarmArn"))


def _contributor(alarm: AlarmSignal, described: Document) -> AlarmSignal:
    detail = {
        "alarmName": alarm.alarm_name,
        "alarmContributor": {
            "id": text(described, "ContributorId"),
            "attributes": dict(pairs(described.get("ContributorAttributes"))),
        },
        "state": {
            "value": "ALARM",
            "reason": optional(described, "StateReason"),
            "timestamp": first_instant(((described, "StateTransitionedTimestamp", ""),)),
        },
        "configuration": alarm.configuration,
    }
    return _signal(detail, alarm.alarm_arn)


def _signal(detail: Document, arn: str) -> AlarmSignal:
    parts = [*arn.split(":", 5), *[""] * 6]
    return alarms.from_detail(detail, arn, parts[4], parts[3], place="")


def _configuration(described: Document) -> dict[str, Any]:
    told = {
        "description": described.get("AlarmDescription"),
        "alarmRule": described.get("AlarmRule"),
        "actionsSuppressor": described.get("ActionsSuppressor"),
        "actionsSuppressorWaitPeriod": described.get("ActionsSuppressorWaitPeriod"),
        "actionsSuppressorExtensionPeriod": described.get("ActionsSuppressorExtensionPeriod"),
        "metrics": metrics_of(described),
        "threshold": described.get("Threshold"),
        "comparisonOperator": described.get("ComparisonOperator"),
        "evaluationPeriods": described.get("EvaluationPeriods"),
        "datapointsToAlarm": described.get("DatapointsToAlarm"),
    }
    return {key: value for key, value in told.items() if value not in (None, "", [])}
