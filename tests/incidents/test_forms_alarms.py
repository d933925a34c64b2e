import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.incidents import events
from core.incidents.events import MalformedEvent
from core.incidents.signals import About, AlarmSignal, Heartbeat, Ignored, State
from tests.incidents.events import (
    ARN,
    AT,
    PATHS,
    acted,
    alarm,
    bridged,
    enveloped,
    invoked,
    noticed,
    queued,
    sample,
)


@pytest.mark.parametrize("state", ["ALARM", "OK", "INSUFFICIENT_DATA"])
@pytest.mark.parametrize("path", PATHS)
def test_an_alarm_is_one_source_and_one_event_by_whatever_path_it_is_told(path, state):
    told, expected = alarm(PATHS[path](state)), alarm(bridged(state))

    assert (told.identity, told.event_key) == (expected.identity, expected.event_key)


@pytest.mark.parametrize("path", PATHS)
def test_every_path_tells_the_same_figures(path):
    told, expected = alarm(PATHS[path]("ALARM")), alarm(bridged("ALARM"))

    assert told == expected
    assert (told.value, told.threshold) == (93.5, 90.0)
    assert (told.metric, told.dimensions) == ("CPUUtilization", (("InstanceId", "i-12345678901234567"),))
    assert (told.description, told.queries) == (expected.description, expected.queries)
    assert told.period_seconds == 60


def test_a_metric_alarm_of_aws_documentation_is_read_whole():
    signal = alarm(sample("cw-alarm-state-change-metric"))

    assert (signal.alarm_name, signal.state, signal.previous) == ("ServerCpuTooHigh", State.ALARM, State.OK)
    assert signal.at == datetime(2019, 10, 2, 17, 4, 40, 989_000, tzinfo=UTC)
    assert (signal.value, signal.threshold) == (99.50160229693434, 50.0)
    assert signal.dimensions == (("InstanceId", "i-12345678901234567"),)
    assert (signal.muted_by, signal.muted_until) == ("", None)


def test_a_math_alarms_first_metric_is_told():
    signal = alarm(sample("cw-alarm-state-change-metric-math"))

    assert (signal.metric, signal.value, signal.threshold) == ("NetworkIn", 45628.0, 10000.0)


def test_an_sns_message_of_a_math_alarm_is_told_as_its_event_is():
    expected = sample("cw-alarm-state-change-metric-math")
    spelled = [
        {
            "Id": query["id"],
            "ReturnData": query["returnData"],
            **({"Expression": query["expression"], "Label": query["label"]} if "expression" in query else {}),
            **({"MetricStat": _spelled(query["metricStat"])} if "metricStat" in query else {}),
        }
        for query in expected["detail"]["configuration"]["metrics"]
    ]

    told = alarm(noticed(Trigger={"Metrics": spelled, "Threshold": 10000.0}))

    assert told.queries == alarm(expected).queries


def _spelled(stat):
    metric = stat["metric"]
    dimensions = [{"name": name, "value": value} for name, value in metric["dimensions"].items()]
    named = {"MetricName": metric["name"], "Namespace": metric["namespace"], "Dimensions": dimensions}
    return {"Metric": named, "Period": stat["period"], "Stat": stat["stat"]}


def test_a_composite_told_by_sns_names_its_children():
    child = {"Arn": ARN, "State": {"Value": "ALARM", "Timestamp": AT}}

    signal = alarm(noticed(Trigger=None, AlarmRule="ALARM(HighCPU)", TriggeringChildren=[child]))

    assert signal.configuration["alarmRule"] == "ALARM(HighCPU)"
    assert signal.detail["state"]["reasonData"]["triggeringAlarms"][0]["arn"] == ARN
    assert (signal.metric, signal.queries, signal.value) == ("", "", 93.5)


@pytest.mark.parametrize("newest, edge", [(12.0, 10.0), (1.0, 2.0), (5.0, None)])
def test_an_anomaly_alarms_threshold_is_the_edge_that_was_crossed(newest, edge):
    data = {"recentDatapoints": [newest], "recentUpperThresholds": [10.0], "recentLowerThresholds": [2.0]}
    event = bridged()
    event["detail"]["state"] |= {"reasonData": json.dumps(data), "reason": "outside the band"}

    signal = alarm(event)

    assert (signal.value, signal.threshold) == (newest, edge)


def test_the_newest_evaluated_datapoint_is_the_value():
    points = [{"timestamp": f"2026-11-21T14:0{n}:00.000+0000", "value": float(n)} for n in (1, 2)]
    event = bridged()
    event["detail"]["state"]["reasonData"] = json.dumps({"evaluatedDatapoints": points, "recentDatapoints": [7.0]})

    assert alarm(event).value == 2.0


def test_a_log_alarms_message_is_read_with_its_results():
    signal = alarm(noticed(Trigger=None, NewStateReasonData=sample("sns-alarm-log-alarm-reason-data")))

    assert (signal.value, signal.threshold) == (7.0, 5.0)


