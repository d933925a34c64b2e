"""AWS::CDK: what the CDK notes about itself."""

from local.deployer.properties import Properties
from local.deployer.resources.kind import Context, Created, Kind


def _metadata(context: Context, p: Properties) -> Created:
    p.take("Analytics")
    return Created(context.name(255))


KINDS = {"AWS::CDK::Metadata": Kind(_metadata, inert=True)}
