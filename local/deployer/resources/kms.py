"""AWS::KMS: keys and their aliases."""

import json
from typing import Any

from local.deployer.properties import Properties
from local.deployer.resources.kind import Context, Created, Kind


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
    rotate, enabled = p.flag("EnableKeyRotation"), p.flag("Enabled", default=True)
    period = {"RotationPeriodInDays": p.integer("RotationPeriodInDays")} if "RotationPeriodInDays" in p else {}
    key = client.create_key(**params)["KeyMetadata"]
    if rotate:
        client.enable_key_rotation(KeyId=key["KeyId"], **period)
    if not enabled:
        client.disable_key(KeyId=key["KeyId"])
    return Created(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})


def _alias(context: Context, p: Properties) -> Created:
    name = str(p.need("AliasName"))
    context.client("kms").create_alias(AliasName=name, TargetKeyId=p.need("TargetKeyId"))
    return Created(name)


KINDS = {"AWS::KMS::Alias": Kind(_alias), "AWS::KMS::Key": Kind(_key)}
