"""What each function's role may do beyond its own logs; `*` only where AWS knows no narrower resource."""

from collections.abc import Iterable

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from core.catalogue.alarm import Severity
from stacks import nag, naming
from stacks.functions import Function, allow, consume
from stacks.notifications import DUE_INDEX, NotificationsStack

REPORTS = "reports"
"""The folder of the reports bucket that the recommender writes."""


def router(stateful: NotificationsStack, *, reads: sqs.Queue, sends: Iterable[sqs.Queue]) -> list[iam.PolicyStatement]:
    """Records incidents in one transaction a batch and queues what is to be done about them."""
    incidents = allow("dynamodb:BatchGetItem", "dynamodb:PutItem", on=[stateful.table.table_arn])
    return [consume(reads), _send(sends), incidents]


def notifier(
    stateful: NotificationsStack, *, reads: sqs.Queue, sends: Iterable[sqs.Queue]
) -> list[iam.PolicyStatement]:
    """Finds incidents that are due, publishes to every topic, and records what was sent."""
    index = f"{stateful.table.table_arn}/index/{DUE_INDEX}"
    return [
        consume(reads),
        _send(sends),
        _one_incident(stateful),
        allow("dynamodb:Query", on=[index]),
        # How bad it was at its worst, for the message that it is over.
        allow("cloudwatch:GetMetricData", on=["*"]),
        *_publish(stateful, Severity),
    ]


def responder(
    stateful: NotificationsStack, *, reads: sqs.Queue, sends: Iterable[sqs.Queue]
) -> list[iam.PolicyStatement]:
    """Reads the endpoint and its metrics, and writes the evidence to the incident."""
    return [
        consume(reads),
        _send(sends),
        _one_incident(stateful),
        allow("cloudwatch:GetMetricData", "sagemaker:ListEndpointConfigs", on=["*"]),
        allow("sagemaker:DescribeEndpoint", on=[naming.arn("sagemaker", "endpoint/*")]),
        allow("sagemaker:DescribeEndpointConfig", on=[naming.arn("sagemaker", "endpoint-config/*")]),
    ]


def recommender(stateful: NotificationsStack, *, failures: sqs.Queue) -> list[iam.PolicyStatement]:
    """Asks for recommendations, writes the report and publishes it."""
    return [
        allow(
            "compute-optimizer:GetEC2InstanceRecommendations",
            "compute-optimizer:GetEnrollmentStatus",
            "compute-optimizer:GetIdleRecommendations",
            "cost-optimization-hub:ListEnrollmentStatuses",
            "cost-optimization-hub:ListRecommendations",
            # Compute Optimizer asks for the instances that it speaks of in the caller's name.
            "ec2:DescribeInstances",
            "sagemaker:ListInferenceRecommendationsJobs",
            on=["*"],
        ),
        allow(
            "sagemaker:DescribeInferenceRecommendationsJob",
            on=[naming.arn("sagemaker", "inference-recommendations-job/*")],
        ),
        allow("s3:PutObject", on=[_reports(stateful)]),
        *_publish(stateful, [Severity.INFO]),
        _send([failures]),
    ]


def accept_wildcards(
    stack: cdk.Stack, stateful: NotificationsStack, *, notifier: Function, responder: Function, recommender: Function
) -> None:
    """Say why the roles above hold wildcards; cdk-nag refuses any that is not named here."""
    unscoped = "These read-only actions have no resource type in IAM's service authorization reference."
    discovered = "Endpoints and jobs are made outside this stack, and their events name them at run time."
    for function, resource, reason in (
        (notifier, "*", unscoped),
        (responder, "*", unscoped),
        (responder, naming.arn("sagemaker", "endpoint/*"), discovered),
        (responder, naming.arn("sagemaker", "endpoint-config/*"), discovered),
        (recommender, "*", unscoped),
        (recommender, naming.arn("sagemaker", "inference-recommendations-job/*"), discovered),
        (recommender, _reports(stateful), "The reports, and nothing else in their bucket; one is added a week."),
    ):
        nag.accept(function.role, f"AwsSolutions-IAM5[Resource::{nag.shown(stack, resource)}]", reason)


def _reports(stateful: NotificationsStack) -> str:
    return f"{stateful.export_value(stateful.reports.bucket_arn)}/{REPORTS}/*"


def _one_incident(stateful: NotificationsStack) -> iam.PolicyStatement:
    return allow("dynamodb:GetItem", "dynamodb:PutItem", on=[stateful.table.table_arn])


def _publish(stateful: NotificationsStack, severities: Iterable[Severity]) -> list[iam.PolicyStatement]:
    topics = [stateful.topics[severity].topic_arn for severity in severities]
    return [
        allow("sns:Publish", on=topics),
        allow("kms:Decrypt", "kms:GenerateDataKey", on=[stateful.key.key_arn]),
    ]


def _send(queues: Iterable[sqs.Queue]) -> iam.PolicyStatement:
    return allow("sqs:SendMessage", on=[queue.queue_arn for queue in queues])
