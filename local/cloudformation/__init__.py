"""CloudFormation's API over the strict deployer: change sets, stacks, events, as the CDK CLI and SDKs ask for them."""

from local.cloudformation.service import CloudFormation

__all__ = ["CloudFormation"]
