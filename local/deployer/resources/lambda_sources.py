"""AWS::Lambda: who may invoke functions, the queues they are fed from, what becomes of asynchronous events."""

import dataclasses
from datetime import timedelta
from typing import Any

from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources.kind import Context, Created, Kind
from local.errors import ServiceError
from local.functions.model import AsyncConfig, Mapping
from local.functions.registry import name_of

POLLING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What a function's role must allow before Lambda polls a queue for it.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""


def _permission(context: Context, p: Properties) -> Created:
    functions = context.world.functions
    name = _existing(context, p)
    principal = str(p.need("Principal"))
    condition: dict[str, Any] = {}
    if source := p.text("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": source}
    if account := p.text("SourceAccount"):
        condition["StringEquals"] = {"AWS:SourceAccount": account}
    if auth := p.text("FunctionUrlAuthType"):
        condition.setdefault("StringEquals", {})["lambda:FunctionUrlAuthType"] = auth
    if "InvokedViaFunctionUrl" in p:
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": str(p.flag("InvokedViaFunctionUrl")).lower()}
    service = principal.endswith(".amazonaws.com")
    identity = context.name(100)
    functions.grant(
        name,
        {
            "Sid": identity,
            "Effect": "Allow",
            "Principal": principal if principal == "*" else {"Service" if service else "AWS": principal},
            "Action": p.need("Action"),
            "Resource": functions.arn(name),
            **({"Condition": condition} if condition else {}),
        },
    )
    return Created(identity)


def _delete_permission(context: Context, p: Properties, existing: Created) -> None:
    context.world.functions.revoke(str(p.need("FunctionName")), existing.ref)


def _mapping(context: Context, p: Properties) -> Created:
    world = context.world
    mapping = _declared(context, p, world.next_id("event source mapping"))
    world.functions.mappings.append(mapping)
    arn = f"arn:aws:lambda:{world.region}:{world.account}:event-source-mapping:{mapping.uuid}"
    return Created(mapping.uuid, {"Id": mapping.uuid, "EventSourceMappingArn": arn})


def _mapping_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    del was
    mappings = context.world.functions.mappings
    mapping = _declared(context, p, existing.ref)
    mappings[:] = [mapping if each.uuid == existing.ref else each for each in mappings]
    return existing


def _delete_mapping(context: Context, p: Properties, existing: Created) -> None:
    del p
    mappings = context.world.functions.mappings
    mappings[:] = [each for each in mappings if each.uuid != existing.ref]


def _declared(context: Context, p: Properties, identity: str) -> Mapping:
    name = _existing(context, p)
    source = str(p.need("EventSourceArn"))
    if source.split(":")[2] != "sqs":
        raise DeployError(f"{p.path}.EventSourceArn", f"only queues are polled here, not {source}")
    scaling = p.section("ScalingConfig")
    filters = [str(each.need("Pattern")) for each in p.section("FilterCriteria").sections("Filters")]
    mapping = Mapping(
        uuid=identity,
        function_name=name,
        source_arn=source,
        batch_size=p.integer("BatchSize", 10),
        window=timedelta(seconds=p.integer("MaximumBatchingWindowInSeconds")),
        report_batch_item_failures="ReportBatchItemFailures" in p.texts("FunctionResponseTypes"),
        enabled=p.flag("Enabled", default=True),
        maximum_concurrency=scaling.integer("MaximumConcurrency") if "MaximumConcurrency" in scaling else None,
        filters=tuple(filters),
    )
    _check_mapping(context, p, mapping)
    return mapping


def _check_mapping(context: Context, p: Properties, mapping: Mapping) -> None:
    """What CreateEventSourceMapping refuses."""
    function = context.world.functions.get(mapping.function_name)
    try:
        for action in POLLING:
            context.world.access.check_role(function.role_arn, action, mapping.source_arn)
    except ServiceError as refusal:
        action = refusal.message.partition("perform: ")[2].partition(" ")[0].removeprefix("sqs:")
        raise DeployError(
            p.path,
            f"The function execution role does not have permissions to call {action} on SQS ({refusal.message})",
        ) from refusal
    if mapping.batch_size > 10 and not mapping.window:
        raise DeployError(
            f"{p.path}.MaximumBatchingWindowInSeconds", "must be at least 1 when BatchSize is greater than 10"
        )
    client = context.client("sqs")
    url = client.get_queue_url(QueueName=mapping.source_arn.rsplit(":", 1)[-1])["QueueUrl"]
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    visible = int(answer["Attributes"]["VisibilityTimeout"])
    if visible < function.timeout.total_seconds():
        raise DeployError(
            p.path,
            f"Queue visibility timeout: {visible} seconds is less than Function timeout: "
            f"{function.timeout.total_seconds():.0f} seconds",
        )


def _invoke_config(context: Context, p: Properties) -> Created:
    functions = context.world.functions
    name = _existing(context, p)
    if (qualifier := p.text("Qualifier", "$LATEST")) != "$LATEST":
        raise DeployError(f"{p.path}.Qualifier", f"only $LATEST exists here, not {qualifier!r}")
    destinations = p.section("DestinationConfig")
    function = functions.get(name)
    settings = AsyncConfig(
        retries=p.integer("MaximumRetryAttempts", 2),
        maximum_age=timedelta(seconds=p.integer("MaximumEventAgeInSeconds", 21600)),
        on_failure=destinations.section("OnFailure").text("Destination"),
        on_success=destinations.section("OnSuccess").text("Destination"),
    )
    functions.replace(dataclasses.replace(function, asynchronous=settings))
    return Created(context.name(255))


def _invoke_config_again(context: Context, p: Properties, was: Properties, existing: Created) -> Created:
    del was
    _invoke_config(context, p)
    return existing


def _delete_invoke_config(context: Context, p: Properties, existing: Created) -> None:
    del existing
    functions = context.world.functions
    try:
        function = functions.get(str(p.need("FunctionName")))
    except ServiceError:
        return
    functions.replace(dataclasses.replace(function, asynchronous=AsyncConfig()))


def _existing(context: Context, p: Properties) -> str:
    name = name_of(str(p.need("FunctionName")))
    context.world.functions.get(name)
    return name


KINDS = {
    "AWS::Lambda::EventInvokeConfig": Kind(_invoke_config, _delete_invoke_config, _invoke_config_again),
    "AWS::Lambda::EventSourceMapping": Kind(_mapping, _delete_mapping, _mapping_again),
    "AWS::Lambda::Permission": Kind(_permission, _delete_permission),
}
