"""AWS::KMS: keys and their aliases."""

import json
from typing import Any

from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources.kind import Context, Created, Kind

_FIXED = ("KeySpec", "KeyUsage", "MultiRegion", "Origin")
PENDING_DAYS = 30
"""How long a deleted key waits unless PendingWindowInDays says otherwise."""


def _key(context: Context, p: Properties) -> Created:
    client = context.client("kms")
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in context.tags(p)]
    params: dict[str, Any] = {"Tags": tags} if tags else {}
    params |= p.choose({"Description": "Description", "KeySpec": "KeySpec", "KeyUsage": "KeyUsage", "Origin": "Origin"})
    if "KeyPolicy" in p:
        params["Policy"] = json.dumps(p.take("KeyPolicy"))
    if "MultiRegion" in p:
        params["MultiRegion"] = p.flag("MultiRegion")
    p.take("PendingWindowInDays")  # counts when the key is deleted
    rotation, enabled = _rotation(p), p.flag("Enabled", default=True)
    key = client.create_key(**params)["KeyMetadata"]
    created = context.begin(Created(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]}))
    if rotation is not None:
        client.enable_key_rotation(KeyId=key["KeyId"], **rotation)
    if not enabled:
        client.disable_key(KeyId=key["KeyId"])
    return created


def _rotation(p: Properties) -> dict[str, int] | None:
    """The parameters of EnableKeyRotation; None when the key does not rotate."""
    period = {"RotationPeriodInDays": p.integer("RotationPeriodInDays")} if "RotationPeriodInDays" in p else {}
    return period if p.flag("EnableKeyRotation") else None


def _key_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    client, key = context.client("kms"), existing.ref
    retagging = context.retag(p, was)
    if changed := [name for name in _FIXED if p.take(name) != was.take(name)]:
        raise DeployError(f"{p.path}.{changed[0]}", "You cannot change this property after the AWS KMS key is created")
    p.take("PendingWindowInDays")
    if (policy := p.take("KeyPolicy")) != was.take("KeyPolicy") and policy is not None:
        client.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    if (text := p.text("Description")) != was.text("Description"):
        client.update_key_description(KeyId=key, Description=text)
    if (rotation := _rotation(p)) != _rotation(was):
        if rotation is None:
            client.disable_key_rotation(KeyId=key)
        else:
            client.enable_key_rotation(KeyId=key, **rotation)
    if (enabled := p.flag("Enabled", default=True)) != was.flag("Enabled", default=True):
        (client.enable_key if enabled else client.disable_key)(KeyId=key)
    if retagging.removed:
        client.untag_resource(KeyId=key, TagKeys=list(retagging.removed))
    if retagging.added:
        client.tag_resource(KeyId=key, Tags=retagging.pairs("TagKey", "TagValue"))
    return existing


def _delete_key(context: Context, p: Properties, existing: Created) -> None:
    client = context.client("kms")
    if client.describe_key(KeyId=existing.ref)["KeyMetadata"]["KeyState"] != "PendingDeletion":
        days = p.integer("PendingWindowInDays", PENDING_DAYS)
        client.schedule_key_deletion(KeyId=existing.ref, PendingWindowInDays=days)


def _alias(context: Context, p: Properties) -> Created:
    name = str(p.need("AliasName"))
    context.client("kms").create_alias(AliasName=name, TargetKeyId=p.need("TargetKeyId"))
    return Created(name)


def _alias_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    del was
    p.take("AliasName")
    context.client("kms").update_alias(AliasName=existing.ref, TargetKeyId=p.need("TargetKeyId"))
    return existing


def _delete_alias(context: Context, p: Properties, existing: Created) -> None:
    del p
    client = context.client("kms")
    if any(alias["AliasName"] == existing.ref for alias in client.list_aliases()["Aliases"]):
        client.delete_alias(AliasName=existing.ref)


KINDS = {
    "AWS::KMS::Alias": Kind(_alias, _delete_alias, _alias_again),
    "AWS::KMS::Key": Kind(_key, _delete_key, _key_again),
}
