"""CloudWatch's alarms as they stand now, of every type, with their contributors.

AWS calls: DescribeAlarms, DescribeAlarmContributors.
"""

from collections.abc import Iterable

from core.incidents import described as forms
from core.incidents.reconcile import Listed, has_contributors
from core.incidents.signals import AlarmSignal, State
from lambdas.adapters.clients import client

TYPES = ("MetricAlarm", "CompositeAlarm", "LogAlarm")
"""Without them DescribeAlarms returns metric alarms only."""
MAX_NAMES = 100  # DescribeAlarms, AlarmNames
MAX_PAGES = 20


def alarming(prefix: str) -> tuple[Listed, ...]:
    """The alarms whose names begin so and that are in ALARM, each with its contributors that are."""
    pages = client("cloudwatch").get_paginator("describe_alarms")
    return tuple(
        Listed(alarm, _contributors(alarm) if has_contributors(alarm) else ())
        for page in pages.paginate(AlarmNamePrefix=prefix, StateValue="ALARM", AlarmTypes=list(TYPES))
        for alarm in forms.signals(page)
        if alarm.state is State.ALARM
    )


def described(names: Iterable[str]) -> dict[str, AlarmSignal]:
    """The alarms of these names by ARN; those that do not exist are left out."""
    found: dict[str, AlarmSignal] = {}
    wanted = list(names)
    for start in range(0, len(wanted), MAX_NAMES):
        some = wanted[start : start + MAX_NAMES]
        page = client("cloudwatch").describe_alarms(AlarmNames=some, AlarmTypes=list(TYPES), MaxRecords=MAX_NAMES)
        found |= {alarm.alarm_arn: alarm for alarm in forms.signals(page)}
    return found


def _contributors(alarm: AlarmSignal) -> tuple[AlarmSignal, ...]:
    """Those in ALARM; DescribeAlarmContributors lists no others and has no paginator."""
    found: list[AlarmSignal] = []
    token: dict[str, str] = {}
    for _ in range(MAX_PAGES):
        page = client("cloudwatch").describe_alarm_contributors(AlarmName=alarm.alarm_name, **token)
        found += forms.contributors(alarm, page)
        if not page.get("NextToken"):
            break
        token = {"NextToken": page["NextToken"]}
    return tuple(found)
