"""AWS::ECR: repositories, as the CDK's bootstrap has one for container images."""

import json
from typing import Any

from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Kind


def _repository(context: Context, p: Properties) -> Created:
    client = context.client("ecr")
    name = p.text("RepositoryName") or context.name(256, lower=True)
    lifecycle, policy = p.section("LifecyclePolicy").text("LifecyclePolicyText"), p.take("RepositoryPolicyText")
    p.flag("EmptyOnDelete")
    params = shapes.request(
        context,
        p,
        "ecr",
        "CreateRepository",
        rename={"ImageScanningConfiguration": "imageScanningConfiguration", "ImageTagMutability": "imageTagMutability"},
    )
    tags = context.tags(p)
    params |= {"repositoryName": name, **({"tags": tags} if tags else {})}
    repository = client.create_repository(**params)["repository"]
    created = context.begin(
        Created(name, {"Arn": repository["repositoryArn"], "RepositoryUri": repository["repositoryUri"]})
    )
    _policies(client, name, lifecycle, policy)
    return created


def _policies(client: Any, name: str, lifecycle: str, policy: Any) -> None:
    if lifecycle:
        client.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=lifecycle)
    if policy:
        client.set_repository_policy(repositoryName=name, policyText=json.dumps(policy))


def _repository_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    client, name = context.client("ecr"), existing.ref
    retagging = context.retag(p, was)
    p.take("RepositoryName")
    p.flag("EmptyOnDelete")
    lifecycle, policy = p.section("LifecyclePolicy").text("LifecyclePolicyText"), p.take("RepositoryPolicyText")
    if was.section("LifecyclePolicy").text("LifecyclePolicyText") and not lifecycle:
        client.delete_lifecycle_policy(repositoryName=name)
    if was.take("RepositoryPolicyText") and not policy:
        client.delete_repository_policy(repositoryName=name)
    _policies(client, name, lifecycle, policy)
    mutability = p.text("ImageTagMutability", "MUTABLE")
    client.put_image_tag_mutability(repositoryName=name, imageTagMutability=mutability)
    scanning = p.take("ImageScanningConfiguration", {"ScanOnPush": False})
    shape = client.meta.service_model.operation_model("PutImageScanningConfiguration").input_shape
    params = {"scanOnPush": shapes.converted(scanning.get("ScanOnPush", False), shape)}
    client.put_image_scanning_configuration(repositoryName=name, imageScanningConfiguration=params)
    arn = existing.attributes["Arn"]
    if retagging.removed:
        client.untag_resource(resourceArn=arn, tagKeys=list(retagging.removed))
    if retagging.added:
        client.tag_resource(resourceArn=arn, tags=retagging.pairs())
    return existing


def _delete_repository(context: Context, p: Properties, existing: Created) -> None:
    client = context.client("ecr")
    try:
        client.delete_repository(repositoryName=existing.ref, force=p.flag("EmptyOnDelete"))
    except client.exceptions.RepositoryNotFoundException:
        return


KINDS = {"AWS::ECR::Repository": Kind(_repository, _delete_repository, _repository_again)}
