"""Events in any shape that they arrive in, parsed once at the edge into signals.

- EventBridge's events: of alarms, SageMaker, EC2, AWS Health, the agent and the canary;
- the direct Lambda action of an alarm (`alarmData`);
- an alarm's SNS message as it is (raw delivery), and in SNS's envelope, as SQS gets it or Lambda (`Records`);
- a record of SQS around any of these.

Which key names tell the shape; the families' modules in `forms` name the pages that describe them.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from core.incidents import instants
from core.incidents.forms import alarms, ec2, faults, health, hyperpod, notices, sagemaker
from core.incidents.forms.alarms import CONFIGURATION_CHANGE, CONTRIBUTOR_CHANGE
from core.incidents.forms.alarms import STATE_CHANGE as ALARM_CHANGE
from core.incidents.forms.fields import Document, MalformedEvent, kind
from core.incidents.forms.sagemaker import DEPLOYMENT_CHANGE, ENDPOINT_CHANGE
from core.incidents.signals import Heartbeat, Ignored, Signal

__all__ = (
    "ALARM_CHANGE",
    "CONFIGURATION_CHANGE",
    "CONTRIBUTOR_CHANGE",
    "DEPLOYMENT_CHANGE",
    "ENDPOINT_CHANGE",
    "HEARTBEAT",
    "MalformedEvent",
    "Parsed",
    "parse",
)

HEARTBEAT = "mlwarden heartbeat"

Parsed = Signal | Heartbeat | Ignored

_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # typeshed leaves it out
"""`raw_decode` without its wrapper: the value at a place and where it ends; StopIteration where none is."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

MAX_ENVELOPES = 4
"""Around one event: a record of SQS, SNS's envelope in it, and what a replay may add."""


def parse(event: str | bytes | Mapping[str, Any], *, arn: str = "") -> Parsed:
    """One event, from its JSON or parsed already; raises MalformedEvent naming the key that is wrong.

    `arn` is the queue's or topic's that carried it: an alarm's message that lacks the alarm's ARN is taken for one of
    that account and region. Half a surrogate pair, which JSON can say and no message can carry, becomes a question
    mark.
    """
    body = _object(event if isinstance(event, (str, bytes)) else json.dumps(event))
    for _ in range(MAX_ENVELOPES):
        told = body.get("detail-type")
        if told is not None:
            return _event(told, body)
        inner, carrier = _unwrapped(body)
        if inner is None:
            return _other(body, arn)
        body, arn = _object(inner, "Message") if isinstance(inner, str) else inner, carrier or arn
    raise MalformedEvent(f"body: more than {MAX_ENVELOPES - 1} envelopes around an event")


def _object(text: str | bytes, place: str = "body") -> Document:
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    text = text.strip()
    try:
        found, end = _scan(text, 0)
        if end != len(text):
            raise MalformedEvent(f"{place}: JSON and something after it")
        if "\\u" in text and _SURROGATE.search(text):  # the first part alone answers in a tenth of the time
            found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError, StopIteration):
        raise MalformedEvent(f"{place}: not JSON") from None
    if not isinstance(found, dict):
        raise MalformedEvent(f"{place}: a JSON object is needed, found {kind(found)}")
    return found


def _event(told: object, body: Document) -> Parsed:
    if not isinstance(told, str):
        raise MalformedEvent(f"detail-type: a text is needed, found {kind(told)}")
    form = _FORMS.get(told)
    if form is not None:
        return form(body)
    if told in UNHEEDED:
        return Ignored(told, UNHEEDED[told])
    raise MalformedEvent(f"detail-type: {told[:80]!r} is not one that the router takes")


def _other(body: Document, arn: str) -> Parsed:
    if "alarmData" in body:
        return alarms.action(body)
    if notices.is_notice(body):
        return notices.alarm(body, arn)
    if body.get("Type") in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        return Ignored(str(body["Type"]), "SNS tells of a subscription, not of an alarm")
    raise MalformedEvent("detail-type: missing, and no alarmData nor AlarmName with NewStateValue instead")


def _unwrapped(body: Document) -> tuple[str | Document | None, str]:
    """What an envelope holds and the ARN of who delivered it; None for what is no envelope."""
    if "Records" in body:
        records = body["Records"]
        if not isinstance(records, list) or len(records) != 1 or not isinstance(records[0], dict):
            raise MalformedEvent(f"Records: a list of one record is needed, found {_count(records)}")
        return records[0], ""
    if isinstance(sns := body.get("Sns"), dict):
        return sns, ""
    if isinstance(text := body.get("body"), str) and "eventSource" in body:
        return text, str(body.get("eventSourceARN") or "")
    if body.get("Type") == "Notification" and "Message" in body:
        if not isinstance(body["Message"], str):
            raise MalformedEvent(f"Message: a text is needed, found {kind(body['Message'])}")
        return body["Message"], str(body.get("TopicArn") or "")
    return None, ""


def _count(records: object) -> str:
    return f"{len(records)} entries" if isinstance(records, list) else kind(records)


def _heartbeat(body: Document) -> Heartbeat:
    try:
        return Heartbeat(instants.parse(body.get("time")))
    except ValueError:
        return Heartbeat()


_FORMS: dict[str, Callable[[Document], Parsed]] = {
    ALARM_CHANGE: alarms.state_change,
    CONTRIBUTOR_CHANGE: alarms.contributor_change,
    CONFIGURATION_CHANGE: alarms.configuration_change,
    ENDPOINT_CHANGE: sagemaker.endpoint,
    DEPLOYMENT_CHANGE: sagemaker.endpoint,
    **dict.fromkeys(sagemaker.JOBS, sagemaker.job),
    sagemaker.PIPELINE_CHANGE: sagemaker.pipeline,
    sagemaker.STEP_CHANGE: sagemaker.step,
    sagemaker.MONITORING_CHANGE: sagemaker.monitoring_schedule,
    hyperpod.CLUSTER_CHANGE: hyperpod.cluster,
    hyperpod.NODE_HEALTH: hyperpod.node,
    hyperpod.CLUSTER_EVENT: hyperpod.cluster_event,
    ec2.SPOT_INTERRUPTION: ec2.interruption,
    ec2.REBALANCE: ec2.rebalance,
    ec2.INSTANCE_CHANGE: ec2.instance,
    health.HEALTH: health.event,
    health.ABUSE: health.event,
    faults.AGENT_FAULT: faults.fault,
    HEARTBEAT: _heartbeat,
}

_RECORDED = "it records what somebody made or changed, not a fault"

UNHEEDED: dict[str, str] = {
    "SageMaker Algorithm State Change": _RECORDED,
    "SageMaker Endpoint Config State Change": _RECORDED,
    "SageMaker Feature Group State Change": _RECORDED,
    "SageMaker Image State Change": _RECORDED,
    "SageMaker Image Version State Change": _RECORDED,
    "SageMaker Model Card Export Job State Change": _RECORDED,
    "SageMaker Model Card State Change": _RECORDED,
    "SageMaker Model Package State Change": _RECORDED,
    "SageMaker Model State Change": _RECORDED,
    "SageMaker Notebook Instance State Change": _RECORDED,
    "SageMaker Notebook Lifecycle Config State Change": _RECORDED,
    "AWS API Call via CloudTrail": "it records a call, not what became of it",
}
"""Events that are understood and tell of no fault, with the reason: by detail-type."""