@pytest.mark.parametrize("form", [bridged, lambda: enveloped(noticed())], ids=["EventBridge", "SNS"])
def test_a_contributor_is_a_source_of_its_own(form):
    event = sample("cw-alarm-contributor-state-change")

    signal = alarm(event)

    assert signal.contributor == "6d442278dba546f6"
    assert signal.attributes == (("TableName", "example-dynamodb-table-name"),)
    assert ("contributor_id", "6d442278dba546f6") in signal.identity
    assert signal.identity != alarm(form()).identity


def test_a_contributors_figures_are_read_from_its_sentence():
    signal = alarm(sample("cw-alarm-contributor-state-change"))

    assert (signal.value, signal.threshold, signal.below) == (0.0, 1.0, True)


def test_of_a_sentences_datapoints_the_newest_counts():
    event = sample("cw-alarm-contributor-state-change")
    event["detail"]["state"]["reason"] = (
        "datapoints [3.5 (31/12/25 23:59:00), 4.5 (01/01/26 00:00:00), -1.0E9 (01/12/25 13:34:00)]"
    )

    assert alarm(event).value == 4.5


def test_a_contributor_told_by_sns_and_by_eventbridge_is_one_event():
    by_event = alarm(sample("cw-alarm-contributor-state-change"))
    topic = "arn:aws:sns:us-east-1:123456789012:alerts"

    by_topic = alarm(sample("sns-alarm-contributor-metrics-insights"), arn=topic)

    assert (by_topic.event_key, by_topic.identity) == (by_event.event_key, by_event.identity)


def test_a_promql_contributor_has_no_reason():
    message = noticed(
        AlarmContributorId="c1",
        AlarmContributorAttributes={"EndpointName": "ranker"},
        Trigger={"EvaluationCriteria": {"PromQLCriteria": {"Query": "up == 0"}}, "EvaluationInterval": 60},
    )
    del message["NewStateReason"]

    signal = alarm(message)

    assert (signal.reason, signal.value, signal.metric) == ("", None, "")
    assert signal.attributes == (("EndpointName", "ranker"),)


def test_a_message_without_the_alarms_arn_belongs_to_who_carried_it():
    message = noticed()
    del message["AlarmArn"]

    assert alarm(enveloped(message)).alarm_arn == ARN
    assert alarm(invoked(message)).alarm_arn == ARN
    assert alarm(queued(message)).alarm_arn == ARN


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_the_partition_is_kept_for_links(partition):
    assert alarm(noticed(AlarmArn=ARN.replace("arn:aws:", f"arn:{partition}:"))).partition == partition


def test_a_mute_rule_mutes_until_the_end_of_its_window():
    signal = alarm(sample("cw-alarm-state-change-metric-muted"))

    assert signal.muted_by == "mute rule testMute"
    assert signal.muted_until == datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "by, told, wait",
    [
        ("WaitPeriod", "suppressor ServiceMaintenanceAlarm (WaitPeriod)", timedelta(seconds=120)),
        ("ExtensionPeriod", "suppressor ServiceMaintenanceAlarm (ExtensionPeriod)", timedelta(seconds=180)),
        ("Alarm", "suppressor ServiceMaintenanceAlarm", None),
    ],
)
def test_a_suppressor_mutes_as_long_as_its_periods_say(by, told, wait):
    event = sample("cw-alarm-state-change-composite")
    event["detail"]["state"]["actionsSuppressedBy"] = by

    signal = alarm(event)

    assert signal.muted_by == told
    assert signal.muted_until == (None if wait is None else signal.at + wait)


@pytest.mark.parametrize("prefix", ["", "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"])
def test_mlwardens_own_suppressor_mutes_nothing(prefix):
    event = sample("cw-alarm-state-change-composite")
    event["detail"]["configuration"]["actionsSuppressor"] = f"{prefix}mlwarden-production-Platform-PipelineHealthy"

    assert (alarm(event).muted_by, alarm(event).muted_until) == ("", None)


def test_a_deleted_alarm_is_over():
    signal = alarm(sample("cw-alarm-config-change-delete-composite-suppressor"))

    assert (signal.state, signal.about, signal.reason) == (State.OK, About.DELETION, "alarm deleted")
    assert signal.at == datetime(2022, 7, 14, 14, 0, 1, tzinfo=UTC)


def test_a_deletion_is_never_before_the_state_it_ends():
    event = sample("cw-alarm-config-change-delete-composite-suppressor")
    event["detail"]["state"] = {"value": "ALARM", "timestamp": "2022-07-14T14:00:01.500+0000"}

    assert alarm(event).at == datetime(2022, 7, 14, 14, 0, 1, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "operation", ["create-composite", "create-composite-suppressor", "update-composite-suppressor"]
)
def test_a_changed_alarm_has_the_key_of_the_state_it_is_in(operation):
    event = sample(f"cw-alarm-config-change-{operation}")
    state_change = bridged(alarmName="ServiceAggregatedAlarm")
    state_change["resources"] = event["resources"]
    state_change["detail"]["state"] = event["detail"]["state"]

    signal = alarm(event)

    assert signal.about is About.CONFIGURATION
    assert signal.event_key == alarm(state_change).event_key


