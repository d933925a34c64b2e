"""Events for tests: AWS's samples, and alarms as each path tells of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.incidents import events
from core.incidents.signals import AlarmSignal, EventSignal

SAMPLES = Path(__file__).parent / "data" / "events"
FRAGMENTS = {"sns-alarm-log-alarm-reason-data"}
"""Samples that are a part of an event."""

ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:HighCPU"
AT = "2026-11-21T14:02:10.250+0000"
REASON = "Threshold Crossed: 1 out of the last 1 datapoints [93.5 (21/11/26 14:01:00)] was greater than ..."
DATA = {"version": "1.0", "recentDatapoints": [93.5], "threshold": 90.0, "period": 60}

Event = dict[str, Any]


def sample(name: str) -> Event:
    """One of AWS's samples, parsed."""
    found: Event = json.loads((SAMPLES / f"{name}.json").read_text())
    return found


def names() -> list[str]:
    """All samples."""
    return sorted(path.stem for path in SAMPLES.glob("*.json"))


def bridged(state: str = "ALARM", **detail: Any) -> Event:
    """The alarm as EventBridge tells of it."""
    return {
        "version": "0",
        "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": "123456789012",
        "time": "2026-11-21T14:02:10Z",
        "region": "eu-west-1",
        "resources": [ARN],
        "detail": _detail(state) | detail,
    }


def acted(state: str = "ALARM") -> Event:
    """The alarm as its Lambda action tells of it."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": ARN,
        "accountId": "123456789012",
        "time": AT,
        "region": "eu-west-1",
        "alarmData": _detail(state),
    }


def noticed(state: str = "ALARM", **more: Any) -> Event:
    """The alarm as its SNS action tells of it."""
    return {
        "AlarmName": "HighCPU",
        "AlarmDescription": "the CPU is saturated",
        "AWSAccountId": "123456789012",
        "NewStateValue": state,
        "NewStateReason": REASON,
        "StateChangeTime": AT,
        "Region": "EU (Ireland)",
        "AlarmArn": ARN,
        "OldStateValue": "OK" if state == "ALARM" else "ALARM",
        "Trigger": {
            "MetricName": "CPUUtilization",
            "Namespace": "AWS/EC2",
            "StatisticType": "Statistic",
            "Statistic": "AVERAGE",
            "Unit": None,
            "Dimensions": [{"value": "i-12345678901234567", "name": "InstanceId"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 90.0,
        },
        **more,
    }


def enveloped(message: Event) -> Event:
    """SNS's envelope, as SQS gets it without raw delivery."""
    return {
        "Type": "Notification",
        "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:alerts",
        "Subject": 'ALARM: "HighCPU" in EU (Ireland)',
        "Message": json.dumps(message),
        "Timestamp": "2026-11-21T14:02:11.000Z",
    }


def invoked(message: Event) -> Event:
    """SNS's envelope, as a function gets it."""
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": enveloped(message)}]}


def queued(message: Event) -> Event:
    """A record of SQS around it, as a function gets it."""
    source = "arn:aws:sqs:eu-west-1:123456789012:events"
    record = {"eventSource": "aws:sqs", "eventSourceARN": source, "body": json.dumps(message)}
    return {"Records": [record]}


PATHS: dict[str, Callable[[str], Event]] = {
    "EventBridge": bridged,
    "EventBridge over SNS": lambda state: enveloped(bridged(state)),
    "Lambda action": acted,
    "SNS raw": noticed,
    "SNS to SQS": lambda state: enveloped(noticed(state)),
    "SNS to Lambda": lambda state: invoked(noticed(state)),
    "SNS to SQS, the whole record": lambda state: queued(enveloped(noticed(state))),
}
"""One alarm's change by every path that it can be wired over."""


def alarm(event: Event, arn: str = "") -> AlarmSignal:
    """The alarm's signal of an event."""
    signal = events.parse(json.dumps(event), arn=arn)
    assert isinstance(signal, AlarmSignal)
    return signal


def fault(event: Event) -> EventSignal:
    """The fault of an event."""
    signal = events.parse(json.dumps(event))
    assert isinstance(signal, EventSignal)
    return signal


def _detail(state: str) -> Event:
    return {
        "alarmName": "HighCPU",
        "state": {"value": state, "reason": REASON, "reasonData": json.dumps(DATA), "timestamp": AT},
        "previousState": {"value": "OK" if state == "ALARM" else "ALARM", "timestamp": AT},
        "configuration": {
            "description": "the CPU is saturated",
            "metrics": [
                {
                    "id": "m1",
                    "metricStat": {
                        "metric": {
                            "namespace": "AWS/EC2",
                            "name": "CPUUtilization",
                            "dimensions": {"InstanceId": "i-12345678901234567"},
                        },
                        "period": 60,
                        "stat": "Average",
                    },
                    "returnData": True,
                }
            ],
        },
    }
