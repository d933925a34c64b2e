"""What breaks on the way of a page: nothing is lost, nothing is sent twice, and somebody is told."""

import dataclasses
import json
from datetime import timedelta
from typing import Any

from tests.e2e.deployed import ONCALL, START, Deployed, direct, subjects

SILENT = timedelta(minutes=15)
"""When AgentSilent goes off: no agent runs in these worlds."""


def tap(deployed: Deployed) -> str:
    """A queue that gets what EventBridge gives the router; its URL."""
    aws = deployed.aws
    url = aws.get("sqs").create_queue(QueueName="tap")["QueueUrl"]
    arn = deployed.arn_of_queue(url)
    rule = aws.get("events").describe_rule(Name=deployed.physical("AlarmChanges"))
    tapped = aws.get("events").put_rule(Name="tap", EventPattern=rule["EventPattern"])["RuleArn"]
    aws.get("events").put_targets(Rule="tap", Targets=[{"Id": "tap", "Arn": arn}])
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": tapped}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.get("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return str(url)


def send(deployed: Deployed, body: str) -> None:
    """Deliver an event to the router's queue."""
    deployed.aws.get("sqs").send_message(QueueUrl=deployed.physical("Events"), MessageBody=body)


def break_router(deployed: Deployed) -> None:
    """Take a setting from the router, so that its handler raises."""
    router = deployed.world.functions.get(deployed.physical("RouterFunction"))
    environment = {name: value for name, value in router.environment.items() if name != "MLWARDEN_TABLE"}
    deployed.world.functions.replace(dataclasses.replace(router, environment=environment))


def kept(deployed: Deployed, queue: str, alarm: str) -> list[dict[str, Any]]:
    """The events about an alarm in a queue."""
    messages = deployed.receive(deployed.physical(queue))
    return [message for message in messages if json.loads(message["Body"]).get("detail", {}).get("alarmName") == alarm]


def test_a_malformed_event_is_kept_with_its_reason_and_source_while_the_rest_of_its_batch_pages(
    deployed: Deployed,
) -> None:
    deployed.advance(minutes=2)
    runs = len(deployed.runs("Router"))
    malformed = json.dumps({"detail-type": "CloudWatch Alarm State Change", "detail": {"alarmName": "x"}})

    deployed.set_alarm("ranker", "Unhealthy")
    send(deployed, malformed)
    deployed.set_alarm("embedder", "Unhealthy")
    deployed.advance(seconds=45)

    (buried,) = deployed.receive(deployed.physical("EventsDeadLetters"))
    attributes = {name: value["StringValue"] for name, value in buried["MessageAttributes"].items()}
    assert len(deployed.runs("Router")) == runs + 1
    assert sorted(subject.split()[1] for subject in subjects(deployed.messages())) == ["embedder:", "ranker:"]
    assert buried["Body"] == malformed
    assert attributes["reason"].startswith("detail.state")
    assert attributes["source"] == deployed.arn_of_queue(deployed.physical("Events"))
    assert deployed.depth("Events") == 0


def test_a_buried_event_pages_through_sns_directly_and_only_once(deployed: Deployed) -> None:
    deployed.advance(minutes=2)

    send(deployed, "not JSON")
    deployed.advance(minutes=8)

    (page,) = deployed.messages()
    assert direct([page]) == ["mlwarden-demo-events-DeadLetters"]
    assert page.endpoint == ONCALL
    assert page.time == START + timedelta(minutes=3)
    assert deployed.runs("Router")[-1].facts["error"] == ""


def test_an_event_that_is_delivered_again_sends_nothing_again(deployed: Deployed) -> None:
    tapped = tap(deployed)
    deployed.advance(minutes=2)
    deployed.set_alarm("embedder", "Unhealthy")
    deployed.advance(minutes=5)
    events = [message["Body"] for message in deployed.receive(tapped)]
    about = [body for body in events if "embedder-Unhealthy" in body and '"ALARM"' in body]
    before = subjects(deployed.messages())

    for body in about * 2:
        send(deployed, body)
    deployed.advance(minutes=5)

    assert [json.loads(body)["detail"]["state"]["value"] for body in about] == ["ALARM", "OK"]
    assert [subject.split()[0] for subject in before] == ["[CRITICAL]", "[RESOLVED"]
    assert subjects(deployed.messages()) == before
    assert deployed.depth("EventsDeadLetters") == 0


def test_an_event_that_arrives_twice_in_one_batch_pages_once(deployed: Deployed) -> None:
    tapped = tap(deployed)
    deployed.aws.get("events").disable_rule(Name=deployed.physical("AlarmChanges"))
    deployed.set_alarm("embedder", "Unhealthy")
    deployed.world.clock.settle()
    fired = next(
        message["Body"] for message in deployed.receive(tapped) if '{"value": "ALARM"' in message["Body"]
    )

    send(deployed, fired)
    send(deployed, fired)
    deployed.advance(minutes=5)

    assert len(deployed.messages()) == 1
    assert deployed.messages()[0].subject.startswith("[CRITICAL] embedder: ")


