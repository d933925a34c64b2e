"""Faults that mlwarden's agent tells by an event of its own, in seconds, without waiting for a metric's period.

The agent's event, of source `mlwarden.agent` and detail-type `mlwarden agent fault`:

    {"host": "trainer-1", "fault": "XidError", "state": "ALARM", "at": "2026-11-21T14:02:10.250Z",
     "severity": "critical", "gpu": "0", "code": 79, "text": "GPU has fallen off the bus",
     "instance-id": "i-0123456789abcdef0"}

`host`, `fault` and `state` are needed. A fault is one of a host, of its `gpu` where one is named and of its `code`
where there is one; OK ends it, else `FAULT_HOLD` does.
"""

from datetime import timedelta

from core.catalogue.alarm import Severity
from core.incidents.forms import alarms
from core.incidents.forms.fields import Document, MalformedEvent, first_instant, kind, optional, table, text
from core.incidents.signals import EventSignal, Source, State

AGENT_SOURCE = "mlwarden.agent"
AGENT_FAULT = "mlwarden agent fault"

FAULT_HOLD = timedelta(hours=1)

_SEVERITIES = {severity.value: severity for severity in Severity}
_TITLES = {
    "XidError": "a GPU reports a hardware fault (XID)",
    "GPUsMissing": "a GPU is no longer there",
}


def fault(event: Document) -> EventSignal:
    """One fault of a host, come or gone."""
    detail = table(event, "detail")
    account, region = text(event, "account"), text(event, "region")
    host, name = text(detail, "host", "detail."), text(detail, "fault", "detail.")
    state = alarms.state_of(detail, "state", "detail.")
    severity = optional(detail, "severity", "detail.") or Severity.WARNING.value
    if severity not in _SEVERITIES:
        raise MalformedEvent(f"detail.severity: {severity[:40]!r} is none; known: {', '.join(_SEVERITIES)}")
    told = tuple((key, _short(detail, key)) for key in ("code", "gpu", "instance-id"))
    at = first_instant(((detail, "at", "detail."), (event, "time", "")))
    return EventSignal(
        source=Source.AGENT,
        account=account,
        region=region,
        kind="host",
        subject=host,
        condition=name,
        state=state,
        at=at,
        title=_title(name, dict(told)),
        identity=(
            ("account", account),
            ("fault", name),
            ("host", host),
            ("region", region),
            *((key, value) for key, value in told if value and key != "instance-id"),
        ),
        severity=_SEVERITIES[severity],
        reason=optional(detail, "text", "detail."),
        attributes=tuple((key, value) for key, value in told if value),
        resolves_at=at + FAULT_HOLD if state is State.ALARM else None,
    )


def _title(name: str, told: dict[str, str]) -> str:
    where = f" on GPU {told['gpu']}" if told["gpu"] else ""
    code = f" {told['code']}" if told["code"] else ""
    return _TITLES[name] if name in _TITLES and not code else f"{name}{code}{where}"


def _short(detail: Document, key: str) -> str:
    """A text or a whole number, as text; empty where it is missing."""
    value = detail.get(key)
    if value is None or value == "":
        return ""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise MalformedEvent(f"detail.{key}: a text or a whole number is needed, found {kind(value)}")
    return str(value)
