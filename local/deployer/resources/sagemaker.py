"""AWS::SageMaker: models, endpoint configurations, endpoints."""

from collections.abc import Callable

from botocore import xform_name

from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Kind


def _create(operation: str, noun: str, arn: str) -> Callable[[Context, Properties], Created]:
    def create(context: Context, p: Properties) -> Created:
        tags = context.tags(p)
        params = shapes.request(context, p, "sagemaker", operation)
        params[f"{noun}Name"] = name = params.get(f"{noun}Name") or context.name(63)
        client = context.client("sagemaker")
        method = getattr(client, xform_name(operation))
        answer = method(**params, **({"Tags": tags} if tags else {}))
        return Created(answer[arn], {f"{noun}Name": name})

    return create


KINDS = {
    "AWS::SageMaker::Endpoint": Kind(_create("CreateEndpoint", "Endpoint", "EndpointArn")),
    "AWS::SageMaker::EndpointConfig": Kind(_create("CreateEndpointConfig", "EndpointConfig", "EndpointConfigArn")),
    "AWS::SageMaker::Model": Kind(_create("CreateModel", "Model", "ModelArn")),
}
