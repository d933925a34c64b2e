"""What breaks on the way of a page: nothing is lost, nothing is sent twice, and somebody is told."""

import dataclasses
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.config import Config
from local.journal import Entry
from local.messages import Message
from tests.e2e.deployed import ONCALL, START, Deployed, deployed_at, direct, subjects

SILENT = timedelta(minutes=15)
"""When AgentSilent goes off: no agent runs in these worlds."""


@dataclass(frozen=True)
class Raised:
    """What came of a router that raised: its failed runs, who was paged, what was kept, who was paged in the end."""

    failed: list[Entry]
    pages: list[Message]
    kept: list[dict[str, Any]]
    after_repair: list[Message]


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


def received(deployed: Deployed, queue_url: str) -> list[str]:
    """The bodies that a queue gives, in the order in which they came."""
    messages = deployed.receive(queue_url)
    messages.sort(key=lambda message: int(message["Attributes"]["SentTimestamp"]))
    return [str(message["Body"]) for message in messages]


def kept(deployed: Deployed, queue: str, alarm: str) -> list[dict[str, Any]]:
    """The events about an alarm in a queue."""
    messages = deployed.receive(deployed.physical(queue))
    return [message for message in messages if json.loads(message["Body"]).get("detail", {}).get("alarmName") == alarm]


def test_a_malformed_event_is_kept_with_its_reason_and_source_and_pages_while_its_batch_goes_on(
    deployed: Deployed,
) -> None:
    deployed.advance(minutes=2)
    runs = len(deployed.runs("Router"))
    malformed = json.dumps(
        {
            "detail-type": "CloudWatch Alarm State Change",
            "account": "123456789012",
            "region": "us-east-1",
            "resources": ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:x"],
            "detail": {"alarmName": "x"},
        }
    )

    deployed.set_alarm("ranker", "Unhealthy")
    send(deployed, malformed)
    deployed.set_alarm("embedder", "Unhealthy")
    deployed.advance(seconds=45)
    runs_of_the_batch = deployed.runs("Router")[runs:]
    deployed.advance(minutes=6)

    (buried,) = deployed.receive(deployed.physical("EventsDeadLetters"))
    attributes = {name: value["StringValue"] for name, value in buried["MessageAttributes"].items()}
    (page,) = (message for message in deployed.messages() if direct([message]))
    assert [run.facts["error"] for run in runs_of_the_batch] == [""]
    assert sorted(subject.split()[1] for subject in subjects(deployed.messages())) == ["embedder:", "ranker:"]
    assert buried["Body"] == malformed
    assert attributes["reason"].startswith("detail.state")
    assert attributes["source"] == deployed.arn_of_queue(deployed.physical("Events"))
    assert deployed.depth("Events") == 0
    assert direct([page]) == [deployed.alarm("events", "DeadLetters")]
    assert (page.endpoint, page.time) == (ONCALL, START + timedelta(minutes=3))


def test_an_event_that_is_delivered_twice_at_once_or_later_sends_nothing_twice(deployed: Deployed) -> None:
    tapped = tap(deployed)
    deployed.advance(minutes=2)
    deployed.aws.get("events").disable_rule(Name=deployed.physical("AlarmChanges"))
    deployed.set_alarm("embedder", "Unhealthy", "ALARM")
    deployed.advance(seconds=1)
    deployed.set_alarm("embedder", "Unhealthy", "OK")
    deployed.advance(seconds=1)
    fire, end = (body for body in received(deployed, tapped) if "set by a test" in body)

    mailed: list[list[str]] = []
    for bodies in ([fire, fire], [fire], [end, end], [fire, end]):
        for body in bodies:
            send(deployed, body)
        deployed.advance(minutes=2)
        mailed.append([subject.split()[0] for subject in subjects(deployed.messages())])

    fired, resolved = ["[CRITICAL]"], ["[CRITICAL]", "[RESOLVED"]
    assert mailed == [fired, fired, resolved, resolved]
    assert deployed.depth("EventsDeadLetters") == 0


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


@pytest.fixture(scope="module")
def raised(assembly: Path, default_config: Config) -> Raised:
    """The router raises from the start, and is mended after the silent host's event has been given up on."""
    with deployed_at(START, assembly, default_config) as deployed:
        router = deployed.world.functions.get(deployed.physical("RouterFunction"))
        environment = {name: value for name, value in router.environment.items() if name != "MLWARDEN_TABLE"}
        deployed.world.functions.replace(dataclasses.replace(router, environment=environment))
        deployed.advance(minutes=33)
        failed = [run for run in deployed.runs("Router") if run.facts["error"]]
        pages = deployed.messages()
        events = kept(deployed, "EventsDeadLetters", deployed.alarm("laptop", "AgentSilent"))

        deployed.world.functions.replace(router)
        for event in events:
            send(deployed, event["Body"])
        deployed.advance(minutes=2)
        return Raised(failed, pages, events, deployed.messages()[len(pages) :])


