"""CloudFormation, strictly: templates of a cloud assembly become resources, and nothing in them is passed over."""

from local.deployer.deployment import Deployer, Deployment, StackResult, deploy
from local.deployer.errors import DeployError

__all__ = ["DeployError", "Deployer", "Deployment", "StackResult", "deploy"]
