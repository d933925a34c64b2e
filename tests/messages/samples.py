"""Events of every kind of alarm, as AWS sends them, and the alerts and notifications that come of them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.catalogue.alarm import Delivery, Severity, Subject
from core.catalogue.facts import Facts
from core.incidents import events
from core.incidents.alert import Alert
from core.incidents.evidence import Cause, Change, Confidence, Evidence, Impact, Investigation
from core.incidents.labels import Sources
from core.incidents.notification import DigestLine, Flaps, Notification, Reason, notification_id, worst
from core.incidents.observation import observe
from core.incidents.policy import Policy, Route
from core.incidents.signals import Heartbeat, Ignored
from core.messages.place import Place

ACCOUNT, REGION, STAGE = "123456789012", "us-east-1", "production"
START = datetime(2026, 11, 21, 14, 2, 10, tzinfo=UTC)
POLICY = Policy(Route("root", "topics"))
PLACE = Place(STAGE, "https://runbooks.example.com", "https://actions.example.com/")
PREFIX = f"mlwarden-{STAGE}-ranker-"
RANKER = Subject("endpoint", "ranker", "AllTraffic")

FOUND = Investigation(
    at=START + timedelta(seconds=8),
    evidence=(
        Evidence("endpoint status InService; AllTraffic 2 of 2 instances"),
        Evidence("p99 model latency at worst 840 ms (normal 231 ms)"),
    ),
    cause=Cause("new endpoint config ranker-2 (was ranker-1), deployed 13:58Z", Confidence.HIGH),
    impact=Impact(412, 5566, 300),
)
DEPLOYED = Change(START - timedelta(minutes=4), "ranker-2", "ranker-1")
ROLLED_BACK = Change(START + timedelta(minutes=18), "ranker-1", "ranker-2")


def at(seconds: float) -> datetime:
    """An instant after the start."""
    return START + timedelta(seconds=seconds)


def _facts(condition: str, title: str, **more: object) -> Facts:
    values = {
        "name": PREFIX + condition,
        "condition": condition,
        "subject": RANKER,
        "title": title,
        "severity": Severity.CRITICAL,
        "owner": "ml-platform",
        "runbook": condition,
        "delivery": Delivery.CONTEXT,
        "period_seconds": 60,
        "datapoints": 3,
        "periods": 5,
        **more,
    }
    return Facts(**values)  # type: ignore[arg-type]


FACTS = {
    facts.name: facts
    for facts in (
        _facts("HighErrorRate", "too many requests fail with a server error (5xx)", unit="%", threshold=5.0),
        _facts(
            "HighP99Latency",
            "p99 model latency is over its objective",
            unit="ms",
            scale=0.001,
            threshold=500_000.0,
            delivery=Delivery.INCIDENT,
        ),
        _facts(
            "NoTraffic",
            "an endpoint with steady traffic receives no requests",
            delivery=Delivery.INCIDENT,
            unit="requests",
            threshold=1.0,
            comparison="LessThanThreshold",
        ),
        _facts(
            "HighGPU",
            "the GPUs are saturated",
            severity=Severity.WARNING,
            unit="%",
            threshold=95.0,
            delivery=Delivery.INCIDENT,
        ),
        _facts(
            "Unhealthy",
            "the endpoint fails its callers",
            delivery=Delivery.INCIDENT,
            children=(PREFIX + "HighErrorRate", PREFIX + "HighP99Latency"),
            period_seconds=0,
            datapoints=0,
            periods=0,
        ),
    )
}
SOURCES = Sources(FACTS, STAGE)


def alarm_event(
    name: str,
    state: str = "ALARM",
    seconds: float = 0,
    *,
    value: float | None = None,
    region: str = REGION,
    reason: str = "Threshold Crossed",
    data: Mapping[str, object] | None = None,
    configuration: Mapping[str, object] | None = None,
    **detail: object,
) -> dict[str, object]:
    """CloudWatch's event of an alarm's change of state."""
    stamp = f"{at(seconds):%Y-%m-%dT%H:%M:%S}.000+0000"
    known = data if data is not None else ({"recentDatapoints": [value]} if value is not None else {})
    before = "OK" if state == "ALARM" else "ALARM"
    return {
        "version": "0",
        "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": ACCOUNT,
        "time": stamp,
        "region": region,
        "resources": [f"arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:{name}"],
        "detail": {
            "alarmName": name,
            "state": {"value": state, "timestamp": stamp, "reason": reason, "reasonData": json.dumps(known)},
            "previousState": {"value": before, "timestamp": stamp},
            "configuration": {"metrics": [], **(configuration or {})},
            **detail,
        },
    }


def contributor_event(state: str = "ALARM", seconds: float = 0) -> dict[str, object]:
    """One endpoint's share of an alarm over all of them."""
    reason = (
        "Threshold Crossed: 1 datapoint was greater than the threshold (5.0). "
        "The most recent datapoint which crossed the threshold: [7.4 (21/11/26 14:01:00)]."
    )
    event = alarm_event("fleet-errors", state, seconds, reason=reason)
    detail = event["detail"]
    assert isinstance(detail, dict)
    attributes = {"EndpointName": "search", "VariantName": "blue"}
    detail["alarmContributor"] = {"id": "6d442278dba546f6", "attributes": attributes}
    detail["configuration"] = {"description": "5xx of any endpoint", "metrics": []}
    return {**event, "detail-type": "CloudWatch Alarm Contributor State Change"}


