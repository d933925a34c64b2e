"""Targets of rules: what PutTargets takes, and deliveries that fail for the moment."""

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from local import retries
from local.faults import Fault
from local.inputs import shaped
from tests.local.engine.conftest import ACCOUNT, START, allow
from tests.local.engine.test_server import ask, signed

EVENTS = "events.amazonaws.com"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"


# ------------------------------------------------------------- what PutTargets takes


@pytest.fixture
def put_targets(client):
    """Puts targets on a rule that there is."""
    client("events").put_rule(Name="r", EventPattern='{"source": ["shop"]}')

    def put(*targets: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = client("events").put_targets(
            Rule="r", Targets=[{"Id": f"t{number}", "Arn": QUEUE} | target for number, target in enumerate(targets, 1)]
        )
        return answer

    return put


def transformer(template: str, **paths: str) -> dict[str, Any]:
    return {"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}


@pytest.mark.parametrize(
    "target",
    [
        {"Input": '"text"'},
        {"InputPath": "$.detail.a[0]"},
        {"InputPath": "$.detail.instance-id"},
        {"InputPath": "$"},
        transformer('"at <when> <aws.events.rule-name>"', when="$.time"),
        transformer('{"all": <aws.events.event.json>, "AWSx": <AWSx>}', AWSx="$.detail-type"),
        transformer('"no variables, x < y > z"'),
        {"InputTransformer": {"InputPathsMap": {f"v{n}": "$.id" for n in range(100)}, "InputTemplate": '"<v99>"'}},
        transformer('"' + "x" * 8190 + '"'),
        {"RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}},
        {"RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}},
    ],
)
def test_a_target_that_eventbridge_takes_is_taken(put_targets, target):
    assert put_targets(target)["FailedEntryCount"] == 0


LONG = "Member must have length less than or equal to"


@pytest.mark.parametrize(
    "target,message",
    [
        (
            {"Input": "{}", "InputPath": "$"},
            "Only one of Input, InputPath, or InputTransformer must be provided for target t1.",
        ),
        ({"Input": "bare"}, "JSON syntax error in input for target t1."),
        ({"InputPath": "detail"}, "InputPath for target t1 is invalid."),
        ({"InputPath": "$.detail['key']"}, "InputPath for target t1 is invalid."),
        ({"InputPath": "$.detail["}, "InputPath for target t1 is invalid."),
        (transformer('"<a>"', a="detail.a"), "InputPath for target t1 is invalid."),
        (transformer('"<a> <b>"', a="$.a"), "InputTemplate for target t1 contains invalid placeholder b."),
        (
            transformer('"<aws.events.nothing>"'),
            "InputTemplate for target t1 contains invalid placeholder aws.events.nothing.",
        ),
        (
            transformer('["<aws.events.event.json>"]'),
            "InputTemplate for target t1 contains placeholder aws.events.event.json valid only for JSON template.",
        ),
        (transformer('"<a>"', **{f"v{n}": "$.id" for n in range(101)}), f"{LONG} 100"),
        (transformer('"' + "x" * 8191 + '"'), f"{LONG} 8192"),
        (
            {"InputTransformer": {"InputPathsMap": {"aws.events.rule-name": "$.id"}, "InputTemplate": '"x"'}},
            "Map keys must satisfy constraint: [Member must satisfy regular expression pattern",
        ),
        ({"RetryPolicy": {"MaximumRetryAttempts": 186}}, "Member must have value less than or equal to 185"),
        (
            {"DeadLetterConfig": {"Arn": f"arn:aws:sns:us-east-1:{ACCOUNT}:t"}},
            "sns is not supported as a dead letter resource.",
        ),
        ({"DeadLetterConfig": {"Arn": f"{QUEUE}.fifo"}}, "SQS FIFO is not supported by Dead Letter Queues."),
        ({"DeadLetterConfig": {"Arn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:q"}}, "must be in the rule's region"),
        ({"Id": "with space"}, "Member must satisfy regular expression pattern"),
    ],
)
def test_a_target_that_eventbridge_refuses_is_refused_in_its_words(client, put_targets, target, message):
    with pytest.raises(ClientError) as caught:
        put_targets(target)

    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert message in error["Message"]
    assert client("events").list_targets_by_rule(Rule="r")["Targets"] == []


def test_what_botocore_would_have_stopped_is_refused_on_the_wire_too(running, put_targets):
    target = {"Id": "t", "Arn": QUEUE, "RetryPolicy": {"MaximumEventAgeInSeconds": 59}}
    headers = signed("events", **{"X-Amz-Target": "AWSEvents.PutTargets", "Content-Type": "application/x-amz-json-1.1"})

    status, text, _ = ask(running.url, {"Rule": "r", "Targets": [target]}, headers)

    answer = json.loads(text)
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert answer["message"] == (
        "1 validation error detected: Value '59' at 'targets.1.member.retryPolicy.maximumEventAgeInSeconds' failed to "
        "satisfy constraint: Member must have value greater than or equal to 60"
    )


def test_a_rule_has_five_targets_at_most_and_one_of_the_same_id_counts_once(client, put_targets):
    put_targets({}, {}, {}, {}, {})
    put_targets({"Input": "1"}, {"Input": "2"})

    with pytest.raises(ClientError) as caught:
        put_targets({"Id": "sixth"})

    assert caught.value.response["Error"]["Code"] == "LimitExceededException"
    assert len(client("events").list_targets_by_rule(Rule="r")["Targets"]) == 5


def test_a_bus_has_three_hundred_rules_at_most_and_a_change_is_no_new_one(client, monkeypatch):
    monkeypatch.setattr("local.rules.MAX_RULES", 2)
    events = client("events")
    for name in ("a", "b", "a"):
        events.put_rule(Name=name, EventPattern='{"source": ["shop"]}')

    with pytest.raises(ClientError) as caught:
        events.put_rule(Name="c", EventPattern='{"source": ["shop"]}')

    assert caught.value.response["Error"]["Code"] == "LimitExceededException"


def test_a_path_to_several_values_gives_their_list():
    event = {"detail": {"items": [{"n": 1}, {"n": 2}]}}

    assert shaped({"InputPath": "$.detail.items[*].n"}, event, "arn") == "[1, 2]"
    assert shaped({"InputPath": "$.detail.items[1].n"}, event, "arn") == "2"


# ------------------------------------------------------------- deliveries that fail for the moment


@pytest.fixture
def broken(running, client, make_queue, bodies):
    """A rule whose queue fails as a fault says; gives the queue's URL and the dead letters'."""

    def make(policy: dict[str, int] | None = None, error: str = "ThrottlingException", **fault: Any):
        queue, letters = make_queue("q", EVENTS), make_queue("letters", EVENTS)
        events = client("events")
        events.put_rule(Name="r", EventPattern='{"source": ["shop"]}')
        target: dict[str, Any] = {"Id": "t", "Arn": queue[1], "DeadLetterConfig": {"Arn": letters[1]}}
        if policy is not None:
            target["RetryPolicy"] = policy
        events.put_targets(Rule="r", Targets=[target])
        running.world.faults.add(Fault("sqs", "SendMessage", error, message="too fast", resource="q", **fault))
        events.put_events(Entries=[{"Source": "shop", "DetailType": "order", "Detail": '{"n": 1}'}])
        return queue[0], letters[0]

    return make


def letters_in(client, url: str) -> list[tuple[str, dict[str, str]]]:
    answer = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    return [
        (each["Body"], {name: value["StringValue"] for name, value in each["MessageAttributes"].items()})
        for each in answer.get("Messages", [])
    ]


def sums(client, metric: str) -> float:
    points = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Events",
        MetricName=metric,
        Dimensions=[{"Name": "RuleName", "Value": "r"}],
        StartTime=START,
        EndTime=START + timedelta(days=2),
        Period=86400,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))


def test_a_target_that_recovers_gets_its_event_once_and_no_letter_is_dead(client, broken, bodies, advance):
    url, letters = broken(times=3)

    advance(seconds=6)
    early = bodies(url)
    advance(seconds=1)

    # Tried at 0, 1 and 3 seconds, and taken at 7.
    assert early == []
    assert [json.loads(body)["detail"] for body in bodies(url)] == [{"n": 1}]
    assert letters_in(client, letters) == []
    assert (sums(client, "RetryInvocationAttempts"), sums(client, "FailedInvocations")) == (3.0, 0.0)


def test_an_event_is_dead_after_as_many_retries_as_its_policy_allows(client, broken, bodies, advance):
    url, letters = broken({"MaximumRetryAttempts": 2})

    advance(minutes=10)

    ((body, attributes),) = letters_in(client, letters)
    assert json.loads(body)["detail"] == {"n": 1}
    assert attributes == {
        "RULE_ARN": f"arn:aws:events:us-east-1:{ACCOUNT}:rule/r",
        "TARGET_ARN": QUEUE,
        "ERROR_CODE": "THROTTLING",
        "ERROR_MESSAGE": "too fast",
        "RETRY_ATTEMPTS": "2",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
    }
    assert bodies(url) == []
    assert sums(client, "InvocationsSentToDlq") == 1.0


def test_an_event_is_dead_when_it_is_older_than_its_policy_allows(client, broken, advance):
    _, letters = broken({"MaximumEventAgeInSeconds": 60}, error="InternalError")

    advance(seconds=59)
    early = letters_in(client, letters)
    advance(seconds=1)

    # Retried at 1, 3, 7, 15 and 31 seconds; the next would be at 63.
    ((_, attributes),) = letters_in(client, letters)
    assert early == []
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
    assert (attributes["RETRY_ATTEMPTS"], attributes["ERROR_CODE"]) == ("5", "ERROR_FROM_TARGET")


def test_without_retries_an_event_is_dead_at_once(client, broken, advance):
    _, letters = broken({"MaximumRetryAttempts": 0})

    advance(seconds=0)

    ((_, attributes),) = letters_in(client, letters)
    assert (attributes["RETRY_ATTEMPTS"], attributes["EXHAUSTED_RETRY_CONDITION"]) == ("0", "MaximumRetryAttempts")


def test_what_no_retry_can_mend_is_dead_at_once_and_names_no_condition(client, broken, advance):
    _, letters = broken(error="AccessDenied")

    advance(seconds=0)

    ((_, attributes),) = letters_in(client, letters)
    assert (attributes["ERROR_CODE"], attributes["RETRY_ATTEMPTS"]) == ("NO_PERMISSIONS", "0")
    assert "EXHAUSTED_RETRY_CONDITION" not in attributes


def test_by_default_an_event_is_retried_185_times_within_a_day(client, broken, advance):
    _, letters = broken()

    advance(hours=23)
    early = letters_in(client, letters)
    advance(hours=1)

    ((_, attributes),) = letters_in(client, letters)
    assert early == []
    assert (attributes["RETRY_ATTEMPTS"], attributes["EXHAUSTED_RETRY_CONDITION"]) == ("185", "MaximumRetryAttempts")


def test_a_function_and_a_topic_that_fail_for_the_moment_get_their_event_later(running, client, functions, advance):
    function = functions.add("handler", lambda event: None, principal=EVENTS)
    topic = client("sns").create_topic(Name="t")["TopicArn"]
    policy = allow(EVENTS, "sns:Publish", topic)
    client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    client("events").put_rule(Name="r", EventPattern='{"source": ["shop"]}')
    client("events").put_targets(Rule="r", Targets=[{"Id": "f", "Arn": function}, {"Id": "t", "Arn": topic}])
    running.world.faults.add(Fault("lambda", "Invoke", "TooManyRequestsException", times=1))
    running.world.faults.add(Fault("sns", "Publish", "Throttled", status=429, times=1))

    client("events").put_events(Entries=[{"Source": "shop", "DetailType": "order", "Detail": "{}"}])
    advance(seconds=0)
    early = len(functions.invoked) + len(running.world.messages.all())
    advance(seconds=1)

    assert early == 0
    assert (len(functions.invoked), len(running.world.messages.all())) == (1, 1)


@given(st.integers(min_value=0, max_value=1000))
def test_waits_never_shrink_and_stay_within_their_bounds(number):
    one, two = retries.event_wait(number), retries.event_wait(number + 1)

    assert timedelta(seconds=1) <= one <= two <= retries.LONGEST_WAIT
    wait = retries.notification_wait(number)
    assert wait is not None
    assert timedelta(0) <= wait <= timedelta(seconds=20)


def test_all_retries_of_eventbridge_fit_into_its_day_and_no_more():
    total = sum((retries.event_wait(number) for number in range(retries.MAX_ATTEMPTS)), timedelta())

    assert timedelta(hours=23) < total < retries.MAX_AGE
    assert retries.notification_wait(retries.SNS_ATTEMPTS) is None
