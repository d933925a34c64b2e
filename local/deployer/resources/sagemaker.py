"""AWS::SageMaker: models, endpoint configurations, endpoints."""

from collections.abc import Callable
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Delete, Kind, Update

_FLAGS = {"ExcludeRetainedVariantProperties", "RetainAllVariantProperties", "RetainDeploymentConfig"}


def _create(operation: str, noun: str, arn: str) -> Callable[[Context, Properties], Created]:
    def create(context: Context, p: Properties) -> Created:
        tags = context.tags(p)
        for own in _FLAGS:
            p.take(own)  # count when an endpoint is updated
        params = shapes.request(context, p, "sagemaker", operation)
        params[f"{noun}Name"] = name = params.get(f"{noun}Name") or context.name(63)
        method = getattr(context.client("sagemaker"), xform_name(operation))
        answer = method(**params, **({"Tags": tags} if tags else {}))
        _wait(context, noun, name)
        return Created(answer[arn], {f"{noun}Name": name})

    return create


def _again(noun: str, apply: Callable[[Context, Properties, Properties, str], None]) -> Update:
    def update(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
        client = context.client("sagemaker")
        retagging = context.retag(p, was)
        apply(context, p, was, existing.attributes[f"{noun}Name"])
        if retagging.removed:
            client.delete_tags(ResourceArn=existing.ref, TagKeys=list(retagging.removed))
        if retagging.added:
            client.add_tags(ResourceArn=existing.ref, Tags=retagging.pairs())
        return existing

    return update


def _only_tags(context: Context, p: Properties, was: Properties, name: str) -> None:
    """Of models and configurations everything else replaces them."""
    del context, was, name
    for own in p.names():
        p.take(own)


def _endpoint(context: Context, p: Properties, was: Properties, name: str) -> None:
    p.take("EndpointName")
    params: dict[str, Any] = shapes.request(context, p, "sagemaker", "UpdateEndpoint")
    if params != shapes.request(context, was, "sagemaker", "UpdateEndpoint"):
        context.client("sagemaker").update_endpoint(EndpointName=name, **params)
        _wait(context, "Endpoint", name)


def _delete(noun: str) -> Delete:
    def delete(context: Context, p: Properties, existing: Created) -> None:
        del p
        client = context.client("sagemaker")
        name = {f"{noun}Name": existing.attributes[f"{noun}Name"]}
        try:
            getattr(client, xform_name(f"Describe{noun}"))(**name)
        except ClientError:
            return
        getattr(client, xform_name(f"Delete{noun}"))(**name)
        _wait(context, noun, existing.attributes[f"{noun}Name"])

    return delete


def _wait(context: Context, noun: str, name: str) -> None:
    """CloudFormation waits until an endpoint is in service or gone, which a clock that stands never sees."""
    if noun == "Endpoint":
        context.world.sagemaker.complete(name)


def _kind(noun: str, apply: Callable[[Context, Properties, Properties, str], None]) -> Kind:
    return Kind(_create(f"Create{noun}", noun, f"{noun}Arn"), _delete(noun), _again(noun, apply))


KINDS = {
    "AWS::SageMaker::Endpoint": _kind("Endpoint", _endpoint),
    "AWS::SageMaker::EndpointConfig": _kind("EndpointConfig", _only_tags),
    "AWS::SageMaker::Model": _kind("Model", _only_tags),
}
