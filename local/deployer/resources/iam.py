"""AWS::IAM: roles, policies, instance profiles."""

import json
from typing import Any

from local.deployer import managed_policies
from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources.kind import Context, Created, Kind


def _role(context: Context, p: Properties) -> Created:
    client = context.client("iam")
    name = p.text("RoleName") or context.name(64)
    attached = p.texts("ManagedPolicyArns")
    inline = p.sections("Policies")
    params: dict[str, Any] = {
        "RoleName": name,
        "AssumeRolePolicyDocument": json.dumps(p.need("AssumeRolePolicyDocument")),
        "Tags": context.tags(p),
    }
    for own in ("Path", "Description", "PermissionsBoundary"):
        if own in p:
            params[own] = p.text(own)
    if "MaxSessionDuration" in p:
        params["MaxSessionDuration"] = p.integer("MaxSessionDuration")
    role = client.create_role(**params)["Role"]
    for arn in attached:
        managed_policies.provide(context.world, arn)
        client.attach_role_policy(RoleName=name, PolicyArn=arn)
    for each in inline:
        client.put_role_policy(
            RoleName=name,
            PolicyName=each.text("PolicyName"),
            PolicyDocument=json.dumps(each.need("PolicyDocument")),
        )
    return Created(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _policy(context: Context, p: Properties) -> Created:
    name = str(p.need("PolicyName"))
    document = json.dumps(p.need("PolicyDocument"))
    roles = p.texts("Roles")
    if not roles:
        raise DeployError(f"{p.path}.Roles", "must name at least one role; users and groups are not implemented")
    for role in roles:
        context.client("iam").put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
    return Created(name)


def _managed_policy(context: Context, p: Properties) -> Created:
    client = context.client("iam")
    params = p.choose({"Description": "Description", "Path": "Path"})
    name = p.text("ManagedPolicyName") or context.name(128)
    document = json.dumps(p.need("PolicyDocument"))
    tags = context.tags(p)
    arn = client.create_policy(PolicyName=name, PolicyDocument=document, Tags=tags, **params)["Policy"]["Arn"]
    for role in p.texts("Roles"):
        client.attach_role_policy(RoleName=role, PolicyArn=arn)
    return Created(arn, {"PolicyArn": arn})


def _instance_profile(context: Context, p: Properties) -> Created:
    client = context.client("iam")
    name = p.text("InstanceProfileName") or context.name(128)
    path = p.choose({"Path": "Path"})
    profile = client.create_instance_profile(InstanceProfileName=name, **path)["InstanceProfile"]
    for role in p.texts("Roles"):
        client.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    return Created(name, {"Arn": profile["Arn"]})


KINDS = {
    "AWS::IAM::InstanceProfile": Kind(_instance_profile),
    "AWS::IAM::ManagedPolicy": Kind(_managed_policy),
    "AWS::IAM::Policy": Kind(_policy),
    "AWS::IAM::Role": Kind(_role),
}
