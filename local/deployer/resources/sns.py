"""AWS::SNS: topics, their policies, their subscriptions."""

import json
from typing import Any

from local.deployer.properties import Properties
from local.deployer.resources.kind import Context, Created, Kind

_TOPIC_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DisplayName",
    "FifoTopic",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
)
_DOCUMENTS = ("DeliveryPolicy", "FilterPolicy", "RedrivePolicy", "ReplayPolicy")


def _topic(context: Context, p: Properties) -> Created:
    client = context.client("sns")
    name = p.text("TopicName") or context.name(256)
    attributes = {own: p.text(own) for own in _TOPIC_ATTRIBUTES if own in p}
    inline = p.sections("Subscription")
    arn = client.create_topic(Name=name, Attributes=attributes, Tags=context.tags(p))["TopicArn"]
    for each in inline:
        client.subscribe(TopicArn=arn, Protocol=each.text("Protocol"), Endpoint=each.text("Endpoint"))
    return Created(arn, {"TopicArn": arn, "TopicName": name})


def _topic_policy(context: Context, p: Properties) -> Created:
    document = json.dumps(p.need("PolicyDocument"))
    for arn in p.texts("Topics"):
        context.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document)
    return Created(context.name(255))


def _subscription(context: Context, p: Properties) -> Created:
    attributes: dict[str, Any] = {name: json.dumps(p.take(name)) for name in _DOCUMENTS if name in p}
    if "RawMessageDelivery" in p:
        attributes["RawMessageDelivery"] = str(p.flag("RawMessageDelivery")).lower()
    for name in ("FilterPolicyScope", "SubscriptionRoleArn"):
        if name in p:
            attributes[name] = p.text(name)
    answer = context.client("sns").subscribe(
        TopicArn=p.need("TopicArn"),
        Protocol=p.need("Protocol"),
        Endpoint=p.text("Endpoint"),
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )
    return Created(answer["SubscriptionArn"], {"Arn": answer["SubscriptionArn"]})


KINDS = {
    "AWS::SNS::Subscription": Kind(_subscription),
    "AWS::SNS::Topic": Kind(_topic),
    "AWS::SNS::TopicPolicy": Kind(_topic_policy),
}
