"""One Lambda function as all of mlwarden's are: own role, own log group, JSON logs, shared code and layers."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.packaging import Package

TIMEOUT = cdk.Duration.seconds(30)
"""Of the functions that read queues."""
VISIBILITY = cdk.Duration.seconds(180)
"""Of the queues that functions read: six timeouts, as Lambda's page on SQS event sources asks."""
MEMORY_MIB = 512
BATCH = 10
RUNTIME = lambda_.Runtime.PYTHON_3_14
ARCHITECTURE = lambda_.Architecture.ARM_64


def allow(*actions: str, on: Sequence[str], conditions: Mapping[str, Any] | None = None) -> iam.PolicyStatement:
    """A statement of a function's role."""
    return iam.PolicyStatement(actions=list(actions), resources=list(on), conditions=conditions)


def layer(scope: Construct, construct_id: str, package: Package, description: str) -> lambda_.LayerVersion:
    """A layer version of a packaged zip."""
    return lambda_.LayerVersion(
        scope,
        construct_id,
        code=code(package),
        description=description,
        compatible_runtimes=[RUNTIME],
        compatible_architectures=[ARCHITECTURE],
    )


def code(package: Package) -> lambda_.Code:
    """The asset of a packaged zip, named by its content."""
    return lambda_.Code.from_asset(
        str(package.path), asset_hash=package.digest, asset_hash_type=cdk.AssetHashType.CUSTOM
    )


class Function(Construct):
    """`lambdas.<name>.handle` behind a role that may do what `statements` say, and write its own logs."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        code: lambda_.Code,
        layers: Sequence[lambda_.ILayerVersion],
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        log_retention_days: int,
        description: str,
        timeout: cdk.Duration = TIMEOUT,
    ) -> None:
        super().__init__(scope, construct_id)
        self.logs = logs.CfnLogGroup(self, "Logs", retention_in_days=log_retention_days)
        self.logs.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        group = logs.LogGroup.from_log_group_name(self, "LogGroup", self.logs.ref)
        write = allow("logs:CreateLogStream", "logs:PutLogEvents", on=[self.logs.attr_arn])
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"Function": iam.PolicyDocument(statements=[write, *statements])},
        )
        self.function = lambda_.Function(
            self,
            "Function",
            code=code,
            handler=f"lambdas.{construct_id.lower()}.handle",
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            layers=list(layers),
            role=self.role,
            # No POWERTOOLS_SERVICE_NAME: Powertools would add it to every metric as a dimension.
            environment=dict(environment),
            timeout=timeout,
            memory_size=MEMORY_MIB,
            log_group=group,
            logging_format=lambda_.LoggingFormat.JSON,
            description=description,
        )
        # The policies are the role's own, so naming the role is dependency enough; cfn-lint calls the rest idle.
        cast(lambda_.CfnFunction, self.function.node.default_child).add_deletion_override("DependsOn")

    @property
    def name(self) -> str:
        """The function's physical name."""
        return self.function.function_name

    def reads(self, queue: sqs.Queue, *, batch: int = BATCH, window: cdk.Duration | None = None, at_once: int) -> None:
        """Feed the function from `queue`, in at most `at_once` runs at a time; its role must allow `consume(queue)`.

        A batch of more than ten needs a window, the longest that its first message waits for others.
        """
        lambda_.CfnEventSourceMapping(
            self,
            queue.node.id,
            function_name=self.function.function_name,
            event_source_arn=queue.queue_arn,
            batch_size=batch,
            maximum_batching_window_in_seconds=None if window is None else int(window.to_seconds()),
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=at_once),
            function_response_types=["ReportBatchItemFailures"],
        )

    def on_failure(self, queue: sqs.Queue) -> None:
        """Keep asynchronous events that failed three times, with the error, in `queue`; its role must allow it."""
        lambda_.CfnEventInvokeConfig(
            self,
            "Asynchronous",
            function_name=self.function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=queue.queue_arn)
            ),
        )


def consume(queue: sqs.Queue) -> iam.PolicyStatement:
    """What Lambda's poller does in the name of the function's role."""
    return allow(
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        on=[queue.queue_arn],
    )
