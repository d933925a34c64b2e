"""AWS::SQS: queues and their policies."""

import json
from typing import Any

from local.deployer.properties import Properties
from local.deployer.resources.kind import Context, Created, Kind

_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)
_DOCUMENTS = ("RedriveAllowPolicy", "RedrivePolicy")
_DEFAULTS = {
    "DelaySeconds": "0",
    "KmsDataKeyReusePeriodSeconds": "300",
    "MaximumMessageSize": "262144",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
"""What an attribute goes back to when a template no longer sets it; "" for the others."""


def _queue(context: Context, p: Properties) -> Created:
    client = context.client("sqs")
    name = p.text("QueueName") or context.name(80)
    attributes = _attributes(p)
    tags = {tag["Key"]: tag["Value"] for tag in context.tags(p)}
    url = client.create_queue(QueueName=name, Attributes=attributes, tags=tags)["QueueUrl"]
    arn = f"arn:aws:sqs:{context.world.region}:{context.world.account}:{name}"
    return Created(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


def _attributes(p: Properties) -> dict[str, Any]:
    attributes: dict[str, Any] = {own: p.text(own) for own in _ATTRIBUTES if own in p}
    return attributes | {own: json.dumps(p.take(own)) for own in _DOCUMENTS if own in p}


def _queue_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    client, url = context.client("sqs"), existing.ref
    retagging = context.retag(p, was)
    p.take("QueueName")
    now, before = _attributes(p), _attributes(was)
    changed = {name: value for name, value in now.items() if value != before.get(name)}
    changed |= {name: _DEFAULTS.get(name, "") for name in before if name not in now}
    if changed:
        client.set_queue_attributes(QueueUrl=url, Attributes=changed)
    if retagging.removed:
        client.untag_queue(QueueUrl=url, TagKeys=list(retagging.removed))
    if retagging.added:
        client.tag_queue(QueueUrl=url, Tags=dict(retagging.added))
    return existing


def _delete_queue(context: Context, p: Properties, existing: Created) -> None:
    del p
    client = context.client("sqs")
    try:
        client.delete_queue(QueueUrl=existing.ref)
    except client.exceptions.QueueDoesNotExist:
        return


def _queue_policy(context: Context, p: Properties) -> Created:
    _set_policy(context, p.texts("Queues"), json.dumps(p.need("PolicyDocument")))
    return Created(context.name(255))


def _queue_policy_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    _set_policy(context, p.texts("Queues"), json.dumps(p.need("PolicyDocument")))
    _set_policy(context, [url for url in was.texts("Queues") if url not in p.texts("Queues")], "")
    return existing


def _delete_queue_policy(context: Context, p: Properties, existing: Created) -> None:
    del existing
    _set_policy(context, p.texts("Queues"), "")


def _set_policy(context: Context, urls: list[str], document: str) -> None:
    """`""` takes a queue's policy away; a queue that is gone has none."""
    client = context.client("sqs")
    for url in urls:
        try:
            client.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
        except client.exceptions.QueueDoesNotExist:
            if document:
                raise


KINDS = {
    "AWS::SQS::Queue": Kind(_queue, _delete_queue, _queue_again),
    "AWS::SQS::QueuePolicy": Kind(_queue_policy, _delete_queue_policy, _queue_policy_again),
}
