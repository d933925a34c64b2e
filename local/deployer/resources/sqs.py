"""AWS::SQS: queues and their policies."""

import json

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
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)
_DOCUMENTS = ("RedriveAllowPolicy", "RedrivePolicy")


def _queue(context: Context, p: Properties) -> Created:
    client = context.client("sqs")
    name = p.text("QueueName") or context.name(80)
    attributes = {own: p.text(own) for own in _ATTRIBUTES if own in p}
    attributes |= {own: json.dumps(p.take(own)) for own in _DOCUMENTS if own in p}
    if "ReceiveMessageWaitTimeSeconds" in p:
        attributes["ReceiveMessageWaitTimeSeconds"] = p.text("ReceiveMessageWaitTimeSeconds")
    tags = {tag["Key"]: tag["Value"] for tag in context.tags(p)}
    url = client.create_queue(QueueName=name, Attributes=attributes, tags=tags)["QueueUrl"]
    arn = f"arn:aws:sqs:{context.world.region}:{context.world.account}:{name}"
    return Created(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


def _queue_policy(context: Context, p: Properties) -> Created:
    document = json.dumps(p.need("PolicyDocument"))
    for url in p.texts("Queues"):
        context.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    return Created(context.name(255))


KINDS = {"AWS::SQS::Queue": Kind(_queue), "AWS::SQS::QueuePolicy": Kind(_queue_policy)}
