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
    attached, inline = p.texts("ManagedPolicyArns"), p.sections("Policies")
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
    created = context.begin(Created(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]}))
    _attach(context, name, attached)
    for each in inline:
        _put_inline(client, name, each)
    return created


def _role_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    client, name = context.client("iam"), existing.ref
    retagging = context.retag(p, was)
    for own in ("Path", "RoleName"):
        p.take(own)
    boundary = p.text("PermissionsBoundary")
    if boundary != was.text("PermissionsBoundary"):
        if boundary:
            client.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
        else:
            client.delete_role_permissions_boundary(RoleName=name)
    document = json.dumps(p.need("AssumeRolePolicyDocument"))
    client.update_assume_role_policy(RoleName=name, PolicyDocument=document)
    duration = p.integer("MaxSessionDuration", 3600)
    client.update_role(RoleName=name, Description=p.text("Description"), MaxSessionDuration=duration)
    wanted, before = p.texts("ManagedPolicyArns"), was.texts("ManagedPolicyArns")
    _attach(context, name, [arn for arn in wanted if arn not in before])
    for arn in before:
        if arn not in wanted:
            client.detach_role_policy(RoleName=name, PolicyArn=arn)
    kept = set()
    for each in p.sections("Policies"):
        kept.add(each.text("PolicyName"))
        _put_inline(client, name, each)
    for each in was.sections("Policies"):
        if each.text("PolicyName") not in kept:
            client.delete_role_policy(RoleName=name, PolicyName=each.text("PolicyName"))
    if retagging.removed:
        client.untag_role(RoleName=name, TagKeys=list(retagging.removed))
    if retagging.added:
        client.tag_role(RoleName=name, Tags=retagging.pairs())
    return existing


def _attach(context: Context, role: str, arns: list[str]) -> None:
    for arn in arns:
        managed_policies.provide(context.world, arn)
        context.client("iam").attach_role_policy(RoleName=role, PolicyArn=arn)


def _put_inline(client: Any, role: str, p: Properties) -> None:
    document = json.dumps(p.need("PolicyDocument"))
    client.put_role_policy(RoleName=role, PolicyName=p.text("PolicyName"), PolicyDocument=document)


def _delete_role(context: Context, p: Properties, existing: Created) -> None:
    """As CloudFormation does: with the policies that the role was declared with. Others keep the role (DeleteConflict).

    A policy that a rolled back creation did not get to is passed over.
    """
    client, name = context.client("iam"), existing.ref
    try:
        attached = client.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    except client.exceptions.NoSuchEntityException:
        return
    declared = p.texts("ManagedPolicyArns")
    for arn in (each["PolicyArn"] for each in attached):
        if arn in declared:
            client.detach_role_policy(RoleName=name, PolicyArn=arn)
    present = client.list_role_policies(RoleName=name)["PolicyNames"]
    for each in p.sections("Policies"):
        if each.text("PolicyName") in present:
            client.delete_role_policy(RoleName=name, PolicyName=each.text("PolicyName"))
    client.delete_role(RoleName=name)


def _policy(context: Context, p: Properties) -> Created:
    name = str(p.need("PolicyName"))
    document = json.dumps(p.need("PolicyDocument"))
    roles = p.texts("Roles")
    if not roles:
        raise DeployError(f"{p.path}.Roles", "must name at least one role; users and groups are not implemented")
    created = context.begin(Created(name))
    for role in roles:
        context.client("iam").put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
    return created


def _policy_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    created = _policy(context, p)
    kept = p.texts("Roles") if created.ref == existing.ref else []
    _remove_policy(context, existing.ref, [role for role in was.texts("Roles") if role not in kept])
    return created


def _delete_policy(context: Context, p: Properties, existing: Created) -> None:
    _remove_policy(context, existing.ref, p.texts("Roles"))


def _remove_policy(context: Context, name: str, roles: list[str]) -> None:
    client = context.client("iam")
    for role in roles:
        try:
            client.delete_role_policy(RoleName=role, PolicyName=name)
        except client.exceptions.NoSuchEntityException:
            continue


def _managed_policy(context: Context, p: Properties) -> Created:
    client = context.client("iam")
    params = p.choose({"Description": "Description", "Path": "Path"})
    name = p.text("ManagedPolicyName") or context.name(128)
    document = json.dumps(p.need("PolicyDocument"))
    tags = context.tags(p)
    arn = client.create_policy(PolicyName=name, PolicyDocument=document, Tags=tags, **params)["Policy"]["Arn"]
    created = context.begin(Created(arn, {"PolicyArn": arn}))
    for role in p.texts("Roles"):
        client.attach_role_policy(RoleName=role, PolicyArn=arn)
    return created


def _managed_policy_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    client, arn = context.client("iam"), existing.ref
    retagging = context.retag(p, was)
    for own in ("Description", "ManagedPolicyName", "Path"):
        p.take(own)
    if (document := p.need("PolicyDocument")) != was.take("PolicyDocument"):
        client.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True)
        for version in client.list_policy_versions(PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                client.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    roles, before = p.texts("Roles"), was.texts("Roles")
    for role in roles:
        if role not in before:
            client.attach_role_policy(RoleName=role, PolicyArn=arn)
    for role in before:
        if role not in roles:
            client.detach_role_policy(RoleName=role, PolicyArn=arn)
    if retagging.removed:
        client.untag_policy(PolicyArn=arn, TagKeys=list(retagging.removed))
    if retagging.added:
        client.tag_policy(PolicyArn=arn, Tags=retagging.pairs())
    return existing


def _delete_managed_policy(context: Context, p: Properties, existing: Created) -> None:
    client, arn = context.client("iam"), existing.ref
    try:
        attached = client.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"]
    except client.exceptions.NoSuchEntityException:
        return
    declared = p.texts("Roles")
    for role in (each["RoleName"] for each in attached):
        if role in declared:
            client.detach_role_policy(RoleName=role, PolicyArn=arn)
    client.delete_policy(PolicyArn=arn)


def _instance_profile(context: Context, p: Properties) -> Created:
    client = context.client("iam")
    name = p.text("InstanceProfileName") or context.name(128)
    path = p.choose({"Path": "Path"})
    profile = client.create_instance_profile(InstanceProfileName=name, **path)["InstanceProfile"]
    created = context.begin(Created(name, {"Arn": profile["Arn"]}))
    for role in p.texts("Roles"):
        client.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    return created


def _instance_profile_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    client = context.client("iam")
    for own in ("InstanceProfileName", "Path"):
        p.take(own)
    roles, before = p.texts("Roles"), was.texts("Roles")
    for role in before:
        if role not in roles:
            client.remove_role_from_instance_profile(InstanceProfileName=existing.ref, RoleName=role)
    for role in roles:
        if role not in before:
            client.add_role_to_instance_profile(InstanceProfileName=existing.ref, RoleName=role)
    return existing


def _delete_instance_profile(context: Context, p: Properties, existing: Created) -> None:
    del p
    client, name = context.client("iam"), existing.ref
    try:
        profile = client.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    except client.exceptions.NoSuchEntityException:
        return
    for role in profile["Roles"]:
        client.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
    client.delete_instance_profile(InstanceProfileName=name)


KINDS = {
    "AWS::IAM::InstanceProfile": Kind(_instance_profile, _delete_instance_profile, _instance_profile_again),
    "AWS::IAM::ManagedPolicy": Kind(_managed_policy, _delete_managed_policy, _managed_policy_again),
    "AWS::IAM::Policy": Kind(_policy, _delete_policy, _policy_again),
    "AWS::IAM::Role": Kind(_role, _delete_role, _role_again),
}
