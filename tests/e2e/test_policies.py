"""What roles and resource policies do not allow does not happen, and leaves a trace."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from core.config import Config
from local.clients import Clients
from tests.e2e.deployed import START, Deployed, deployed_at, direct

Call = Callable[[Clients, Deployed], Any]

CLOUDWATCH = "cloudwatch.amazonaws.com"
EVENTBRIDGE = "events.amazonaws.com"


@pytest.fixture(scope="module")
def shared(assembly: Path, default_config: Config) -> Iterator[Deployed]:
    """One deployment for all tests here: each takes back what it changes."""
    with deployed_at(START, assembly, default_config) as deployed:
        deployed.advance(minutes=2)
        yield deployed


@contextmanager
def credentials_of(deployed: Deployed, function: str) -> Iterator[Clients]:
    """Clients that sign as a function's worker does."""
    key = deployed.world.functions.access_key(deployed.physical(f"{function}Function"))
    clients = Clients(url=deployed.world.url, region=deployed.world.region, access_key=key)
    try:
        yield clients
    finally:
        clients.close()


def publish_critical(aws: Clients, it: Deployed) -> Any:
    return aws.get("sns").publish(TopicArn=it.physical("Critical"), Message="x")


def publish_info(aws: Clients, it: Deployed) -> Any:
    return aws.get("sns").publish(TopicArn=it.physical("Info"), Message="x")


def get_item(aws: Clients, it: Deployed) -> Any:
    key = {"pk": {"S": "endpoint/x"}, "sk": {"S": "group"}}
    return aws.get("dynamodb").get_item(TableName=it.physical("Incidents"), Key=key)


def batch_get_item(aws: Clients, it: Deployed) -> Any:
    keys = [{"pk": {"S": "endpoint/x"}, "sk": {"S": "group"}}]
    return aws.get("dynamodb").batch_get_item(RequestItems={it.physical("Incidents"): {"Keys": keys}})


def delete_item(aws: Clients, it: Deployed) -> Any:
    key = {"pk": {"S": "endpoint/x"}, "sk": {"S": "group"}}
    return aws.get("dynamodb").delete_item(TableName=it.physical("Incidents"), Key=key)


def update_endpoint(aws: Clients, _: Deployed) -> Any:
    return aws.get("sagemaker").update_endpoint(EndpointName="ranker", EndpointConfigName="ranker-v1")


def describe_endpoint(aws: Clients, _: Deployed) -> Any:
    return aws.get("sagemaker").describe_endpoint(EndpointName="ranker")


def metric_data(aws: Clients, _: Deployed) -> Any:
    metric = {"Namespace": "AWS/SageMaker", "MetricName": "Invocations"}
    query = {"Id": "requests", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    end = START + timedelta(minutes=5)
    return aws.get("cloudwatch").get_metric_data(MetricDataQueries=[query], StartTime=START, EndTime=end)


def list_jobs(aws: Clients, _: Deployed) -> Any:
    return aws.get("sagemaker").list_inference_recommendations_jobs()


def enrolment(aws: Clients, _: Deployed) -> Any:
    return aws.get("compute-optimizer").get_enrollment_status()


def enrol(aws: Clients, _: Deployed) -> Any:
    return aws.get("compute-optimizer").update_enrollment_status(status="Active")


def read_report(aws: Clients, it: Deployed) -> Any:
    return aws.get("s3").get_object(Bucket=it.physical("Reports"), Key="reports/2026-11-01.json")


def put_metrics(aws: Clients, _: Deployed) -> Any:
    return aws.get("cloudwatch").put_metric_data(Namespace="mlwarden", MetricData=[{"MetricName": "x", "Value": 1}])


@pytest.mark.parametrize(
    "function, call, action",
    [
        ("Router", get_item, "dynamodb:GetItem"),
        ("Router", delete_item, "dynamodb:DeleteItem"),
        ("Router", describe_endpoint, "sagemaker:DescribeEndpoint"),
        ("Notifier", batch_get_item, "dynamodb:BatchGetItem"),
        ("Notifier", describe_endpoint, "sagemaker:DescribeEndpoint"),
        ("Notifier", put_metrics, "cloudwatch:PutMetricData"),
        ("Responder", update_endpoint, "sagemaker:UpdateEndpoint"),
        ("Responder", publish_critical, "sns:Publish"),
        ("Recommender", enrol, "compute-optimizer:UpdateEnrollmentStatus"),
        ("Recommender", read_report, "s3:GetObject"),
        ("Recommender", publish_critical, "sns:Publish"),
    ],
)
def test_a_function_is_refused_by_name_an_action_that_its_role_lacks(
    shared: Deployed, function: str, call: Call, action: str
) -> None:
    with credentials_of(shared, function) as aws, pytest.raises(ClientError) as caught:
        call(aws, shared)

    error = caught.value.response["Error"]
    role = shared.physical(f"{function}Role")
    assert error["Code"] in {"AccessDenied", "AccessDeniedException", "AuthorizationError"}
    assert f"assumed-role/{role}/" in error["Message"]
    assert f"is not authorized to perform: {action} on resource: " in error["Message"]


@pytest.mark.parametrize(
    "function, call",
    [
        ("Router", batch_get_item),
        ("Router", publish_critical),
        ("Notifier", get_item),
        ("Notifier", publish_info),
        ("Responder", metric_data),
        ("Recommender", enrolment),
        ("Recommender", list_jobs),
        ("Recommender", publish_info),
    ],
)
def test_a_function_is_allowed_what_its_role_grants(shared: Deployed, function: str, call: Call) -> None:
    with credentials_of(shared, function) as aws:
        answer = call(aws, shared)

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def without(policy: str, principal: str) -> str:
    """A policy document less the statements about a service."""
    document = json.loads(policy)
    kept = [each for each in document["Statement"] if principal not in json.dumps(each.get("Principal"))]
    assert len(kept) < len(document["Statement"]), f"no statement about {principal} in {policy}"
    return json.dumps({**document, "Statement": kept})


@contextmanager
def topic_policy_without(deployed: Deployed, topic: str, principal: str) -> Iterator[None]:
    sns, arn = deployed.aws.get("sns"), deployed.physical(topic)
    policy = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=without(policy, principal))
    try:
        yield
    finally:
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)


