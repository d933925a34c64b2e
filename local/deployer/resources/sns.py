"""AWS::SNS: topics, their policies, their subscriptions."""

import json
from typing import Any

from local.deployer.errors import DeployError
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
_TEXTS = ("FilterPolicyScope", "SubscriptionRoleArn")


def _topic(context: Context, p: Properties) -> Created:
    client = context.client("sns")
    name = p.text("TopicName") or context.name(256)
    attributes = {own: p.text(own) for own in _TOPIC_ATTRIBUTES if own in p}
    inline = p.sections("Subscription")
    arn = client.create_topic(Name=name, Attributes=attributes, Tags=context.tags(p))["TopicArn"]
    created = context.begin(Created(arn, {"TopicArn": arn, "TopicName": name}))
    for each in inline:
        client.subscribe(TopicArn=arn, Protocol=each.text("Protocol"), Endpoint=each.text("Endpoint"))
    return created


def _topic_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    client, arn = context.client("sns"), existing.ref
    retagging = context.retag(p, was)
    for own in ("FifoTopic", "TopicName"):
        p.take(own)
    if p.take("Subscription", []) != was.take("Subscription", []):
        raise DeployError(f"{p.path}.Subscription", "declare it as AWS::SNS::Subscription to change it")
    for own in _TOPIC_ATTRIBUTES:
        if (value := p.text(own)) != was.text(own):
            client.set_topic_attributes(TopicArn=arn, AttributeName=own, AttributeValue=value)
    if retagging.removed:
        client.untag_resource(ResourceArn=arn, TagKeys=list(retagging.removed))
    if retagging.added:
        client.tag_resource(ResourceArn=arn, Tags=retagging.pairs())
    return existing


def _delete_topic(context: Context, p: Properties, existing: Created) -> None:
    """With its subscriptions, as SNS does: moto leaves them."""
    del p
    client = context.client("sns")
    try:
        found = client.list_subscriptions_by_topic(TopicArn=existing.ref)["Subscriptions"]
    except client.exceptions.NotFoundException:
        return
    for each in found:
        if each["SubscriptionArn"].startswith("arn:"):
            client.unsubscribe(SubscriptionArn=each["SubscriptionArn"])
    client.delete_topic(TopicArn=existing.ref)


def _topic_policy(context: Context, p: Properties) -> Created:
    _set_policy(context, p.texts("Topics"), json.dumps(p.need("PolicyDocument")))
    return Created(context.name(255))


def _topic_policy_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    _set_policy(context, p.texts("Topics"), json.dumps(p.need("PolicyDocument")))
    _default_policy(context, [arn for arn in was.texts("Topics") if arn not in p.texts("Topics")])
    return existing


def _delete_topic_policy(context: Context, p: Properties, existing: Created) -> None:
    del existing
    _default_policy(context, p.texts("Topics"))


def _set_policy(context: Context, arns: list[str], document: str) -> None:
    for arn in arns:
        context.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document)


def _default_policy(context: Context, arns: list[str]) -> None:
    """What CloudFormation leaves behind: the policy that a topic starts with, which lets its owner in."""
    client = context.client("sns")
    for arn in arns:
        statement = {
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["SNS:Publish", "SNS:Subscribe", "SNS:GetTopicAttributes", "SNS:SetTopicAttributes"],
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": context.world.account}},
        }
        try:
            client.get_topic_attributes(TopicArn=arn)
        except client.exceptions.NotFoundException:
            continue
        _set_policy(context, [arn], json.dumps({"Version": "2008-10-17", "Statement": [statement]}))


def _subscription(context: Context, p: Properties) -> Created:
    answer = context.client("sns").subscribe(
        TopicArn=p.need("TopicArn"),
        Protocol=p.need("Protocol"),
        Endpoint=p.text("Endpoint"),
        Attributes=_attributes(p),
        ReturnSubscriptionArn=True,
    )
    return Created(answer["SubscriptionArn"], {"Arn": answer["SubscriptionArn"]})


def _attributes(p: Properties) -> dict[str, Any]:
    attributes: dict[str, Any] = {name: json.dumps(p.take(name)) for name in _DOCUMENTS if name in p}
    if "RawMessageDelivery" in p:
        attributes["RawMessageDelivery"] = str(p.flag("RawMessageDelivery")).lower()
    return attributes | {name: p.text(name) for name in _TEXTS if name in p}


def _subscription_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    client = context.client("sns")
    for own in ("Endpoint", "Protocol", "TopicArn"):
        p.take(own)
    now, before = _attributes(p), _attributes(was)
    cleared = {name: "false" if name == "RawMessageDelivery" else "{}" for name in before if name not in now}
    for name, value in (cleared | now).items():
        if value != before.get(name):
            client.set_subscription_attributes(SubscriptionArn=existing.ref, AttributeName=name, AttributeValue=value)
    return existing


def _delete_subscription(context: Context, p: Properties, existing: Created) -> None:
    del p
    client = context.client("sns")
    try:
        client.get_subscription_attributes(SubscriptionArn=existing.ref)
    except client.exceptions.NotFoundException:
        return
    client.unsubscribe(SubscriptionArn=existing.ref)


KINDS = {
    "AWS::SNS::Subscription": Kind(_subscription, _delete_subscription, _subscription_again),
    "AWS::SNS::Topic": Kind(_topic, _delete_topic, _topic_again),
    "AWS::SNS::TopicPolicy": Kind(_topic_policy, _delete_topic_policy, _topic_policy_again),
}