def test_a_function_that_raises_is_given_its_event_five_times(raised: Raised) -> None:
    """The queue counts the reading of the dead letter too."""
    assert {event["Attributes"]["ApproximateReceiveCount"] for event in raised.kept} == {"6"}
    assert all("MLWARDEN_TABLE is not set" in str(run.facts["error"]) for run in raised.failed)


def test_what_a_function_that_raises_was_given_is_kept_as_it_was(raised: Raised) -> None:
    (event,) = (json.loads(event["Body"]) for event in raised.kept)

    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["detail"]["state"]["value"] == "ALARM"


def test_a_function_that_raises_pages_without_the_functions(raised: Raised) -> None:
    """Its errors, the missing heartbeats, what was given up on, and the silent host itself by the way around."""
    assert set(direct(raised.pages)) >= {
        "mlwarden-demo-router-FunctionErrors",
        "mlwarden-demo-platform-HeartbeatMissing",
        "mlwarden-demo-events-DeadLetters",
        "mlwarden-demo-laptop-UnroutedCritical",
    }
    assert {page.endpoint for page in raised.pages} == {ONCALL}
    assert subjects(raised.pages) == []


def test_what_was_kept_pages_when_it_is_sent_again_after_the_repair(raised: Raised) -> None:
    assert "[CRITICAL] laptop: agent silent" in [subject.split(" (")[0] for subject in subjects(raised.after_repair)]


def test_a_router_that_may_not_write_its_table_tells_each_alarm_by_itself_and_keeps_the_event(
    deployed: Deployed,
) -> None:
    role = deployed.physical("RouterRole")
    iam = deployed.aws.get("iam")
    document = iam.get_role_policy(RoleName=role, PolicyName="Function")["PolicyDocument"]
    document["Statement"] = [each for each in document["Statement"] if "dynamodb:PutItem" not in each["Action"]]
    iam.put_role_policy(RoleName=role, PolicyName="Function", PolicyDocument=json.dumps(document))

    deployed.advance(minutes=33)

    assert len(kept(deployed, "EventsDeadLetters", deployed.alarm("laptop", "AgentSilent"))) == 1
    assert deployed.alarm("events", "DeadLetters") in direct(deployed.messages())
    told = [subject.split(":")[0] for subject in subjects(deployed.messages())]
    assert set(told) == {"[UNGROUPED CRITICAL] laptop", "[UNGROUPED CRITICAL] ranker"}
    assert told.count("[UNGROUPED CRITICAL] laptop") <= 5


def test_a_dead_router_un_mutes_direct_paging_within_five_minutes(deployed: Deployed) -> None:
    deployed.advance(minutes=5, seconds=30)
    stop(deployed, "RouterFunction")
    stopped = deployed.world.clock.now()
    deployed.set_alarm("embedder", "Unhealthy")

    deployed.advance(minutes=5)

    (page,) = deployed.messages()
    assert direct([page]) == [deployed.alarm("embedder", "UnroutedCritical")]
    assert (page.topic_arn, page.endpoint) == (deployed.physical("Critical"), ONCALL)
    assert timedelta(minutes=1) < page.time - stopped <= timedelta(minutes=5)


def test_while_the_router_lives_nothing_pages_directly(deployed: Deployed) -> None:
    deployed.advance(minutes=5, seconds=30)
    deployed.set_alarm("embedder", "Unhealthy")

    deployed.advance(minutes=9)

    assert [subject.split(":")[0] for subject in subjects(deployed.messages())] == ["[CRITICAL] embedder"]
    assert direct(deployed.messages()) == []


def test_heartbeats_that_stop_later_page_after_five_of_them_are_missing(deployed: Deployed) -> None:
    deployed.advance(minutes=12, seconds=30)
    stop(deployed, "RouterFunction")
    stopped = deployed.world.clock.now()

    deployed.advance(minutes=9)

    pages = {name: page for page in deployed.messages() for name in direct([page])}
    assert "mlwarden-demo-platform-HeartbeatMissing" in pages
    assert pages["mlwarden-demo-platform-HeartbeatMissing"].time - stopped < timedelta(minutes=9)


def stop(deployed: Deployed, function: str) -> None:
    """Take a function its queue away."""
    name = deployed.physical(function)
    mappings = deployed.world.functions.mappings
    mappings[:] = [
        dataclasses.replace(mapping, enabled=False) if mapping.function_name == name else mapping
        for mapping in mappings
    ]
