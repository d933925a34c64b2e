"""AWS Health: issues, scheduled changes and notices of AWS's own services.

Health user guide, Reference: EventBridge schema. An event is also sent to a backup region: event ARN and
communication id are the same there, the region that matters is `eventRegion`. Instants are RFC 1123.
"""

import re
from datetime import datetime, timedelta

from core.catalogue.alarm import Severity
from core.incidents.forms.fields import Document, decoded, entries, first_instant, instant, optional, plain, table, text
from core.incidents.signals import EventSignal, Ignored, Source, State

HEALTH = "AWS Health Event"
ABUSE = "AWS Health Abuse Event"

NOTICE_HOLD = timedelta(hours=24)
"""Notices have no end; so long they are shown."""

_SEVERITIES = {"issue": Severity.WARNING, "investigation": Severity.WARNING}
_WORDS = {
    "issue": "AWS reports an issue of {}",
    "investigation": "AWS investigates an issue of {}",
    "scheduledChange": "AWS has scheduled a change of {}",
    "accountNotification": "AWS has a notice about {}",
}
_MAX_TEXT = 1000
_CODE = re.compile(r"[A-Z0-9]+")


def event(body: Document) -> EventSignal | Ignored:
    """One communication about a Health event."""
    detail = table(body, "detail")
    arn, service = text(detail, "eventArn", "detail."), text(detail, "service", "detail.")
    code, category = text(detail, "eventTypeCode", "detail."), text(detail, "eventTypeCategory", "detail.")
    status = plain(optional(detail, "statusCode", "detail.") or "open")
    if status not in ("open", "upcoming", "closed"):
        return Ignored(HEALTH, f"statusCode {status[:40]!r} is neither open nor closed")
    account = optional(detail, "affectedAccount", "detail.") or text(body, "account")
    region = optional(detail, "eventRegion", "detail.") or text(body, "region")
    at = first_instant(
        (
            (detail, "lastUpdatedTime", "detail."),
            (detail, "startTime", "detail."),
            (body, "time", ""),
        )
    )
    firing = status != "closed"
    return EventSignal(
        source=Source.HEALTH,
        account=account,
        region=region,
        kind="account",
        subject=service.lower(),
        condition=_condition(code, service),
        state=State.ALARM if firing else State.OK,
        at=at,
        title=_WORDS.get(category, "AWS tells of {}").format(service),
        identity=(("account", account), ("health_event", arn)),
        severity=Severity.WARNING if body.get("detail-type") == ABUSE else _SEVERITIES.get(category, Severity.INFO),
        reason=_said(detail),
        change=optional(detail, "communicationId", "detail."),
        arn=arn,
        attributes=(("code", code), ("scope", optional(detail, "eventScopeCode", "detail."))),
        resolves_at=_over(detail, category, at) if firing else None,
    )


def _over(detail: Document, category: str, at: datetime) -> datetime | None:
    """When it is over unless AWS says otherwise: its end where one is told, never for an open issue."""
    if category == "accountNotification":
        return at + NOTICE_HOLD
    if not detail.get("endTime"):
        return None
    return max(instant(detail, "endTime", "detail."), at)


def _condition(code: str, service: str) -> str:
    """`AWS_SAGEMAKER_OPERATIONAL_ISSUE` as `OperationalIssue`, in the form of an alarm's condition."""
    short = code.removeprefix("AWS_").removeprefix(f"{service}_")
    return "".join(word.capitalize() for word in _CODE.findall(short.upper())) or "HealthEvent"


def _said(detail: Document) -> str:
    described = entries(detail.get("eventDescription"))
    english = [entry for entry in described if str(entry.get("language", "")).lower().startswith("en")]
    said = next((str(entry.get("latestDescription") or "") for entry in (*english, *described)), "")
    affected = [str(decoded(entry).get("entityValue") or "") for entry in entries(detail.get("affectedEntities"))]
    listed = [name for name in affected if name]
    more = f" Affected: {', '.join(listed[:5])}{' and more' if len(listed) > 5 else ''}." if listed else ""
    return " ".join(said.split())[:_MAX_TEXT] + more
