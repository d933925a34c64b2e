import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.inputs import shaped
from tests.local.engine.conftest import ACCOUNT, START, allow

EVENTS = "events.amazonaws.com"


@pytest.fixture
def rule(client):
    """Makes a rule with targets."""

    def make(name: str, *targets: dict[str, Any], pattern: dict[str, Any] | None = None, schedule: str = "") -> str:
        events = client("events")
        what = {"EventPattern": json.dumps(pattern)} if pattern else {"ScheduleExpression": schedule}
        arn: str = events.put_rule(Name=name, **what)["RuleArn"]
        events.put_targets(Rule=name, Targets=[{"Id": str(n)} | target for n, target in enumerate(targets)])
        return arn

    return make


@pytest.fixture
def emit(client):
    def put(detail: dict[str, Any], source: str = "shop") -> str:
        entry = {"Source": source, "DetailType": "order", "Detail": json.dumps(detail), "Resources": ["r"]}
        (answer,) = client("events").put_events(Entries=[entry])["Entries"]
        return str(answer["EventId"])

    return put


def test_an_event_reaches_the_targets_of_the_rules_that_match(make_queue, bodies, rule, emit, advance):
    wanted, other = make_queue("wanted", EVENTS), make_queue("other", EVENTS)
    rule("big", {"Arn": wanted[1]}, pattern={"source": ["shop"], "detail": {"total": [{"numeric": [">", 100]}]}})
    rule("small", {"Arn": other[1]}, pattern={"detail": {"total": [{"numeric": ["<=", 100]}]}})

    identifier = emit({"total": 250})
    advance(seconds=0)

    assert [] == bodies(other[0])
    assert [
        {
            "version": "0",
            "id": identifier,
            "detail-type": "order",
            "source": "shop",
            "account": ACCOUNT,
            "time": "2026-11-20T10:00:00Z",
            "region": "us-east-1",
            "resources": ["r"],
            "detail": {"total": 250},
        }
    ] == [json.loads(body) for body in bodies(wanted[0])]


def test_a_disabled_or_removed_rule_delivers_nothing(client, make_queue, bodies, rule, emit, advance):
    url, arn = make_queue("q", EVENTS)
    rule("r", {"Arn": arn}, pattern={"source": ["shop"]})

    client("events").disable_rule(Name="r")
    emit({})
    advance(seconds=1)
    client("events").enable_rule(Name="r")
    emit({"seen": True})
    advance(seconds=1)
    client("events").remove_targets(Rule="r", Ids=["0"])
    client("events").delete_rule(Name="r")
    emit({})
    advance(seconds=1)

    assert [{"seen": True}] == [json.loads(body)["detail"] for body in bodies(url)]


def test_sources_of_aws_and_malformed_entries_are_refused_one_by_one(client):
    entries = [
        {"Source": "aws.sagemaker", "DetailType": "d", "Detail": "{}"},
        {"Source": "shop", "DetailType": "d", "Detail": "not json"},
        {"Source": "shop", "DetailType": "d", "Detail": "[]"},
        {"Source": "shop", "Detail": "{}"},
        {"Source": "shop", "DetailType": "d", "Detail": "{}"},
    ]

    answer = client("events").put_events(Entries=entries)

    assert answer["FailedEntryCount"] == 4
    expected = ["NotAuthorizedForSource", "MalformedDetail", "MalformedDetail", "InvalidArgument", None]
    assert expected == [entry.get("ErrorCode") for entry in answer["Entries"]]


def test_a_function_and_a_topic_receive_events_that_their_policies_allow(
    running, client, functions, rule, emit, advance
):
    function = functions.add("handler", lambda event: None, principal=EVENTS)
    topic = client("sns").create_topic(Name="t")["TopicArn"]
    policy = allow(EVENTS, "sns:Publish", topic)
    client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    rule("r", {"Arn": function}, {"Arn": topic, "InputPath": "$.detail"}, pattern={"source": ["shop"]})

    emit({"n": 1})
    advance(seconds=0)

    assert [("handler", {"n": 1})] == [(name, event["detail"]) for _, name, event in functions.invoked]
    assert ['{"n": 1}'] == [message.body for message in running.world.messages.all()]


def test_a_refused_delivery_counts_and_goes_to_the_dead_letter_queue(
    client, make_queue, rule, emit, advance, functions
):
    closed = make_queue("closed")
    letters = make_queue("letters", EVENTS)
    function = functions.add("closed", lambda event: None)
    dead = {"DeadLetterConfig": {"Arn": letters[1]}}
    gone = f"arn:aws:sqs:us-east-1:{ACCOUNT}:gone"
    arn = rule(
        "r", {"Arn": closed[1]} | dead, {"Arn": gone} | dead, {"Arn": function} | dead, pattern={"source": ["shop"]}
    )

    emit({"n": 1})
    advance(minutes=1)

    received = client("sqs").receive_message(
        QueueUrl=letters[0], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )["Messages"]
    attributes = [
        {name: value["StringValue"] for name, value in message["MessageAttributes"].items()} for message in received
    ]
    assert [(arn, closed[1], "NO_PERMISSIONS"), (arn, gone, "NO_RESOURCE"), (arn, function, "NO_PERMISSIONS")] == [
        (each["RULE_ARN"], each["TARGET_ARN"], each["ERROR_CODE"]) for each in attributes
    ]
    assert [{"n": 1}] * 3 == [json.loads(message["Body"])["detail"] for message in received]
    assert [] == functions.invoked
    statistics = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Events",
        MetricName="FailedInvocations",
        Dimensions=[{"Name": "RuleName", "Value": "r"}],
        StartTime=START,
        EndTime=START + timedelta(minutes=5),
        Period=60,
        Statistics=["Sum"],
    )
    assert [3.0] == [point["Sum"] for point in statistics["Datapoints"]]


