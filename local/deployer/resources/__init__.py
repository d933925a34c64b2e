"""How each resource type becomes real: one file per service, one table of all types."""

from local.deployer.resources import (
    cdk,
    cloudwatch,
    cloudwatch_rules,
    dynamodb,
    ecr,
    events,
    iam,
    kms,
    lambda_,
    lambda_sources,
    lambda_urls,
    logs,
    s3,
    sagemaker,
    sns,
    sqs,
    ssm,
)
from local.deployer.resources.kind import Kind

KINDS: dict[str, Kind] = {
    **cdk.KINDS,
    **cloudwatch.KINDS,
    **cloudwatch_rules.KINDS,
    **dynamodb.KINDS,
    **ecr.KINDS,
    **events.KINDS,
    **iam.KINDS,
    **kms.KINDS,
    **lambda_.KINDS,
    **lambda_sources.KINDS,
    **lambda_urls.KINDS,
    **logs.KINDS,
    **s3.KINDS,
    **sagemaker.KINDS,
    **sns.KINDS,
    **sqs.KINDS,
    **ssm.KINDS,
}
"""Every resource type that can be deployed, by its CloudFormation name."""
