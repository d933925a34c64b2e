"""AWS::S3: buckets and their policies."""

import json
from typing import Any

from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources.kind import Context, Created, Kind


def _bucket(context: Context, p: Properties) -> Created:
    client = context.client("s3")
    name = p.text("BucketName") or context.name(63, lower=True)
    region = context.world.region
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    lock = {"ObjectLockEnabledForBucket": p.flag("ObjectLockEnabled")} if "ObjectLockEnabled" in p else {}
    client.create_bucket(Bucket=name, **place, **lock)
    for own, operation, argument in (
        ("PublicAccessBlockConfiguration", "put_public_access_block", "PublicAccessBlockConfiguration"),
        ("VersioningConfiguration", "put_bucket_versioning", "VersioningConfiguration"),
        ("OwnershipControls", "put_bucket_ownership_controls", "OwnershipControls"),
    ):
        if own in p:
            getattr(client, operation)(Bucket=name, **{argument: p.take(own)})
    _encryption(client, name, p)
    _logging(client, name, p)
    rules = [_lifecycle_rule(rule) for rule in p.section("LifecycleConfiguration").sections("Rules")]
    if rules:
        client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    if tags := context.tags(p):
        client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    return Created(
        name,
        {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        },
    )


def _encryption(client: Any, name: str, p: Properties) -> None:
    rules = p.section("BucketEncryption").sections("ServerSideEncryptionConfiguration")
    if rules:
        encryption = [
            rule.choose(
                {
                    "BucketKeyEnabled": "BucketKeyEnabled",
                    "ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault",
                }
            )
            for rule in rules
        ]
        client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": encryption})


def _logging(client: Any, name: str, p: Properties) -> None:
    if "LoggingConfiguration" in p:
        logging = p.section("LoggingConfiguration")
        target = {
            "TargetBucket": logging.text("DestinationBucketName", name),
            "TargetPrefix": logging.text("LogFilePrefix"),
        }
        client.put_bucket_logging(Bucket=name, BucketLoggingStatus={"LoggingEnabled": target})


def _lifecycle_rule(p: Properties) -> dict[str, Any]:
    """CloudFormation spells lifecycle rules in its own way."""
    rule: dict[str, Any] = {"Status": p.need("Status")}
    tags = [{"Key": tag.text("Key"), "Value": tag.text("Value")} for tag in p.sections("TagFilters")]
    prefix = p.text("Prefix")
    if "Id" in p:
        rule["ID"] = p.text("Id")
    rule["Filter"] = {"And": {"Prefix": prefix, "Tags": tags}} if tags else {"Prefix": prefix}
    if "ExpirationInDays" in p:
        rule["Expiration"] = {"Days": p.integer("ExpirationInDays")}
    elif "ExpiredObjectDeleteMarker" in p:
        rule["Expiration"] = {"ExpiredObjectDeleteMarker": p.flag("ExpiredObjectDeleteMarker")}
    rule |= p.choose(
        {
            "AbortIncompleteMultipartUpload": "AbortIncompleteMultipartUpload",
            "NoncurrentVersionExpiration": "NoncurrentVersionExpiration",
        }
    )
    transitions = [
        {"StorageClass": each.text("StorageClass"), "Days": each.integer("TransitionInDays")}
        for each in p.sections("Transitions")
    ]
    return rule | ({"Transitions": transitions} if transitions else {})


def _bucket_policy(context: Context, p: Properties) -> Created:
    bucket = p.text("Bucket")
    if not bucket:
        raise DeployError(f"{p.path}.Bucket", "is required")
    context.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(p.need("PolicyDocument")))
    return Created(bucket)


KINDS = {"AWS::S3::Bucket": Kind(_bucket), "AWS::S3::BucketPolicy": Kind(_bucket_policy)}