def test_a_schedule_fires_on_the_clock_from_when_its_rule_was_enabled(client, make_queue, bodies, rule, advance):
    url, arn = make_queue("q", EVENTS)
    advance(seconds=30)
    rule("tick", {"Arn": arn}, schedule="rate(5 minutes)")
    advance(minutes=4, seconds=59)
    before = bodies(url)
    advance(seconds=1)
    (first,) = bodies(url)
    advance(minutes=10)
    later = len(bodies(url))
    client("events").disable_rule(Name="tick")
    advance(minutes=10)
    disabled = bodies(url)
    client("events").enable_rule(Name="tick")
    advance(minutes=5)

    assert ([], [], 2) == (before, disabled, later)
    assert len(bodies(url)) == 1
    event = json.loads(first)
    assert ("aws.events", "Scheduled Event", {}) == (event["source"], event["detail-type"], event["detail"])
    assert event["time"] == "2026-11-20T10:05:30Z"
    assert event["resources"] == [f"arn:aws:events:us-east-1:{ACCOUNT}:rule/tick"]


def test_a_changed_schedule_counts_anew_and_the_old_one_is_forgotten(client, make_queue, bodies, rule, advance):
    url, arn = make_queue("q", EVENTS)
    rule("tick", {"Arn": arn}, schedule="rate(1 minute)")
    advance(seconds=30)
    client("events").put_rule(Name="tick", ScheduleExpression="cron(10 * * * ? *)")

    advance(minutes=12)

    assert ["2026-11-20T10:10:00Z"] == [json.loads(body)["time"] for body in bodies(url)]


def test_a_wrong_schedule_is_refused(client):
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        client("events").put_rule(Name="tick", ScheduleExpression="rate(1 minutes)")


def test_a_pattern_can_be_tried_out(client):
    whole = {"source": "shop", "id": "1", "account": "1", "time": "t", "region": "r", "resources": []}
    event = json.dumps(whole | {"detail-type": "order"})

    assert client("events").test_event_pattern(EventPattern='{"source": ["shop"]}', Event=event)["Result"]
    assert not client("events").test_event_pattern(EventPattern='{"source": ["s"]}', Event=event)["Result"]
    with pytest.raises(ClientError, match="it needs detail-type"):
        client("events").test_event_pattern(EventPattern='{"source": ["s"]}', Event=json.dumps(whole))


def test_a_pattern_that_eventbridge_refuses_is_refused_with_its_reason(client):
    reason = "Event pattern is not valid. Reason: Unrecognized match type regex"

    with pytest.raises(ClientError, match=reason):
        client("events").put_rule(Name="r", EventPattern='{"source": [{"regex": "a"}]}')
    with pytest.raises(ClientError, match=reason):
        client("events").test_event_pattern(EventPattern='{"source": [{"regex": "a"}]}', Event="{}")


def test_services_whose_calls_would_come_to_nothing_are_refused_by_name(client):
    with pytest.raises(ClientError, match="EventBridge Scheduler is not served here"):
        client("scheduler").list_schedules()


EVENT = {"time": "T", "detail": {"name": 'p99 "slow"', "value": 3, "tags": {"a": [1]}}, "resources": ["x"]}


@pytest.mark.parametrize(
    "target, expected",
    [
        ({}, json.dumps(EVENT)),
        ({"Input": '{"sweep": true}'}, '{"sweep": true}'),
        ({"InputPath": "$.detail.tags"}, '{"a": [1]}'),
        (
            {"InputTransformer": {"InputPathsMap": {"n": "$.detail.name"}, "InputTemplate": '"alarm <n> fired"'}},
            '"alarm p99 \\"slow\\" fired"',
        ),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"n": "$.detail.name", "v": "$.detail.value", "t": "$.detail.tags", "no": "$.x"},
                    "InputTemplate": '{"name": <n>, "value": <v>, "tags": <t>, "missing": <no>, "text": "<v>|<no>"}',
                }
            },
            '{"name": "p99 \\"slow\\"", "value": 3, "tags": {"a": [1]}, "missing": null, "text": "3|"}',
        ),
        (
            {
                "InputTransformer": {
                    "InputTemplate": '{"rule": "<aws.events.rule-name>", "at": <aws.events.event.ingestion-time>}'
                }
            },
            '{"rule": "r", "at": "T"}',
        ),
        ({"InputTransformer": {"InputTemplate": '"<unknown> stays"'}}, '"<unknown> stays"'),
    ],
)
def test_a_target_receives_the_input_that_it_asks_for(target, expected):
    assert expected == shaped(target, EVENT, "arn:aws:events:us-east-1:123456789012:rule/r")
