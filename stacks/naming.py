"""Names that people type, and ARNs of this deployment's account and region."""

import aws_cdk as cdk


def stack_name(stage: str, part: str) -> str:
    """`mlwarden-<stage>-<part>`."""
    return f"mlwarden-{stage}-{part}"


def agent_parameter(stage: str) -> str:
    """The SSM parameter with the agents' configuration."""
    return f"/mlwarden/{stage}/agent"


def arn(service: str, resource: str) -> str:
    """An ARN in whatever partition, region and account the stack is deployed to."""
    return f"arn:{cdk.Aws.PARTITION}:{service}:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:{resource}"


def alarm_arn_prefix() -> str:
    """An alarm's ARN up to its name."""
    return arn("cloudwatch", "alarm:")
