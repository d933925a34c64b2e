import json
from datetime import UTC, datetime, timedelta

import pytest

from core.incidents import described
from core.incidents.events import MalformedEvent
from core.incidents.signals import State
from tests.incidents.events import ARN, DATA, REASON, Event, alarm, bridged, sample

AT = datetime(2026, 11, 21, 14, 2, 10, 250_000, tzinfo=UTC)


def metric_alarm(**more: object) -> Event:
    return {
        "AlarmName": "HighCPU",
        "AlarmArn": ARN,
        "AlarmDescription": "the CPU is saturated",
        "StateValue": "ALARM",
        "StateReason": REASON,
        "StateReasonData": json.dumps(DATA),
        "StateUpdatedTimestamp": AT + timedelta(minutes=3),
        "StateTransitionedTimestamp": AT,
        "MetricName": "CPUUtilization",
        "Namespace": "AWS/EC2",
        "Statistic": "Average",
        "Dimensions": [{"Name": "InstanceId", "Value": "i-12345678901234567"}],
        "Period": 60,
        "Threshold": 90.0,
        "ComparisonOperator": "GreaterThanThreshold",
        **more,
    }


def test_a_described_alarm_is_the_event_that_was_lost():
    (signal,) = described.signals({"MetricAlarms": [metric_alarm()], "CompositeAlarms": [], "LogAlarms": []})

    lost = alarm(bridged())
    assert (signal.event_key, signal.identity) == (lost.event_key, lost.identity)
    assert (signal.value, signal.threshold, signal.queries) == (lost.value, lost.threshold, lost.queries)
    assert (signal.account, signal.region) == ("123456789012", "eu-west-1")


def test_without_a_transition_the_update_counts():
    alarm = metric_alarm()
    del alarm["StateTransitionedTimestamp"]

    (signal,) = described.signals({"MetricAlarms": [alarm]})

    assert signal.at == AT + timedelta(minutes=3)


@pytest.mark.parametrize("by, until", [("WaitPeriod", AT + timedelta(seconds=60)), ("Alarm", None)])
def test_a_described_composite_says_who_suppresses_it(by, until):
    composite = metric_alarm(
        AlarmRule="ALARM(HighCPU)",
        ActionsSuppressor="Maintenance",
        ActionsSuppressedBy=by,
        ActionsSuppressorWaitPeriod=60,
        ActionsSuppressorExtensionPeriod=60,
    )

    (signal,) = described.signals({"CompositeAlarms": [composite]})

    assert signal.muted_by.startswith("suppressor Maintenance")
    assert signal.muted_until == until


def test_alarms_of_all_types_are_taken():
    page = {kind: [metric_alarm(AlarmName=kind)] for kind in ("LogAlarms", "MetricAlarms", "CompositeAlarms")}

    names = {signal.alarm_name for signal in described.signals(page)}

    assert names == {"MetricAlarms", "CompositeAlarms", "LogAlarms"}


def test_contributors_are_described_as_their_events_are():
    lost = alarm(sample("cw-alarm-contributor-state-change"))
    (parent,) = described.signals({"MetricAlarms": [metric_alarm(AlarmName=lost.alarm_name, AlarmArn=lost.alarm_arn)]})
    listed = {
        "ContributorId": lost.contributor,
        "ContributorAttributes": dict(lost.attributes),
        "StateReason": lost.reason,
        "StateTransitionedTimestamp": lost.at,
    }

    (signal,) = described.contributors(parent, {"AlarmContributors": [listed]})

    assert (signal.event_key, signal.identity, signal.state) == (lost.event_key, lost.identity, State.ALARM)
    assert (signal.attributes, signal.value) == (lost.attributes, lost.value)


def test_an_alarm_without_arn_is_refused():
    broken = metric_alarm()
    del broken["AlarmArn"]

    with pytest.raises(MalformedEvent, match="AlarmArn: missing"):
        described.signals({"MetricAlarms": [broken]})
