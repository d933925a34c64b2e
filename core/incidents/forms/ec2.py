"""EC2: spot interruptions, rebalance recommendations, instances that stop.

EC2 user guide, Spot Instance interruption notices (two minutes before; best effort), Rebalance recommendations,
State change events. None has an event of its end: the instance is gone, or was never taken.
"""

from datetime import timedelta

from core.catalogue.alarm import Delivery, Severity
from core.incidents.forms.fields import Document, first_instant, plain, table, text
from core.incidents.signals import EventSignal, Ignored, Source, State

SPOT_INTERRUPTION = "EC2 Spot Instance Interruption Warning"
REBALANCE = "EC2 Instance Rebalance Recommendation"
INSTANCE_CHANGE = "EC2 Instance State-change Notification"

INTERRUPTION_HOLD = timedelta(minutes=15)
REBALANCE_HOLD = timedelta(hours=1)
STOPPED_HOLD = timedelta(hours=1)

_GONE = {"stopping", "stopped", "shutting-down", "terminated"}


def interruption(event: Document) -> EventSignal:
    """A spot instance that is taken away in two minutes."""
    detail = table(event, "detail")
    action = text(detail, "instance-action", "detail.")
    return _signal(
        event,
        "SpotInterruption",
        f"EC2 will {action} this spot instance within two minutes",
        Severity.WARNING,
        hold=INTERRUPTION_HOLD,
        change=action,
    )


def rebalance(event: Document) -> EventSignal:
    """A spot instance at elevated risk of interruption."""
    title = "this spot instance is at elevated risk of interruption"
    return _signal(event, "RebalanceRecommended", title, Severity.INFO, hold=REBALANCE_HOLD)


def instance(event: Document) -> EventSignal | Ignored:
    """An instance that stops or runs again: told beside what its host's alarms tell, never alone."""
    raw = text(table(event, "detail"), "state", "detail.")
    state = raw.lower()
    if state not in _GONE and state != "running":
        return Ignored(INSTANCE_CHANGE, f"the state {raw[:40]!r} is neither stopped nor running")
    gone = state in _GONE
    return _signal(
        event,
        "InstanceStopped",
        f"the instance is {plain(state)}" if gone else "the instance runs",
        Severity.INFO,
        hold=STOPPED_HOLD,
        change=state,
        firing=gone,
        delivery=Delivery.CONTEXT,
    )


def _signal(
    event: Document,
    condition: str,
    title: str,
    severity: Severity,
    *,
    hold: timedelta,
    change: str = "",
    firing: bool = True,
    delivery: Delivery = Delivery.INCIDENT,
) -> EventSignal:
    account, region = text(event, "account"), text(event, "region")
    name = text(table(event, "detail"), "instance-id", "detail.")
    at = first_instant(((event, "time", ""),))
    resources = event.get("resources")
    return EventSignal(
        source=Source.EC2,
        account=account,
        region=region,
        kind="host",
        subject=name,
        condition=condition,
        state=State.ALARM if firing else State.OK,
        at=at,
        title=title,
        identity=(("account", account), ("condition", condition), ("instance", name), ("region", region)),
        severity=severity,
        delivery=delivery,
        change=change,
        # An interruption's ARN has the zone for a region and no account.
        arn=resources[0] if isinstance(resources, list) and resources and isinstance(resources[0], str) else "",
        attributes=(("instance", name),),
        resolves_at=at + hold if firing else None,
    )