def test_a_lost_queue_message_costs_a_minute_and_not_the_page(deployed: Deployed) -> None:
    deployed.advance(minutes=2)
    deployed.set_alarm("embedder", "Unhealthy")
    deployed.advance(seconds=5)

    deployed.aws.get("sqs").purge_queue(QueueUrl=deployed.physical("Notifications"))
    deployed.advance(seconds=50)
    early = deployed.messages()
    deployed.advance(minutes=3)

    pages = [message for message in deployed.messages() if message.subject.startswith("[CRITICAL]")]
    assert early == []
    assert [page.time for page in pages] == [START + timedelta(minutes=3)]


def test_a_function_that_raises_is_retried_three_times_and_what_it_was_given_is_kept_unchanged(
    deployed: Deployed,
) -> None:
    break_router(deployed)
    alarm = deployed.alarm("laptop", "AgentSilent")

    deployed.advance(minutes=27)

    (event,) = kept(deployed, "EventsDeadLetters", alarm)
    failed = [run.time - START for run in deployed.runs("Router") if "MLWARDEN_TABLE" in str(run.facts["error"])]
    assert {SILENT + timedelta(minutes=minutes) for minutes in (0, 3, 6)} <= set(failed)
    assert json.loads(event["Body"])["detail"]["state"]["value"] == "ALARM"
    assert subjects(deployed.messages()) == []


def test_a_function_that_raises_pages_without_the_functions(deployed: Deployed) -> None:
    break_router(deployed)

    deployed.advance(minutes=27)

    assert direct(deployed.messages()) == ["mlwarden-demo-router-FunctionErrors", "mlwarden-demo-events-DeadLetters"]
    assert {message.endpoint for message in deployed.messages()} == {ONCALL}


def test_what_was_kept_pages_when_it_is_sent_again_after_the_repair(deployed: Deployed) -> None:
    router = deployed.world.functions.get(deployed.physical("RouterFunction"))
    break_router(deployed)
    deployed.advance(minutes=27)

    deployed.world.functions.replace(router)
    source = deployed.arn_of_queue(deployed.physical("EventsDeadLetters"))
    deployed.aws.get("sqs").start_message_move_task(SourceArn=source)
    deployed.advance(minutes=2)

    assert [subject.split(" (")[0] for subject in subjects(deployed.messages())] == ["[CRITICAL] laptop: agent silent"]
    assert deployed.depth("EventsDeadLetters") == 0


def test_a_router_that_may_not_write_its_table_keeps_the_event_and_pages_without_the_functions(
    deployed: Deployed,
) -> None:
    role = deployed.physical("RouterRole")
    iam = deployed.aws.get("iam")
    document = iam.get_role_policy(RoleName=role, PolicyName="Function")["PolicyDocument"]
    document["Statement"] = [each for each in document["Statement"] if "dynamodb:PutItem" not in each["Action"]]
    iam.put_role_policy(RoleName=role, PolicyName="Function", PolicyDocument=json.dumps(document))

    deployed.advance(minutes=27)

    assert len(kept(deployed, "EventsDeadLetters", deployed.alarm("laptop", "AgentSilent"))) == 1
    assert direct(deployed.messages()) == ["mlwarden-demo-events-DeadLetters"]
    assert subjects(deployed.messages()) == []


def test_heartbeats_that_stop_page_through_sns_once_the_warm_up_is_over(deployed: Deployed) -> None:
    mappings = deployed.world.functions.mappings
    router = deployed.physical("RouterFunction")
    mappings[:] = [mapping for mapping in mappings if mapping.function_name != router]

    deployed.advance(minutes=29)
    early = deployed.messages()
    deployed.advance(minutes=31)

    (page,) = deployed.messages()
    assert early == []
    assert direct([page]) == ["mlwarden-demo-platform-HeartbeatMissing"]
    assert page.endpoint == ONCALL


def test_heartbeats_that_stop_later_page_after_three_of_them_are_missing(deployed: Deployed) -> None:
    deployed.advance(minutes=31)
    mappings = deployed.world.functions.mappings
    router = deployed.physical("RouterFunction")
    stopped = deployed.world.clock.now()
    mappings[:] = [
        dataclasses.replace(mapping, enabled=False) if mapping.function_name == router else mapping
        for mapping in mappings
    ]

    deployed.advance(minutes=25)

    pages = [message for message in deployed.messages() if message.time > stopped]
    assert direct(pages) == ["mlwarden-demo-platform-HeartbeatMissing"]
    assert pages[0].time - stopped < timedelta(minutes=20)
