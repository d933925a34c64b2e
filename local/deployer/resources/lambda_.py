"""AWS::Lambda: functions, layers, permissions, event source mappings, asynchronous settings. All in process."""

import dataclasses
import io
import re
import zipfile
from datetime import timedelta
from typing import Any

from local.deployer import assembly
from local.deployer.errors import DeployError
from local.deployer.properties import Properties
from local.deployer.resources import shapes
from local.deployer.resources.kind import Context, Created, Kind
from local.errors import ServiceError
from local.functions.model import AsyncConfig, Code, Function, Layer, Mapping
from local.functions.packages import default_cache
from local.functions.registry import name_of

POLLING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What a function's role must allow before Lambda polls a queue for it.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""


def _function(context: Context, p: Properties) -> Created:
    functions = context.world.functions
    name = p.text("FunctionName") or context.name(64)
    role = str(p.need("Role"))
    log = p.section("LoggingConfig")
    p.take("EphemeralStorage")  # the disk of a worker is the machine's
    p.take("RecursiveLoop")  # loops end by the clock's owner
    tags = {tag["Key"]: tag["Value"] for tag in context.tags(p)}
    created = Function(
        name=name,
        handler=p.text("Handler"),
        role_arn=role,
        code=_code(context, p.section("Code"), p.text("Handler")),
        runtime=p.text("Runtime"),
        layers=tuple(_layer_of(context, p, arn) for arn in p.texts("Layers")),
        timeout=timedelta(seconds=p.integer("Timeout", 3)),
        memory_mb=p.integer("MemorySize", 128),
        environment=p.section("Environment").mapping("Variables"),
        description=p.text("Description"),
        architecture=(p.texts("Architectures") or ["x86_64"])[0],
        log_group=log.text("LogGroup"),
        log_format=log.text("LogFormat", "Text"),
        log_level=log.text("ApplicationLogLevel"),
        dead_letter_arn=p.section("DeadLetterConfig").text("TargetArn"),
        tracing=p.section("TracingConfig").text("Mode", "PassThrough"),
        reserved_concurrency=p.integer("ReservedConcurrentExecutions") if "ReservedConcurrentExecutions" in p else None,
        tags=tags,
    )
    log.take("SystemLogLevel")  # of platform events, which are not written here
    _check(context, p, created)
    arn = functions.create(created)
    return Created(name, {"Arn": arn})


def _check(context: Context, p: Properties, function: Function) -> None:
    """What CreateFunction refuses."""
    params: dict[str, Any] = {
        "FunctionName": function.name,
        "Runtime": function.runtime,
        "Handler": function.handler,
        "Role": function.role_arn,
        "Code": {"ZipFile": b""},
        "Timeout": int(function.timeout.total_seconds()),
        "MemorySize": function.memory_mb,
        "Environment": {"Variables": function.environment},
        "Architectures": [function.architecture],
        "LoggingConfig": {"LogFormat": function.log_format},
        "Layers": [layer.arn for layer in function.layers],
    }
    shapes.check(context, "lambda", "CreateFunction", params)
    if not function.runtime.startswith("python3."):
        raise DeployError(f"{p.path}.Runtime", f"only Python runs here, not {function.runtime!r}")
    if not context.world.access.check_trust(function.role_arn, "lambda.amazonaws.com"):
        raise DeployError(f"{p.path}.Role", "The role defined for the function cannot be assumed by Lambda.")
    if reserved := [key for key in function.environment if re.match(r"AWS_(LAMBDA|REGION|DEFAULT_REGION)", key)]:
        raise DeployError(f"{p.path}.Environment.Variables.{reserved[0]}", "Lambda reserves this variable")


def _code(context: Context, p: Properties, handler: str) -> Code:
    if "ZipFile" in p:
        return _inline(p.text("ZipFile"), handler)
    asset = context.asset(p, str(p.need("S3Bucket")), str(p.need("S3Key")))
    return Code(asset.path, asset.digest)


def _inline(source: str, handler: str) -> Code:
    """Source in the template itself: a package of one module, named as the handler wants it (index, on AWS)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr(zipfile.ZipInfo(f"{handler.split('.')[0]}.py", (1980, 1, 1, 0, 0, 0)), source)
    content = buffer.getvalue()
    digest = assembly.digest(content)
    path = default_cache() / f"{digest}.zip"
    path.write_bytes(content)
    return Code(path, digest)


def _layer_of(context: Context, p: Properties, arn: str) -> Layer:
    for layer in context.world.functions.layers:
        if layer.arn == arn:
            return layer
    raise DeployError(f"{p.path}.Layers", f"Layer version {arn} does not exist.")


def _layer_version(context: Context, p: Properties) -> Created:
    functions = context.world.functions
    name = p.text("LayerName") or context.name(64)
    content = p.section("Content")
    asset = context.asset(content, str(content.need("S3Bucket")), str(content.need("S3Key")))
    params = p.choose(
        {
            "CompatibleArchitectures": "CompatibleArchitectures",
            "CompatibleRuntimes": "CompatibleRuntimes",
            "Description": "Description",
            "LicenseInfo": "LicenseInfo",
        }
    )
    shapes.check(context, "lambda", "PublishLayerVersion", {"LayerName": name, "Content": {"ZipFile": b""}, **params})
    stem = f"arn:aws:lambda:{context.world.region}:{context.world.account}:layer:{name}"
    number = 1 + sum(layer.arn.startswith(f"{stem}:") for layer in functions.layers)
    arn = f"{stem}:{number}"
    functions.layers.append(Layer(arn, Code(asset.path, asset.digest)))
    return Created(arn, {"LayerVersionArn": arn})


def _permission(context: Context, p: Properties) -> Created:
    functions = context.world.functions
    name = _existing(context, p)
    principal = str(p.need("Principal"))
    condition: dict[str, Any] = {}
    if source := p.text("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": source}
    if account := p.text("SourceAccount"):
        condition["StringEquals"] = {"AWS:SourceAccount": account}
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


def _mapping(context: Context, p: Properties) -> Created:
    world = context.world
    name = _existing(context, p)
    source = str(p.need("EventSourceArn"))
    if source.split(":")[2] != "sqs":
        raise DeployError(f"{p.path}.EventSourceArn", f"only queues are polled here, not {source}")
    scaling = p.section("ScalingConfig")
    filters = [str(each.need("Pattern")) for each in p.section("FilterCriteria").sections("Filters")]
    identity = world.next_id("event source mapping")
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
    world.functions.mappings.append(mapping)
    arn = f"arn:aws:lambda:{world.region}:{world.account}:event-source-mapping:{identity}"
    return Created(identity, {"Id": identity, "EventSourceMappingArn": arn})


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


def _existing(context: Context, p: Properties) -> str:
    name = name_of(str(p.need("FunctionName")))
    context.world.functions.get(name)
    return name


KINDS = {
    "AWS::Lambda::EventInvokeConfig": Kind(_invoke_config),
    "AWS::Lambda::EventSourceMapping": Kind(_mapping),
    "AWS::Lambda::Function": Kind(_function),
    "AWS::Lambda::LayerVersion": Kind(_layer_version),
    "AWS::Lambda::Permission": Kind(_permission),
}