def endpoint_event(status: str, seconds: float = 0, *, failure: str = "") -> dict[str, object]:
    """SageMaker's event of an endpoint's change."""
    return {
        "detail-type": "SageMaker Endpoint State Change",
        "source": "aws.sagemaker",
        "account": ACCOUNT,
        "time": f"{at(seconds):%Y-%m-%dT%H:%M:%SZ}",
        "region": REGION,
        "resources": [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/translator"],
        "detail": {
            "EndpointName": "Translator",
            "EndpointArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/translator",
            "EndpointConfigName": "translator-7",
            "EndpointStatus": status,
            "CreationTime": at(-86400).timestamp() * 1000,
            "LastModifiedTime": at(seconds).timestamp() * 1000,
            **({"FailureReason": failure} if failure else {}),
        },
    }


BAND = {"recentDatapoints": [912.0], "recentUpperThresholds": [640.5], "recentLowerThresholds": [120.0]}
LOG_DATA = {"threshold": 5.0, "results": [{"timestamp": "2026-11-21T14:02:00.000+0000", "value": 7.0}]}
LONG = "The nightly batch writes features late when the upstream export has not finished. "

KINDS = {
    "metric": [alarm_event(PREFIX + "HighP99Latency", value=812_345.0)],
    "math": [alarm_event("checkout-error-share", value=7.432, data={"recentDatapoints": [7.432], "threshold": 5.0})],
    "composite": [
        alarm_event(PREFIX + "Unhealthy", seconds=1, configuration={"alarmRule": "ALARM(a)"}),
        alarm_event(PREFIX + "HighErrorRate", value=7.432),
    ],
    "anomaly": [alarm_event("queue-depth-unusual", data=BAND, reason="Thresholds Crossed: 1 datapoint was outside")],
    "contributor": [contributor_event()],
    "log-alarm": [alarm_event("cuda-out-of-memory", data=LOG_DATA, reason="Threshold Crossed: 2 of 3 query results")],
    "promql": [alarm_event("vllm-queue", reason="The PromQL expression returned 3 series", value=3.0)],
    "sagemaker": [endpoint_event("FAILED", failure="The primary container did not pass the ping health check.")],
    "no-data": [
        alarm_event(PREFIX + "HighGPU", value=99.0),
        alarm_event(
            PREFIX + "HighGPU", "INSUFFICIENT_DATA", 300, reason="Insufficient Data: 3 datapoints were unknown"
        ),
    ],
    "null-description": [alarm_event("no-words", configuration={"description": None}, value=1.0)],
    "long-description": [alarm_event("features-late", configuration={"description": (LONG * 13)[:1024]}, value=31.0)],
    "unicode": [
        alarm_event(
            "\U0001f525 レイテンシ-مرتفع-\U0001f469\u200d\U0001f52c",
            configuration={
                "description": "応答が遅い \U0001f40c \u202eevil\u202c زمن الاستجابة مرتفع جدا, naïve e\u0301tage"
            },
            value=84.26,
        )
    ],
    "long-reason": [alarm_event("wordy", reason="x" * 2000 + " AKIAIOSFODNN7EXAMPLE " + "y " * 990)],
}


def alerts(*told: dict[str, object], now: datetime | None = None) -> tuple[Alert, ...]:
    """The alerts after these events, in the order of their first; worst first is the caller's affair."""
    known: dict[str, Alert] = {}
    for event in told:
        signal = events.parse(json.dumps(event))
        assert not isinstance(signal, Heartbeat | Ignored)
        source = SOURCES.of(signal)
        name = json.dumps(signal.identity)
        seen = observe(known.get(name), signal, source.pairs, source.labels, policy=POLICY, now=now or at(3600))
        known[name] = seen.alert
    return tuple(known.values())


def notification(reason: Reason, *found: Alert, now: float = 36, **more: object) -> Notification:
    """What the engine would say of these alerts `now` seconds after the start."""
    firing = tuple(one for one in found if one.stands and one.announces)
    resolved = tuple(one for one in found if not one.stands and one.announces)
    symptoms = tuple(one for one in found if not one.announces)
    started = [one.starts_at for one in found if one.starts_at]
    ended = [one.ends_at for one in found if one.ends_at]
    over = reason is Reason.ALL_RESOLVED
    first = found[0] if found else None
    values = {
        "incident": "INC-20261121-1f3870be",
        "group": 'root:{kind="endpoint", subject="ranker"}',
        "receiver": "topics",
        "reason": reason,
        "at": at(now),
        "opened_at": min(started, default=START),
        "resolved_at": max(ended, default=at(now)) if over else None,
        "severity": worst(one.severity for one in found) or Severity.WARNING,
        "labels": (("kind", "endpoint"), ("subject", "ranker")),
        "subject": first.facts.subject if first else RANKER,
        "account": ACCOUNT,
        "region": first.region if first else REGION,
        "firing": firing,
        "resolved": resolved,
        "symptoms": symptoms,
        "firing_count": len(firing),
        "resolved_count": len(resolved),
        "symptom_count": len(symptoms),
        "next_repeat_at": None if over else at(now) + timedelta(hours=4),
        "seq": 1,
        **more,
    }
    names = [one.fingerprint for one in firing], [one.fingerprint for one in resolved]
    identity = notification_id(str(values["group"]), *names, 1)
    return Notification(id=identity, **values)  # type: ignore[arg-type]


def kind(name: str) -> Notification:
    """The first message about an alarm of one kind."""
    found = alerts(*KINDS[name])
    told = notification(Reason.FIRST, *found, now=330 if name == "no-data" else 36)
    return replace(told, investigation=FOUND, changes=(DEPLOYED,)) if name == "composite" else told


def _latency(*states: tuple[str, float, float]) -> Alert:
    name = PREFIX + "HighP99Latency"
    (alert,) = alerts(*(alarm_event(name, state, seconds, value=value) for state, seconds, value in states))
    return alert


def reasons() -> dict[str, Notification]:
    """A message for every reason that sends."""
    firing = _latency(("ALARM", 0, 812_345.0))
    over = _latency(("ALARM", 0, 812_345.0), ("OK", 1380, 210_000.0))
    (errors,) = alerts(alarm_event(PREFIX + "HighErrorRate", value=7.432))
    (gpu,) = alerts(alarm_event(PREFIX + "HighGPU", seconds=200, value=99.0))
    flaps = Flaps(3, timedelta(minutes=9), START)
    many = tuple(alerts(*(alarm_event(f"shard-{n:02}", seconds=n, value=float(n)) for n in range(50))))
    lines = tuple(
        DigestLine(
            group=f"root:{{subject=s{n}}}",
            incident=f"INC-20261121-0000000{n}",
            reason=Reason.ALL_RESOLVED if n == 9 else Reason.FIRST,
            severity=Severity.WARNING,
            subject=Subject("host", f"trainer-{n}"),
            title="the disk is nearly full",
            firing=0 if n == 9 else n + 1,
            resolved=2 if n == 9 else 0,
        )
        for n in range(10)
    )
    return {
        "first": notification(Reason.FIRST, firing, errors, investigation=FOUND, changes=(DEPLOYED,)),
        "new-alerts": notification(Reason.NEW_ALERTS, firing, gpu, now=336),
        "new-resolved": notification(Reason.NEW_RESOLVED, gpu, over, now=1400),
        "all-resolved": notification(
            Reason.ALL_RESOLVED, over, now=1385, changes=(DEPLOYED, ROLLED_BACK), investigation=FOUND
        ),
        "repeat": notification(Reason.REPEAT, firing, now=14_436),
        "flapping": notification(Reason.FLAPPING, firing, now=1320, flaps=flaps),
        "flapping-ended": notification(Reason.FLAPPING_ENDED, firing, now=3000, flaps=flaps),
        "digest": notification(
            Reason.DIGEST,
            now=300,
            incident="DIG-20261121-23d134f8",
            group="receiver:topics",
            digest=lines,
            digest_count=37,
            firing_count=112,
            resolved_count=14,
            next_repeat_at=None,
        ),
        "ungrouped": notification(Reason.UNGROUPED, firing, now=5, incident="", next_repeat_at=None),
        "test": notification(Reason.TEST, firing, now=5, incident="", next_repeat_at=None),
        "many": notification(Reason.FIRST, *many, now=90, firing_count=4217, investigation=FOUND),
    }


def everything() -> dict[str, Notification]:
    """Every kind's first message and every reason's, by the snapshot's name."""
    return {f"kind-{name}": kind(name) for name in KINDS} | {f"reason-{name}": told for name, told in reasons().items()}
