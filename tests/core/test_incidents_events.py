import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.incidents import events, instants
from core.incidents.events import MalformedEvent
from core.incidents.signals import AlarmSignal, EndpointSignal, EndpointStatus, Heartbeat, State
from tests.core.incident_builders import alarm_event, endpoint_event

SAMPLES = Path(__file__).parent.parent / "lambdas" / "events"


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-21T14:02:10.250Z",
        "2026-11-21T14:02:10.250+0000",
        "2026-11-21T14:02:10.250+00:00",
        "2026-11-21T15:02:10.250+01:00",
        "2026-11-21T14:02:10.250",
        1795269730.25,
        1795269730250,
        1795269730250.0,
        pytest.param("1795269730250", id="milliseconds as text"),
    ],
)
def test_every_form_of_an_instant_that_aws_writes_is_read(value):
    assert datetime(2026, 11, 21, 14, 2, 10, 250_000, tzinfo=UTC) == instants.parse(value)


@pytest.mark.parametrize("value", [None, True, "", "yesterday", "not a number", float("nan"), float("inf"), 1e30, []])
def test_what_is_no_instant_is_refused(value):
    with pytest.raises(ValueError, match=r"is not|outside"):
        instants.parse(value)


def test_a_metric_alarm_of_aws_documentation_is_read_whole():
    signal = events.parse(sample("cw-alarm-state-change-metric.json"))

    assert isinstance(signal, AlarmSignal)
    assert signal.alarm_name == "ServerCpuTooHigh"
    assert signal.state is State.ALARM
    assert signal.previous is State.OK
    assert signal.at == datetime(2019, 10, 2, 17, 4, 40, 989_000, tzinfo=UTC)
    assert (signal.value, signal.threshold) == (99.50160229693434, 50.0)
    assert signal.dimensions == (("InstanceId", "i-12345678901234567"),)
    assert signal.muted_by == ""


def test_a_mute_rule_and_a_suppressor_are_told_by_name():
    muted = events.parse(sample("cw-alarm-state-change-metric-muted.json"))
    suppressed = events.parse(sample("cw-alarm-state-change-composite.json"))

    assert isinstance(muted, AlarmSignal)
    assert isinstance(suppressed, AlarmSignal)
    assert muted.muted_by == "arn:aws:cloudwatch:us-east-1:1234567890:alarm-mute-rule:testMute"
    assert suppressed.muted_by == "WaitPeriod"


def test_a_contributor_is_a_source_of_its_own():
    signal = events.parse(sample("cw-alarm-contributor-state-change.json"))

    assert isinstance(signal, AlarmSignal)
    assert signal.contributor == "6d442278dba546f6"
    assert signal.attributes == (("TableName", "example-dynamodb-table-name"),)
    assert ("contributor_id", "6d442278dba546f6") in signal.identity


@pytest.mark.parametrize(
    "name, status, state",
    [
        ("sagemaker-endpoint-state-change.json", EndpointStatus.IN_SERVICE, State.OK),
        ("sagemaker-endpoint-state-change-failed.json", EndpointStatus.FAILED, State.ALARM),
        ("sagemaker-endpoint-deployment-state-change.json", EndpointStatus.UPDATING, State.INSUFFICIENT_DATA),
    ],
)
def test_endpoint_events_of_aws_documentation_are_read(name, status, state):
    signal = events.parse(sample(name))

    assert isinstance(signal, EndpointSignal)
    assert (signal.status, signal.state) == (status, state)


def test_a_deployment_event_names_the_configuration_that_comes():
    signal = events.parse(sample("sagemaker-endpoint-deployment-state-change.json"))

    assert isinstance(signal, EndpointSignal)
    assert (signal.config, signal.pending_config) == ("sample-endpoint-config-1", "sample-endpoint-config-2")


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "UpdateRollbackFailed", "update_rollback_failed"])
def test_a_status_is_read_in_either_spelling(status):
    signal = events.parse(json.dumps(endpoint_event(status)))

    assert isinstance(signal, EndpointSignal)
    assert signal.status is EndpointStatus.UPDATE_ROLLBACK_FAILED


def test_the_canary_is_a_heartbeat():
    assert Heartbeat() == events.parse('{"detail-type": "mlwarden heartbeat", "source": "mlwarden"}')


def test_one_change_has_one_key_however_often_it_is_sent():
    once, again = alarm_event("HighCPU", "ALARM"), alarm_event("HighCPU", "ALARM")
    again["id"] = "another-delivery"

    first, second = events.parse(json.dumps(once)), events.parse(json.dumps(again))

    assert isinstance(first, AlarmSignal)
    assert isinstance(second, AlarmSignal)
    assert first.event_key == second.event_key


@pytest.mark.parametrize(
    "path, value, told",
    [
        (("detail-type",), "Something Else", "detail-type: 'Something Else'"),
        (("detail-type",), None, "detail-type: missing"),
        (("account",), 5, "account: a text is needed"),
        (("resources",), [], "resources: the alarm's ARN"),
        (("detail",), [], "detail: an object is needed, found a list"),
        (("detail", "alarmName"), "", "detail.alarmName: a text is needed, found an empty text"),
        (("detail", "state"), None, "detail.state: an object is needed, found null"),
        (("detail", "state", "value"), "BROKEN", "detail.state.value: 'BROKEN' is not an alarm state"),
        (("detail", "state", "timestamp"), "soon", "detail.state.timestamp: 'soon' is not an instant"),
        (("detail", "state", "timestamp"), None, "detail.state.timestamp: 'None' is not an instant"),
    ],
)
def test_a_malformed_event_is_refused_by_the_name_of_its_key(path, value, told):
    event = alarm_event("HighCPU", "ALARM")
    parent = event
    for key in path[:-1]:
        parent = parent[key]  # type: ignore[assignment]
    parent[path[-1]] = value

    with pytest.raises(MalformedEvent) as refused:
        events.parse(json.dumps(event))

    assert told in str(refused.value)


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "7", '"text"', pytest.param("[" * 9999, id="deep")])
def test_what_is_no_object_is_refused(body):
    with pytest.raises(MalformedEvent, match="body"):
        events.parse(body)


def test_half_a_surrogate_pair_becomes_a_question_mark():
    event = json.dumps(alarm_event("HighCPU", "ALARM")).replace("Threshold Crossed", "\\ud83d crossed")

    signal = events.parse(event)

    assert isinstance(signal, AlarmSignal)
    assert signal.reason == "? crossed"


def test_reason_data_that_is_no_json_costs_the_value_only():
    event = alarm_event("HighCPU", "ALARM")
    event["detail"]["state"]["reasonData"] = "{truncated"  # type: ignore[index]

    signal = events.parse(json.dumps(event))

    assert isinstance(signal, AlarmSignal)
    assert signal.value is None