def test_a_change_that_tells_no_state_is_ignored():
    event = sample("cw-alarm-config-change-create-composite")
    del event["detail"]["state"]

    assert isinstance(events.parse(json.dumps(event)), Ignored)


def test_the_blanks_in_aws_sample_of_a_composites_action_are_read_over():
    event = acted()
    event["alarmArn"] = ARN.replace(":123456789012", ": 123456789012")
    event["alarmData"]["state"]["timestamp"] = AT.replace("14:02:10", "14: 02: 10")

    assert alarm(event).event_key == alarm(acted()).event_key


@pytest.mark.parametrize("tags", [{"mlwarden:owner": "ml"}, [{"key": "mlwarden:owner", "value": "ml"}]])
def test_tags_are_read_as_a_map_and_as_a_list(tags):
    assert alarm(bridged(alarmTags=tags)).tags == (("mlwarden:owner", "ml"),)
    assert alarm(noticed(AlarmTags=[{"Key": "mlwarden:owner", "Value": "ml"}])).tags == (("mlwarden:owner", "ml"),)


@pytest.mark.parametrize(
    "key", ["AlarmDescription", "NewStateReason", "Trigger", "OldStateValue", "AWSAccountId", "Region"]
)
@pytest.mark.parametrize("how", ["null", "missing"])
def test_what_is_optional_in_a_message_may_be_null_or_missing(key, how):
    message = noticed() | {key: None}
    if how == "missing":
        del message[key]

    assert alarm(message).event_key == alarm(noticed()).event_key


@pytest.mark.parametrize(
    "value", [None, "{truncated", "[]", "null", "7.5", 7, {"recentDatapoints": 5}, {"recentDatapoints": ["x", None]}]
)
def test_reason_data_that_cannot_be_read_costs_no_event(value):
    event = bridged()
    event["detail"]["state"] |= {"reasonData": value, "reason": "no figures"}

    signal = alarm(event)

    assert (signal.state, signal.value, signal.threshold) == (State.ALARM, None, None)


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "1" + "0" * 400, "true", '"5"'])
def test_what_is_no_number_is_no_value(figure):
    event = bridged()
    event["detail"]["state"] |= {"reasonData": f'{{"recentDatapoints": [{figure}]}}', "reason": ""}

    assert alarm(event).value is None


@given(
    recent=st.lists(st.none() | st.floats(), min_size=1, max_size=4),
    threshold=st.floats(),
    compact=st.booleans(),
)
def test_the_value_is_the_same_however_the_reason_data_is_written(recent, threshold, compact):
    data = {"recentDatapoints": recent, "threshold": threshold}
    event, decoded = bridged(), bridged()
    event["detail"]["state"]["reasonData"] = json.dumps(data, separators=(",", ":") if compact else None)
    decoded["detail"]["state"]["reasonData"] = data

    assert alarm(event).value == alarm(decoded).value


def test_the_canary_is_a_heartbeat_and_says_when_it_left():
    at = "2026-11-21T14:02:00Z"

    beat = events.parse(json.dumps({"detail-type": "mlwarden heartbeat", "source": "mlwarden", "time": at}))

    assert beat == Heartbeat()
    assert isinstance(beat, Heartbeat)
    assert beat.at == datetime(2026, 11, 21, 14, 2, tzinfo=UTC)
    assert events.parse({"detail-type": "mlwarden heartbeat"}) == Heartbeat()


def test_the_largest_event_that_a_queue_carries_is_read():
    event = bridged()
    event["detail"]["configuration"]["description"] = "x" * (250 * 1024)

    assert alarm(event).event_key == alarm(bridged()).event_key


def test_subscriptions_are_ignored():
    assert isinstance(events.parse({"Type": "SubscriptionConfirmation", "Token": "t"}), Ignored)


def test_half_a_surrogate_pair_becomes_a_question_mark():
    text = json.dumps(bridged()).replace("Threshold Crossed", "\\ud83d crossed \\ud83d\\ude00")

    for form in (text, text.encode(), json.loads(text), enveloped(json.loads(text))):
        signal = events.parse(form)
        assert isinstance(signal, AlarmSignal)
        assert signal.reason.startswith("? crossed \N{GRINNING FACE}")


def test_too_many_envelopes_are_refused():
    event = bridged()
    for _ in range(5):
        event = enveloped(event)

    with pytest.raises(MalformedEvent, match="more than 3 envelopes"):
        events.parse(event)
