"""What a function needs to know about a deployed alarm, and its JSON form in the deployed layer."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from core.catalogue.alarm import Alarm, CompositeAlarm, Delivery, MetricAlarm, Severity, Subject


@dataclass(frozen=True, slots=True)
class Facts:
    """One alarm as a message describes it.

    `threshold` is in CloudWatch's unit: shown as `threshold * scale` with `unit`. A composite has neither,
    nor a comparison, period or datapoints: they are None, empty and 0. `parent` is the composite over it,
    or "". `measured` is what a host's series are called, instance id or name: events know it by that.
    """

    name: str
    condition: str
    subject: Subject
    title: str
    severity: Severity
    owner: str
    runbook: str
    delivery: Delivery
    unit: str = ""
    scale: float = 1.0
    threshold: float | None = None
    comparison: str = ""
    period_seconds: int = 0
    datapoints: int = 0
    periods: int = 0
    parent: str = ""
    children: tuple[str, ...] = ()
    measured: str = ""


def facts(alarms: Iterable[Alarm]) -> tuple[Facts, ...]:
    """The facts of each alarm, in order."""
    alarms = tuple(alarms)
    composites = (alarm for alarm in alarms if isinstance(alarm, CompositeAlarm) and not alarm.suppressor)
    parents = {child: alarm.name for alarm in composites for child in alarm.children}
    return tuple(_facts(alarm, parents.get(alarm.name, "")) for alarm in alarms)


def _facts(alarm: Alarm, parent: str) -> Facts:
    shared: dict[str, Any] = {
        "name": alarm.name,
        "condition": alarm.condition,
        "subject": alarm.subject,
        "title": alarm.title,
        "severity": alarm.severity,
        "owner": alarm.owner,
        "runbook": alarm.runbook,
        "delivery": alarm.delivery,
        "parent": parent,
    }
    if isinstance(alarm, CompositeAlarm):
        return Facts(**shared, children=alarm.children)
    return Facts(
        **shared,
        unit=alarm.display.unit,
        scale=alarm.display.scale,
        threshold=alarm.threshold,
        comparison=alarm.comparison.value,
        period_seconds=int(alarm.period.total_seconds()),
        datapoints=alarm.datapoints,
        periods=alarm.periods,
        measured=_measured(alarm),
    )


def _measured(alarm: MetricAlarm) -> str:
    if alarm.subject.kind != "host":
        return ""
    named = (dict(query.stat.dimensions) for query in alarm.queries if query.stat is not None)
    return next((name for one in named if (name := one.get("InstanceId") or one.get("host"))), "")


def encode(alarms: Iterable[Alarm]) -> str:
    """The facts as JSON, one alarm a line, the same text for the same alarms."""
    lines = [json.dumps(asdict(entry), sort_keys=True, ensure_ascii=False) for entry in facts(alarms)]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def decode(text: str) -> dict[str, Facts]:
    """Facts by alarm name, from what `encode` wrote."""
    return {entry["name"]: _parse(entry) for entry in json.loads(text)}


def _parse(entry: dict[str, Any]) -> Facts:
    return Facts(
        **{
            **entry,
            "subject": Subject(**entry["subject"]),
            "severity": Severity(entry["severity"]),
            "delivery": Delivery(entry["delivery"]),
            "children": tuple(entry["children"]),
        }
    )
