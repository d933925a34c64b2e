"""Builders of events as AWS sends them, and the facts of one deployed endpoint."""

import json
from datetime import UTC, datetime, timedelta

from core.catalogue.alarm import Delivery, Severity, Subject
from core.catalogue.facts import Facts
from core.incidents import events
from core.incidents.signals import Heartbeat, Ignored, Signal

ACCOUNT, REGION = "123456789012", "us-east-1"
START = datetime(2026, 11, 21, 14, 2, 10, tzinfo=UTC)
GROUP_WAIT = timedelta(seconds=30)
REASON = "Threshold Crossed"
RANKER = Subject("endpoint", "ranker", "AllTraffic")
PREFIX = "mlwarden-production-ranker-"


def _facts(condition: str, title: str, delivery: Delivery, **more: object) -> Facts:
    values = {
        "name": PREFIX + condition,
        "condition": condition,
        "subject": RANKER,
        "title": title,
        "severity": Severity.CRITICAL,
        "owner": "ml-platform",
        "runbook": condition,
        "delivery": delivery,
        **more,
    }
    return Facts(**values)  # type: ignore[arg-type]


_LATENCY = {"unit": "ms", "scale": 0.001, "threshold": 500_000.0, "comparison": "GreaterThanThreshold"}
_ERRORS = {"unit": "%", "threshold": 5.0, "comparison": "GreaterThanOrEqualToThreshold"}
_TRAFFIC = {"unit": "requests", "threshold": 1.0, "comparison": "LessThanThreshold"}
_CHILDREN = tuple(PREFIX + name for name in ("HighErrorRate", "HighP99Latency", "NoTraffic"))

FACTS = {
    entry.name: entry
    for entry in (
        _facts("HighErrorRate", "too many requests fail with a server error (5xx)", Delivery.CONTEXT, **_ERRORS),
        _facts("HighP99Latency", "p99 model latency is over its objective", Delivery.CONTEXT, **_LATENCY),
        _facts("NoTraffic", "an endpoint with steady traffic receives no requests", Delivery.CONTEXT, **_TRAFFIC),
        _facts(
            "HighGPU", "the GPUs are saturated", Delivery.INCIDENT, severity=Severity.WARNING, unit="%", threshold=95.0
        ),
        _facts("Throttled", "a function is throttled", Delivery.DIRECT),
        _facts("Unhealthy", "the endpoint fails its callers", Delivery.INCIDENT, children=_CHILDREN),
    )
}


def at(seconds: float) -> datetime:
    """An instant after the start."""
    return START + timedelta(seconds=seconds)


def alarm_event(
    condition: str,
    state: str,
    seconds: float = 0,
    *,
    value: float | None = None,
    previous: str | None = None,
    prefix: str = PREFIX,
    **detail: object,
) -> dict[str, object]:
    """CloudWatch's event of an alarm's change, as EventBridge delivers it."""
    data = {"version": "1.0", "threshold": 1.0, "recentDatapoints": [value]} if value is not None else {}
    stamp = f"{at(seconds):%Y-%m-%dT%H:%M:%S}.{at(seconds).microsecond // 1000:03d}+0000"
    before = previous or ("OK" if state == "ALARM" else "ALARM")
    return {
        "version": "0",
        "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": ACCOUNT,
        "time": stamp,
        "region": REGION,
        "resources": [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{prefix}{condition}"],
        "detail": {
            "alarmName": prefix + condition,
            "state": {
                "value": state,
                "timestamp": stamp,
                "reason": REASON,
                "reasonData": json.dumps(data),
            },
            "previousState": {"value": before, "timestamp": stamp},
            "configuration": {"metrics": []},
            **detail,
        },
    }


def endpoint_event(
    status: str,
    seconds: float = 0,
    *,
    name: str = "ranker",
    config: str = "cfg-1",
    pending: str = "",
    failure: str = "",
) -> dict[str, object]:
    """SageMaker's event of an endpoint's change."""
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{name.lower()}"
    return {
        "detail-type": "SageMaker Endpoint State Change",
        "source": "aws.sagemaker",
        "account": ACCOUNT,
        "time": str(int(at(seconds).timestamp() * 1000)),
        "region": REGION,
        "resources": [arn],
        "detail": {
            "EndpointName": name,
            "EndpointArn": arn,
            "EndpointConfigName": config,
            "EndpointStatus": status,
            "CreationTime": at(-86400).timestamp() * 1000,
            "LastModifiedTime": at(seconds).timestamp() * 1000,
            **({"FailureReason": failure} if failure else {}),
            **({"PendingDeploymentSummary": {"EndpointConfigName": pending}} if pending else {}),
        },
    }


def signal(event: dict[str, object]) -> Signal:
    """The event, parsed."""
    parsed = events.parse(json.dumps(event))
    assert not isinstance(parsed, Heartbeat | Ignored)
    return parsed


def alarm(condition: str, state: str, seconds: float = 0, **more: object) -> Signal:
    """An alarm's change, parsed."""
    return signal(alarm_event(condition, state, seconds, **more))  # type: ignore[arg-type]
