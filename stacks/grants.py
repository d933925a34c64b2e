"""What each function's role may do beyond its own logs; `*` only where AWS knows no narrower resource."""

from collections.abc import Iterable, Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from core.catalogue.alarm import Severity
from stacks import nag, naming
from stacks.functions import Function, allow, consume
from stacks.notifications import DUE_INDEX, FIRING_INDEX, NotificationsStack

REPORTS = "reports"
"""The folder of the reports bucket that the recommender writes."""


def router(stateful: NotificationsStack, *, reads: sqs.Queue, sends: Iterable[sqs.Queue]) -> list[iam.PolicyStatement]:
    """Records events in transactions and queues what is to be done about them; publishes while the table is down."""
    table = allow(
        "dynamodb:BatchGetItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:PutItem",
        on=[stateful.table.table_arn],
    )
    # A deleted alarm's event does not say which of its series were in ALARM.
    standing = allow("dynamodb:Query", on=[f"{stateful.table.table_arn}/index/{FIRING_INDEX}"])
    return [consume(reads), _send(sends), table, standing, *_publish(stateful, Severity)]


def notifier(
    stateful: NotificationsStack, *, reads: sqs.Queue, sends: Iterable[sqs.Queue]
) -> list[iam.PolicyStatement]:
    """Decides over a group and all its alerts, publishes to every topic, and records what was sent."""
    table = stateful.table.table_arn
    return [
        consume(reads),
        _send([reads, *sends]),
        allow("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", on=[table]),
        allow("dynamodb:Query", on=[table, f"{table}/index/{FIRING_INDEX}"]),
        # How bad it was at its worst, for the message that it is over.
        allow("cloudwatch:GetMetricData", on=["*"]),
        *_publish(stateful, Severity, [stateful.canary.topic_arn]),
    ]


def sweeper(stateful: NotificationsStack, *, sends: Iterable[sqs.Queue]) -> list[iam.PolicyStatement]:
    """Finds what is overdue and what stands through the indexes alone, and reads the alarms."""
    indexes = [f"{stateful.table.table_arn}/index/{name}" for name in (DUE_INDEX, FIRING_INDEX)]
    return [
        _send(sends),
        allow("dynamodb:Query", on=indexes),
        allow(
            "cloudwatch:DescribeAlarmContributors", "cloudwatch:DescribeAlarms", on=[naming.alarm_arn_prefix() + "*"]
        ),
    ]


def responder(
    stateful: NotificationsStack, *, reads: sqs.Queue, sends: Iterable[sqs.Queue]
) -> list[iam.PolicyStatement]:
    """Reads the endpoint and its metrics, and writes the evidence beside its incident."""
    return [
        consume(reads),
        _send(sends),
        allow("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", on=[stateful.table.table_arn]),
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


def accept_wildcards(stack: cdk.Stack, stateful: NotificationsStack, functions: Mapping[str, Function]) -> None:
    """Say why the roles above hold wildcards; cdk-nag refuses any that is not named here."""
    unscoped = "These read-only actions have no resource type in IAM's service authorization reference."
    discovered = "Endpoints and jobs are made outside this stack, and their events name them at run time."
    for name, resource, reason in (
        ("Notifier", "*", unscoped),
        ("Responder", "*", unscoped),
        ("Responder", naming.arn("sagemaker", "endpoint/*"), discovered),
        ("Responder", naming.arn("sagemaker", "endpoint-config/*"), discovered),
        ("Sweeper", naming.alarm_arn_prefix() + "*", "Alarms of other stacks may be told of, and may be deleted."),
        ("Recommender", "*", unscoped),
        ("Recommender", naming.arn("sagemaker", "inference-recommendations-job/*"), discovered),
        ("Recommender", _reports(stateful), "The reports, and nothing else in their bucket; one is added a week."),
    ):
        role = functions[name].role
        nag.accept(role, f"AwsSolutions-IAM5[Resource::{nag.shown(stack, resource)}]", reason)


def _reports(stateful: NotificationsStack) -> str:
    return f"{stateful.export_value(stateful.reports.bucket_arn)}/{REPORTS}/*"


def _publish(
    stateful: NotificationsStack, severities: Iterable[Severity], others: Iterable[str] = ()
) -> list[iam.PolicyStatement]:
    topics = [*(stateful.topics[severity].topic_arn for severity in severities), *others]
    return [
        allow("sns:Publish", on=topics),
        allow("kms:Decrypt", "kms:GenerateDataKey", on=[stateful.key.key_arn]),
    ]


def _send(queues: Iterable[sqs.Queue]) -> iam.PolicyStatement:
    return allow("sqs:SendMessage", on=[queue.queue_arn for queue in queues])
