"""AWS::S3: buckets and their policies."""

import json
from typing import Any

from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources.kind import Context, Created, Kind

_PLAIN = (
    ("PublicAccessBlockConfiguration", "public_access_block", "PublicAccessBlockConfiguration"),
    ("VersioningConfiguration", "bucket_versioning", "VersioningConfiguration"),
    ("OwnershipControls", "bucket_ownership_controls", "OwnershipControls"),
)
"""(property, the operations' noun, the argument) of what the API takes as CloudFormation has it."""
_LIFECYCLE = "LifecycleConfiguration"


def _bucket(context: Context, p: Properties) -> Created:
    client = context.client("s3")
    name = p.text("BucketName") or context.name(63, lower=True)
    region = context.world.region
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    lock = {"ObjectLockEnabledForBucket": p.flag("ObjectLockEnabled")} if "ObjectLockEnabled" in p else {}
    _acl(p)
    client.create_bucket(Bucket=name, **place, **lock)
    created = context.begin(
        Created(
            name,
            {
                "Arn": f"arn:aws:s3:::{name}",
                "DomainName": f"{name}.s3.amazonaws.com",
                "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            },
        )
    )
    _configure(client, name, p)
    if tags := context.tags(p):
        client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    return created


def _configure(client: Any, name: str, p: Properties) -> None:
    for own, noun, argument in _PLAIN:
        if own in p:
            getattr(client, f"put_{noun}")(Bucket=name, **{argument: p.take(own)})
    _encryption(client, name, p)
    _logging(client, name, p)
    rules = [_lifecycle_rule(rule) for rule in p.section(_LIFECYCLE).sections("Rules")]
    if rules:
        client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})


def _acl(p: Properties) -> None:
    """Buckets are private, which is also S3's default; other canned lists are refused."""
    if (acl := p.text("AccessControl", "Private")) != "Private":
        raise DeployError(f"{p.path}.AccessControl", f"only Private is implemented, not {acl!r}")


def _bucket_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    client, name = context.client("s3"), existing.ref
    p.take("BucketName")
    _acl(p)
    if p.take("ObjectLockEnabled") != was.take("ObjectLockEnabled"):
        raise DeployError(f"{p.path}.ObjectLockEnabled", "the embedded AWS cannot change this of a bucket that exists")
    _configure(client, name, p)
    for own, removal in (
        ("PublicAccessBlockConfiguration", "delete_public_access_block"),
        ("OwnershipControls", "delete_bucket_ownership_controls"),
        ("BucketEncryption", "delete_bucket_encryption"),
        (_LIFECYCLE, "delete_bucket_lifecycle"),
    ):
        if own in was and own not in p:
            getattr(client, removal)(Bucket=name)
    if "VersioningConfiguration" in was and "VersioningConfiguration" not in p:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    if "LoggingConfiguration" in was and "LoggingConfiguration" not in p:
        client.put_bucket_logging(Bucket=name, BucketLoggingStatus={})
    if tags := context.tags(p):
        client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    else:
        client.delete_bucket_tagging(Bucket=name)
    return existing


def _delete_bucket(context: Context, p: Properties, existing: Created) -> None:
    """A bucket with objects in it is not deleted: BucketNotEmpty."""
    del p
    client = context.client("s3")
    if any(bucket["Name"] == existing.ref for bucket in client.list_buckets()["Buckets"]):
        client.delete_bucket(Bucket=existing.ref)


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


def _bucket_policy_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    del was, existing
    return _bucket_policy(context, p)


def _delete_bucket_policy(context: Context, p: Properties, existing: Created) -> None:
    del p
    client = context.client("s3")
    if any(bucket["Name"] == existing.ref for bucket in client.list_buckets()["Buckets"]):
        client.delete_bucket_policy(Bucket=existing.ref)


KINDS = {
    "AWS::S3::Bucket": Kind(_bucket, _delete_bucket, _bucket_again),
    "AWS::S3::BucketPolicy": Kind(_bucket_policy, _delete_bucket_policy, _bucket_policy_again),
}
