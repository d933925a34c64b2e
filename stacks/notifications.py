"""Who is told, and what must outlive a redeploy: encrypted topics, subscriptions, the incident table, the reports."""

import hashlib
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from core.catalogue.alarm import Severity
from core.config import Config
from core.config_notifications import Subscription
from stacks import nag, naming

DUE_INDEX, FIRING_INDEX, OPEN_INDEX = "due", "firing", "open"
"""The table's sparse indexes: flushes and deliveries that are owed, alerts that fire, incidents that run."""
REPORTS_KEPT = cdk.Duration.days(400)
"""A report can be held against the same season's of the year before."""


class NotificationsStack(cdk.Stack):
    """`topics` by severity, the `key` that encrypts them, the incident `table` and the `reports` bucket."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, **kwargs: Any) -> None:
        super().__init__(scope, construct_id, **kwargs)
        self.key = self._key()
        self.topics = {severity: self._topic(severity) for severity in Severity}
        self.canary = self._canary()
        for subscription in config.notifications.subscriptions:
            self._subscribe(subscription)
        self.table = self._table()
        self.reports = self._reports()

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            description="Encrypts mlwarden's notification topics",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        actions = ["kms:Decrypt", "kms:GenerateDataKey*"]
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsPublishToEncryptedTopics",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=actions,
                resources=["*"],
                conditions=_only_from(naming.alarm_arn_prefix() + "*"),
            )
        )
        # No aws:SourceAccount or aws:SourceArn here: Amazon SNS's page "Managing encryption keys" says that a KMS
        # policy with them is not supported for EventBridge and encrypted topics. SNS's own encryption context
        # keeps the key to this account's topics, and the topic policies keep other accounts' rules away from those.
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="RulesPublishToEncryptedTopics",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=actions,
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": naming.arn("sns", "*")}},
            )
        )
        return key

    def _topic(self, severity: Severity) -> sns.Topic:
        topic = sns.Topic(
            self,
            severity.capitalize(),
            display_name=f"mlwarden {severity}",
            master_key=self.key,
            enforce_ssl=True,
        )
        # A topic with a policy of its own loses the default one, under which CloudWatch could publish.
        for sid, service, source in (
            ("AlarmsPublish", "cloudwatch.amazonaws.com", naming.alarm_arn_prefix() + "*"),
            ("RulesPublish", "events.amazonaws.com", naming.arn("events", "rule/*")),
        ):
            topic.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[iam.ServicePrincipal(service)],
                    actions=["sns:Publish"],
                    resources=[topic.topic_arn],
                    conditions=_only_from(source),
                )
            )
        return topic

    def _canary(self) -> sns.Topic:
        """Nobody's topic: each heartbeat ends with a message to it, so that SNS and its key are proven too."""
        return sns.Topic(self, "Canary", display_name="mlwarden heartbeat", master_key=self.key, enforce_ssl=True)

    def _subscribe(self, subscription: Subscription) -> None:
        """One CloudFormation resource a severity; a queue's own policy must let the topic send to it."""
        address = hashlib.sha256(subscription.endpoint.encode()).hexdigest()[:8]
        for severity in map(Severity, subscription.severities):
            sns.CfnSubscription(
                self,
                f"{severity.capitalize()}{subscription.protocol.capitalize()}{address}",
                topic_arn=self.topics[severity].topic_arn,
                protocol=subscription.protocol,
                endpoint=subscription.endpoint,
            )

    def _table(self) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            "Incidents",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        for name, partition, sort, projection in (
            (DUE_INDEX, "due_shard", "due_at", dynamodb.ProjectionType.KEYS_ONLY),
            (FIRING_INDEX, "firing_shard", "firing_since", dynamodb.ProjectionType.ALL),
            (OPEN_INDEX, "open_shard", "opened_at", dynamodb.ProjectionType.ALL),
        ):
            table.add_global_secondary_index(
                index_name=name,
                partition_key=dynamodb.Attribute(name=partition, type=dynamodb.AttributeType.STRING),
                sort_key=dynamodb.Attribute(name=sort, type=dynamodb.AttributeType.STRING),
                projection_type=projection,
            )
        return table

    def _reports(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Reports",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="Expire",
                    expiration=REPORTS_KEPT,
                    noncurrent_version_expiration=cdk.Duration.days(30),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                )
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        nag.accept(
            bucket,
            "AwsSolutions-S1",
            "Reports are written by one function and read by people who may; CloudTrail data events record access "
            "where an account wants it, without a second bucket here.",
        )
        return bucket


def _only_from(source: str) -> dict[str, Any]:
    return {
        "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
        "ArnLike": {"aws:SourceArn": source},
    }