@contextmanager
def key_policy_without(deployed: Deployed, principal: str) -> Iterator[None]:
    kms, key = deployed.aws.get("kms"), deployed.physical("Key")
    policy = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=without(policy, principal))
    try:
        yield
    finally:
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)


@contextmanager
def queue_policy_without(deployed: Deployed, queue: str, principal: str) -> Iterator[None]:
    sqs, url = deployed.aws.get("sqs"), deployed.physical(queue)
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": without(policy, principal)})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def page_directly(deployed: Deployed) -> tuple[list[str], list[str]]:
    """Let an alarm of mlwarden's own go off: which alarms paged, and what its history says of its actions."""
    before, since = len(deployed.messages()), deployed.world.clock.now()
    name = deployed.alarm("reports", "DeadLetters")
    deployed.aws.get("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    deployed.advance(minutes=2)
    history = deployed.aws.get("cloudwatch").describe_alarm_history(
        AlarmName=name, HistoryItemType="Action", StartDate=since, EndDate=deployed.world.clock.now()
    )
    summaries = [item["HistorySummary"] for item in history["AlarmHistoryItems"]]
    return direct(deployed.messages()[before:]), summaries


def test_with_its_policies_in_place_a_direct_page_arrives(shared: Deployed) -> None:
    paged, history = page_directly(shared)

    assert paged == [shared.alarm("reports", "DeadLetters")]
    assert len(history) == 1
    assert history[0].startswith("Successfully executed action")


def test_without_cloudwatchs_statement_in_the_topics_policy_a_page_is_refused_and_recorded(shared: Deployed) -> None:
    with topic_policy_without(shared, "Warning", CLOUDWATCH):
        paged, history = page_directly(shared)

    assert paged == []
    assert len(history) == 1
    assert history[0].startswith("Failed to execute action")


def test_without_cloudwatchs_statement_in_the_keys_policy_a_page_is_refused_and_recorded(shared: Deployed) -> None:
    with key_policy_without(shared, CLOUDWATCH):
        paged, history = page_directly(shared)

    assert paged == []
    assert len(history) == 1
    assert history[0].startswith("Failed to execute action")


def test_another_topics_policy_does_not_matter_to_a_page(shared: Deployed) -> None:
    with topic_policy_without(shared, "Info", CLOUDWATCH):
        paged, _ = page_directly(shared)

    assert paged == [shared.alarm("reports", "DeadLetters")]


def test_without_its_statement_in_the_queues_policy_a_rules_delivery_is_refused_counted_and_kept(
    shared: Deployed,
) -> None:
    rule = shared.physical("AlarmChanges")
    before = len(shared.messages())
    refused = len(shared.entries("refused"))

    with queue_policy_without(shared, "Events", EVENTBRIDGE):
        shared.set_alarm("embedder", "Unhealthy")
        shared.advance(seconds=45)
        told = shared.messages()[before:]
        refusals = shared.entries("refused")[refused:]
    shared.advance(minutes=2)

    received = shared.receive(shared.physical("RulesDeadLetters"))
    unhealthy = shared.alarm("embedder", "Unhealthy")
    (kept,) = (one for one in received if json.loads(one["Body"])["detail"]["alarmName"] == unhealthy)
    attributes = {name: value["StringValue"] for name, value in kept["MessageAttributes"].items()}
    assert told == []
    assert "is not authorized to perform: sqs:SendMessage" in str(refusals[0].facts["reason"])
    assert shared.metric("AWS/Events", "FailedInvocations", RuleName=rule) == len(received) == 2
    assert (attributes["ERROR_CODE"], attributes["RULE_ARN"].endswith(rule)) == ("NO_PERMISSIONS", True)
    assert direct(shared.messages()[before:]) == [shared.alarm("rules", "DeadLetters")]
