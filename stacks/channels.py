"""What people reach mlwarden by, and it them: what sending to channels needs, the incident widget, the actions page."""

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

from core.incidents.policy import Channel, ChannelKind, Policy
from core.messages.message import FETCHING
from stacks import nag, naming
from stacks.functions import Function, allow
from stacks.notifications import OPEN_INDEX, NotificationsStack

PARAMETER = "ssm:"
"""How a channel's secret names a SecureString parameter; what does not begin so is a Secrets Manager ARN."""
_NO_RANDOM = "-??????"
"""The six characters that Secrets Manager adds to a secret's name in its ARN."""


def sending(policy: Policy) -> list[iam.PolicyStatement]:
    """What the sender's role may do for the channels of `policy`, beyond the deployment's own topics."""
    channels = list(_channels(policy))
    secrets = sorted({_secret(one.secret) for one in channels if one.secret and not one.secret.startswith(PARAMETER)})
    parameters = sorted({_parameter(one.secret) for one in channels if one.secret.startswith(PARAMETER)})
    topics = sorted({one.target for one in channels if one.kind in _TOPICS and one.target})
    statements = [
        allow(action, on=resources)
        for action, resources in (
            ("secretsmanager:GetSecretValue", secrets),
            ("ssm:GetParameter", parameters),
            ("sns:Publish", topics),
        )
        if resources
    ]
    if any(one.kind is ChannelKind.OPSCENTER for one in channels):
        statements.append(allow("ssm:CreateOpsItem", "ssm:UpdateOpsItem", on=["*"]))
    if secrets or parameters:
        # Secrets under a key of the account's own are decrypted in the caller's name, and only through the service.
        statements.append(
            allow(
                "kms:Decrypt",
                on=[naming.arn("kms", "key/*")],
                conditions={
                    "StringEquals": {
                        "kms:ViaService": [
                            f"{service}.{cdk.Aws.REGION}.amazonaws.com" for service in ("secretsmanager", "ssm")
                        ]
                    }
                },
            )
        )
    return statements


def accept_wildcards(stack: cdk.Stack, sender: Function, policy: Policy, bucket: s3.Bucket | None) -> None:
    """Say why the statements of `sending` and `drawing` hold wildcards."""
    unscoped = "An OpsItem's ARN is not known before it is created, and CreateOpsItem takes no other resource."
    keys = "The key of a secret is its owner's choice; kms:ViaService keeps its use to reading secrets."
    channels = list(_channels(policy))
    found = [(naming.arn("kms", "key/*"), keys)] if any(one.secret for one in channels) else []
    if bucket is not None:
        found += [
            (naming.alarm_arn_prefix() + "*", "Alarms of other stacks may be told of."),
            (f"{bucket.bucket_arn}/{GRAPHS}", "The graphs, and nothing else in their bucket."),
        ]
    found += [("*", unscoped)] if any(one.kind is ChannelKind.OPSCENTER for one in channels) else []
    found += [
        (_secret(one.secret), "Secrets Manager adds six characters of its own to a secret's name.")
        for one in channels
        if one.secret.startswith("arn:") and _secret(one.secret) != one.secret
    ]
    for resource, reason in dict(found).items():
        nag.accept(sender.role, f"AwsSolutions-IAM5[Resource::{nag.shown(stack, resource)}]", reason)


GRAPHS = "graphs/*"
"""What is in the bucket of `images`."""


def images(stack: cdk.Stack, policy: Policy) -> s3.Bucket | None:
    """A private bucket for the graphs of messages to chats that fetch them at once; None where there is no such chat.

    Addresses of graphs end within the hour, the graphs themselves after a day, which is the least that S3 has.
    """
    if not any(one.kind in FETCHING for one in _channels(policy)):
        return None
    bucket = s3.Bucket(
        stack,
        "Images",
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        lifecycle_rules=[
            s3.LifecycleRule(
                id="Expire",
                expiration=cdk.Duration.days(1),
                abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
            )
        ],
        # A bucket with something in it cannot be deleted; this one is empty a day later.
        removal_policy=cdk.RemovalPolicy.RETAIN,
    )
    nag.accept(bucket, "AwsSolutions-S1", "Graphs live for a day, and hold nothing but an alarm's metric.")
    return bucket


def drawing(bucket: s3.Bucket | None) -> list[iam.PolicyStatement]:
    """What the sender's role may do to draw graphs, keep them and give their addresses away."""
    if bucket is None:
        return []
    return [
        allow("cloudwatch:DescribeAlarms", on=[naming.alarm_arn_prefix() + "*"]),
        allow("cloudwatch:GetMetricWidgetImage", on=["*"]),
        allow("s3:GetObject", "s3:PutObject", on=[f"{bucket.bucket_arn}/{GRAPHS}"]),
    ]


def widget(stateful: NotificationsStack) -> list[iam.PolicyStatement]:
    """Reads the incidents that run."""
    return [allow("dynamodb:Query", on=[f"{stateful.table.table_arn}/index/{OPEN_INDEX}"])]


def actions(stateful: NotificationsStack) -> list[iam.PolicyStatement]:
    """Reads an incident and its group; keeps and uses up nonces, and writes silences with their line of the audit."""
    return [
        allow("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", on=[stateful.table.table_arn]),
    ]


def url(function: Function) -> str:
    """A public URL of the function, without a sign-in: what it does needs a nonce of its own page."""
    made = lambda_.CfnUrl(
        function,
        "Url",
        auth_type="NONE",
        target_function_arn=function.function.function_arn,
    )
    name = function.function.function_arn
    lambda_.CfnPermission(
        function,
        "UrlAsked",
        action="lambda:InvokeFunctionUrl",
        function_name=name,
        principal="*",
        function_url_auth_type="NONE",
    )
    # Since October 2025 a function URL needs both: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    lambda_.CfnPermission(
        function,
        "UrlAnswers",
        action="lambda:InvokeFunction",
        function_name=name,
        principal="*",
        invoked_via_function_url=True,
    )
    return made.attr_function_url


_TOPICS = frozenset({ChannelKind.SNS, ChannelKind.AMAZON_Q})


def _channels(policy: Policy) -> Iterator[Channel]:
    for receiver in policy.receivers:
        yield from receiver.channels


def _secret(arn: str) -> str:
    """The resource for a secret's ARN, whether or not it ends with what Secrets Manager adds."""
    name = arn.rsplit(":", 1)[-1]
    complete = len(name) > 7 and name[-7] == "-" and name[-6:].isalnum()
    return arn if complete else f"{arn}{_NO_RANDOM}"


def _parameter(secret: str) -> str:
    return naming.arn("ssm", f"parameter/{secret.removeprefix(PARAMETER).lstrip('/')}")
