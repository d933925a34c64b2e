"""The way around mlwarden's functions: what pages, told by CloudWatch itself while they are not known to work.

For each subject one composite over its critical alarms. It publishes to the topic of `critical`, unless its suppressor
is in ALARM: `PipelineHealthy`, which is so only while heartbeats come through rule, queue, router, notifier and topic.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.catalogue import platform
from core.catalogue.alarm import Alarm, CompositeAlarm, Delivery, Severity, Subject
from core.catalogue.draft import Draft
from core.cloudwatch import limits

if TYPE_CHECKING:
    from core.config import Config

CONDITION = "UnroutedCritical"


def composites(config: "Config", alarms: Iterable[Alarm]) -> tuple[CompositeAlarm, ...]:
    """One a subject that has critical alarms which are announced on their own."""
    critical: dict[Subject, list[Alarm]] = {}
    for alarm in alarms:
        if alarm.severity is Severity.CRITICAL and alarm.delivery is Delivery.INCIDENT:
            critical.setdefault(alarm.subject, []).append(alarm)
    return tuple(_composite(config, subject, children) for subject, children in critical.items())


def _composite(config: "Config", subject: Subject, critical: list[Alarm]) -> CompositeAlarm:
    children = tuple(alarm.name for alarm in critical[: limits.MAX_RULE_CHILDREN])
    draft = Draft(config.deployment.stage, subject, critical[0].owner)
    return CompositeAlarm(
        name=draft.name(CONDITION),
        condition=CONDITION,
        subject=subject,
        title="a critical alarm fires while mlwarden's own functions do not tell of it",
        rule=" OR ".join(f'ALARM("{name}")' for name in children),
        children=children,
        severity=Severity.CRITICAL,
        owner=critical[0].owner,
        runbook=CONDITION,
        delivery=Delivery.DIRECT,
        suppressor=platform.healthy_name(config),
    )
